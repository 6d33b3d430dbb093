"""Endpoints that misbehave, each in one named way: the analysis calls it by its name, in time, and never raises."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from certificates import Maker
from pydantic import SecretStr
from town import HOST, PASSWORD, secret

from lab.exchange.ntlm import Acceptor
from lab.places import Places
from mailmove.outlook_anywhere import Step, check_server, rpc_pdu

MAKER = Maker()
CLOSED, HANG = b"<closed>", b"<hang>"
OK_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/rpc\r\nContent-Length: 1073741824\r\n\r\n"
ECHO = rpc_pdu.pdu(rpc_pdu.RTS, struct.pack("<HH", 0x40, 0))
A3 = rpc_pdu.pdu(rpc_pdu.RTS, struct.pack("<HHII", 0, 1, 2, 120_000))
C2 = rpc_pdu.pdu(rpc_pdu.RTS, struct.pack("<HHIIIIII", 0, 3, 6, 1, 0, 262_144, 2, 120_000))
ACK_TAIL = struct.pack("<BBH", 1, 0, 0) + struct.pack("<HH", 0, 0) + b"\0" * 20
ACK = rpc_pdu.pdu(rpc_pdu.BIND_ACK, struct.pack("<HHIH", 5840, 5840, 1, 5) + b"6001\0" + b"\0" + ACK_TAIL, 1)
REJECT = ACK[:-24] + struct.pack("<HH", 2, 1) + b"\0" * 20
NAK = rpc_pdu.pdu(rpc_pdu.BIND_NAK, struct.pack("<HI", 4, 0), 1)
FAULT = rpc_pdu.pdu(rpc_pdu.FAULT, struct.pack("<IHBBII", 0, 0, 0, 0, 5, 0), 1)
BASIC = b'WWW-Authenticate: Basic realm="x"\r\n'


def http(status: str, *headers: bytes, body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n".encode() + b"".join(headers) + b"\r\n" + body


@dataclass
class Endpoint:
    """What each kind of request is answered with; several answers: what comes after each further PDU."""

    methods: bytes = http("401 Unauthorized", BASIC)
    echo: bytes = http("200 OK", body=ECHO)
    out: tuple[bytes, ...] = (OK_HEAD + A3 + C2,)
    into: bytes = b""  # an answer on the IN channel
    bound: tuple[bytes, ...] = (ACK,)
    dead_port: str = ""  # what stands in its query is answered with `out_dead`
    out_dead: bytes = http("503 RPC Error: 6ba")
    pace: float = 0.0  # seconds between bytes
    channel: list[ssl.SSLSocket] = field(default_factory=list)

    def serve(self, link: ssl.SSLSocket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += link.recv(1) or _gone()
        line = head.split(b"\r\n")[0].decode()
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if b"authorization:" not in head.lower():
            self.say(link, self.methods)
        elif length <= 16:
            link.recv(length) if length else None
            self.say(link, self.echo)
        elif line.startswith("RPC_OUT_DATA"):
            link.recv(76)
            if self.dead_port and self.dead_port in line:
                self.say(link, self.out_dead)
                return
            self.channel.append(link)
            self.say(link, b"".join(self.out))
            time.sleep(0.2) if HANG not in self.out else time.sleep(4)
        else:
            link.recv(200)
            if self.into:
                self.say(link, self.into)
                time.sleep(3)
                return
            link.recv(4096)  # the bind
            for answer in self.bound:
                self.say(self.channel.pop(), answer)

    def say(self, link: ssl.SSLSocket, answer: bytes) -> None:
        if answer == HANG:
            time.sleep(4)
        elif self.pace:
            for one in answer:
                link.sendall(bytes([one]))
                time.sleep(self.pace)
        else:
            link.sendall(answer.removesuffix(HANG).removesuffix(CLOSED))
            if answer.endswith(CLOSED):
                link.shutdown(socket.SHUT_RDWR)


def _gone() -> bytes:
    raise ConnectionError


Serve = Callable[[socket.socket], None]


@contextlib.contextmanager
def listening(serve: Serve) -> Iterator[tuple[str, int]]:
    """Each connection in a thread of its own."""
    places, threads, ended = Places(), list[threading.Thread](), threading.Event()
    with socket.create_server((places.old_server, places.https_port)) as listener:
        listener.settimeout(0.05)

        def one(link: socket.socket) -> None:
            with contextlib.suppress(OSError, IndexError, ValueError), link:
                link.settimeout(5)
                serve(link)

        def accept() -> None:
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    link, _ = listener.accept()
                    threads.append(threading.Thread(target=one, args=(link,), daemon=True))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield places.old_server, places.https_port
        finally:
            ended.set()
            accepting.join()


def tls(context: ssl.SSLContext, endpoint: Endpoint) -> Serve:
    def serve(link: socket.socket) -> None:
        with context.wrap_socket(link, server_side=True) as secure:
            endpoint.serve(secure)

    return serve


def looked(serve: Serve, **changes: object) -> Step:
    with listening(serve) as (address, port):
        own = {
            "addresses": [address],
            "port": port,
            "credentials": ("admin@contoso.com", secret()),
            "extra_ca": MAKER.root_pem,
            "server_name_inside": "SBS2008",
            "mailbox": "anna@contoso.com",
        }
        began = time.monotonic()
        result = check_server(HOST, **{**own, **changes})  # type: ignore[arg-type]
        assert time.monotonic() - began < 10
        assert PASSWORD not in result.model_dump_json()
        return result


def good() -> ssl.SSLContext:
    return MAKER.context(HOST)


def demanding(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = good()
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=MAKER.root_pem)
    return context


def hello_then(reply: bytes) -> Serve:
    def serve(link: socket.socket) -> None:
        link.recv(4096)
        link.sendall(reply)
        time.sleep(0.1)

    return serve


NTLM = http("401 Unauthorized", b"WWW-Authenticate: NTLM\r\n")
CHALLENGE = Acceptor({}, "SBS2008")
DAY = dt.timedelta(days=1)


def well(**how: Any) -> Callable[[], Serve]:
    """A good certificate, and this behind it."""
    return lambda: tls(good(), Endpoint(**how))


def shows(*names: str, **how: Any) -> Callable[[], Serve]:
    """Such a certificate, and nothing amiss behind it."""
    return lambda: tls(MAKER.context(*names, **how), Endpoint())


CASES: dict[str, tuple[Callable[[], Serve], str, str]] = {
    # name: (server, name of the step that fails, what it says)
    "self-signed certificate": (lambda: tls(MAKER.self_signed(HOST), Endpoint()), "Certificate chain", "self-signed"),
    "private root": (lambda: tls(MAKER.private(HOST), Endpoint()), "Certificate chain", "private one"),
    "missing intermediate": (shows(HOST, send=False), "Certificate chain", "not sent"),
    "wrong name": (shows("other.example"), "Certificate name", "not for mail.contoso.com"),
    "expired": (shows(HOST, after=-DAY), "Certificate dates", "expired on"),
    "not valid yet": (shows(HOST, before=DAY), "Certificate dates", "not valid before"),
    "expired intermediate": (shows(HOST, issuer="expired"), "Certificate chain", "issuer's certif"),
    "weak key": (shows(HOST, bits=1024), "Certificate key", "1024 bits"),
    "SHA-1 signature": (shows(HOST, sha1=True), "Certificate key", "SHA1"),
    "not for servers": (shows(HOST, usage="client"), "Certificate chain", "not issued for servers"),
    "issuer is no authority": (shows(HOST, issuer="leaf"), "Certificate chain", "no certificate au"),
    "client certificate demanded, TLS 1.2": (
        lambda: tls(demanding(ssl.TLSVersion.TLSv1_2), Endpoint()),
        "TLS",
        "demands a client certificate",
    ),
    "client certificate demanded, TLS 1.3": (
        lambda: tls(demanding(ssl.TLSVersion.TLSv1_3), Endpoint()),
        "HTTP authentication",
        "",
    ),
    "client certificate demanded by IIS": (
        well(methods=http("403 Client certificate required")),
        "HTTP authentication",
        "client certificate",
    ),
    "no TLS": (lambda: hello_then(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "TLS", "does not speak TLS"),
    "hangs up in the TLS handshake": (lambda: hello_then(b""), "TLS", "closed the connection"),
    "silent": (lambda: lambda link: time.sleep(4), "TLS", "silence"),
    "TLS alert": (lambda: hello_then(b"\x15\x03\x03\0\2\2\x28"), "TLS", "TLS handshake failed"),
    "not enabled": (well(methods=http("404 Not Found")), "HTTP authentication", "not enabled"),
    "Negotiate only": (
        well(methods=http("401 No", b"WWW-Authenticate: Negotiate\r\n")),
        "HTTP authentication",
        "Basic or NTLM only",
    ),
    "Digest only": (
        well(methods=http("401 No", b'WWW-Authenticate: Digest realm="x", nonce="1"\r\n')),
        "HTTP authentication",
        "Basic or NTLM only",
    ),
    "no scheme at all": (well(methods=http("401 No")), "HTTP authentication", "offers nothing"),
    "redirect": (
        well(methods=http("302 Found", b"Location: https://mail.contoso.com/owa\r\n")),
        "HTTP authentication",
        "a redirect to https://mail.contoso.com/owa",
    ),
    "another web server": (well(methods=http("200 OK", body=b"hi")), "HTTP authentication", "401. was exp"),
    "application pool stopped": (well(methods=http("503 Service Unavailable")), "HTTP authentication", "503"),
    "HTTP garbage": (well(methods=b"220 smtp ready\r\n" + CLOSED), "HTTP authentication", "not speak HTTP"),
    "closed without an answer": (well(methods=CLOSED), "HTTP authentication", "closed|hangs up|EOF"),
    "answers byte by byte": (well(pace=0.5), "HTTP authentication", "in time"),
    "wrong password": (well(echo=http("401 No", BASIC)), "RPC proxy answers for SBS2008:6001", "401"),
    "echo is none": (well(echo=http("200 OK", body=b"x" * 20)), "RPC proxy answers", "no echo"),
    "503 from a dead 6004": (well(dead_port="6004"), "RPC server behind SBS2008:6004", "503 RPC Error: 6ba"),
    "503 on the IN channel": (
        well(out=(OK_HEAD + A3, HANG), into=http("503 RPC Error: 6ba")),
        "RPC server behind",
        "503",
    ),
    "closed after A3": (well(out=(OK_HEAD + A3 + CLOSED,)), "RPC server behind", "CONN/C2 was expected"),
    "closed before A3": (well(out=(OK_HEAD + CLOSED,)), "RPC server behind", "CONN/A3 was expected"),
    "a wrong PDU instead of A3": (well(out=(OK_HEAD + NAK,)), "RPC server behind", "CONN/A3 was expected"),
    "a fault instead of C2": (well(out=(OK_HEAD + A3 + FAULT,)), "RPC server behind", "fault: access is denied"),
    "garbage in the channel": (
        well(out=(OK_HEAD + b"<html>Welcome to my proxy</html>",)),
        "RPC server behind",
        "is no RPC",
    ),
    "truncated PDU": (well(out=(OK_HEAD + A3 + C2[:30] + CLOSED,)), "RPC server behind", "cut off after 30"),
    "no answer to the bind": (well(bound=(HANG,)), "RPC server behind", "in time|closed"),
    "bind refused": (well(bound=(NAK,)), "RPC server behind", "BIND_NAK"),
    "another RPC server": (well(bound=(REJECT,)), "RPC server behind", "is not the information store"),
    "a fault to the bind": (well(bound=(FAULT,)), "RPC server behind", "fault: access is denied"),
    "a wrong PDU to the bind": (well(bound=(rpc_pdu.pdu(2, b"\0" * 16),)), "RPC server behind", "PDU of type 2"),
    "a bind answer of zeroes": (well(bound=(b"\0" * 64,)), "RPC server behind", "is no RPC"),
    "a bind answer cut short": (well(bound=(ACK[:40] + CLOSED,)), "RPC server behind", "cut off after 40"),
    "NTLM without a challenge": (well(methods=NTLM, echo=NTLM), "RPC proxy answers", "401"),
    "NTLM challenge is garbage": (
        well(methods=NTLM, echo=http("401 No", b"WWW-Authenticate: NTLM !!!!\r\n")),
        "RPC proxy answers",
        "base64",
    ),
    "NTLM challenge is cut": (
        well(methods=NTLM, echo=http("401 No", b"WWW-Authenticate: NTLM TlRMTVNTUAACAAAA\r\n")),
        "RPC proxy answers",
        "NTLM exchange fails",
    ),
    "NTLM over a closing connection": (
        well(methods=NTLM, echo=http("401 No", b"Connection: close\r\nWWW-Authenticate: NTLM TlRMTVNTUAACAAAA\r\n")),
        "RPC proxy answers",
        "closed between the steps of NTLM",
    ),
}


def test_there_are_enough_ways() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("case", CASES)
def test_it_is_called_by_its_name(case: str) -> None:
    serve, step, words = CASES[case]
    result = looked(serve(), seconds=6, seconds_each=1.5)
    bad = [one for one in result.walk() if one.status == "failed" and not one.children]
    assert bad, result
    assert bad[0].name.startswith(step), [(one.name, one.seen) for one in bad]
    assert re.search(words, bad[0].seen), bad[0].seen
    assert bad[0].todo and "Traceback" not in result.model_dump_json()


def test_the_password_is_not_given_to_a_server_with_a_bad_certificate() -> None:
    heard: list[bytes] = []
    endpoint = Endpoint()
    endpoint.echo = b""
    endpoint.say = lambda link, answer: heard.append(answer)  # type: ignore[method-assign]
    looked(tls(MAKER.private(HOST), endpoint), credentials=("admin", SecretStr("secret")), seconds=3, seconds_each=1)
    assert set(heard) <= {endpoint.methods}
