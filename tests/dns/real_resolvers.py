"""Real resolvers on loopback, each told to ask the lab's name servers for everything."""

from __future__ import annotations

import itertools
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dns.exception
import dns.message
import dns.query
from real_parts import require

from lab.places import free_ports

Server = tuple[str, int]


@contextmanager
def unbound(folder: Path, authorities: Sequence[Server], *options: str) -> Iterator[Server]:
    """unbound with `options` as lines of its `server:` clause."""
    (port,) = free_ports(1)
    lines = [
        "server:",
        f'  directory: "{folder}"\n  pidfile: ""\n  chroot: ""\n  username: ""\n  use-syslog: no\n  num-threads: 1',
        f"  interface: 127.0.0.1\n  port: {port}\n  do-not-query-localhost: no\n  module-config: iterator",
        '  local-zone: "test." nodefault\n  so-rcvbuf: 0\n  so-sndbuf: 0\n  msg-cache-size: 1m\n  rrset-cache-size: 1m',
        *(f"  {option}" for option in options),
        "remote-control:\n  control-enable: no",
        'forward-zone:\n  name: "."',
        *(f"  forward-addr: {address}@{there}" for address, there in authorities),
    ]
    config = folder / "unbound.conf"
    config.write_text("\n".join(lines) + "\n")
    with _running([require("unbound"), "-d", "-c", str(config)], port, folder):
        yield "127.0.0.1", port


@contextmanager
def bind(folder: Path, authorities: Sequence[Server], *options: str) -> Iterator[Server]:
    """named with `options` as statements of its `options` clause."""
    (port,) = free_ports(1)
    forwarders = " ".join(f"{address} port {there};" for address, there in authorities)
    config = folder / "named.conf"
    config.write_text(
        f'options {{ directory "{folder}"; pid-file none; listen-on-v6 {{ none; }};\n'
        f"  listen-on port {port} {{ 127.0.0.1; }};\n"
        f"  forward only; forwarders {{ {forwarders} }}; dnssec-validation no; empty-zones-enable no; recursion yes;\n"
        f"  allow-query {{ any; }}; {' '.join(f'{option};' for option in options)} }};\ncontrols {{ }};\n"
    )
    with _running([require("named"), "-g", "-n", "1", "-c", str(config)], port, folder):
        yield "127.0.0.1", port


@contextmanager
def balanced(servers: Sequence[Server]) -> Iterator[Server]:
    """One address before several resolvers: each query goes to the next one, as dnsdist's `roundrobin` sends them."""
    turn, ended = itertools.cycle(servers), threading.Event()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as front,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back,
    ):
        front.bind(("127.0.0.1", 0))
        front.settimeout(0.05)
        back.settimeout(2)

        def relay() -> None:
            while not ended.is_set():
                try:
                    query, sender = front.recvfrom(4096)
                    back.sendto(query, next(turn))
                    answer = back.recv(4096)
                    while answer[:2] != query[:2]:
                        answer = back.recv(4096)
                except TimeoutError:
                    continue
                front.sendto(answer, sender)

        thread = threading.Thread(target=relay)
        thread.start()
        try:
            yield front.getsockname()
        finally:
            ended.set()
            thread.join()


@contextmanager
def _running(command: Sequence[str], port: int, folder: Path) -> Iterator[None]:
    """The server, from its first answer on; ended on exit."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            _until_it_answers(process, port, folder / "log")
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    query = dns.message.make_query("nobody.invalid.", "A")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            dns.query.udp(query, "127.0.0.1", timeout=0.5, port=port)
        except (dns.exception.DNSException, OSError):
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text(errors="replace")[-2000:])
