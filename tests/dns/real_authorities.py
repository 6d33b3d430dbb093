"""Real authoritative servers on loopback: BIND with a secondary, and PowerDNS with its HTTP API."""

from __future__ import annotations

import base64
import itertools
import secrets
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.tsig
import dns.update
import dns.zone
import requests
from real_parts import require

from lab.places import free_ports
from mailmove.dns.canonical import from_dns, to_dns
from mailmove.records import RRset, Zone

Server = tuple[str, int]
HOST = "127.0.0.1"  # BIND takes no loopback address that is on no interface
KEY = ("mailmove-test.", base64.b64encode(secrets.token_bytes(32)).decode(), "hmac-sha256")


@dataclass
class Authorities:
    """Servers that hold fresh zones for whoever asks. `servers[0]` is the primary."""

    servers: list[Server]
    add: Callable[[str], None]
    api: dict[str, object] = field(default_factory=dict)
    configure: Callable[[str, dict[str, object]], None] = lambda zone, settings: None
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def fresh_zone(self, content: Callable[[str], Sequence[RRset]]) -> str:
        """A zone that nobody has used; `content(zone)` is put into it."""
        zone = f"t{next(self._numbers)}.test."
        self.add(zone)
        self.put(zone, *content(zone))
        return zone

    def put(self, zone: str, *rrsets: RRset, gone: Sequence[tuple[str, str]] = ()) -> None:
        """Somebody sets these record sets, and removes those, in one update."""
        message = dns.update.UpdateMessage(zone)
        for name, rtype in gone:
            message.delete(dns.name.from_text(name), rtype)
        for one in rrsets:
            message.replace(dns.name.from_text(one.name), one.ttl, *to_dns(one))
        message.use_tsig(dns.tsig.Key(*KEY))
        answer = dns.query.tcp(message, HOST, 5, self.servers[0][1])
        assert answer.rcode() == dns.rcode.NOERROR, answer

    def zone(self, zone: str) -> Zone:
        """The whole zone, from the primary."""
        held = dns.zone.Zone(dns.name.from_text(zone), relativize=False)
        query = dns.message.make_query(zone, "AXFR")
        query.use_tsig(dns.tsig.Key(*KEY))
        dns.query.inbound_xfr(HOST, held, query, port=self.servers[0][1], timeout=5, lifetime=10)
        sets = [dns.rrset.from_rdata_list(name, one.ttl, list(one)) for name, one in held.iterate_rdatasets()]
        return {one.key: one for one in map(from_dns, sets)}


@contextmanager
def bind(folder: Path, zones: int = 60) -> Iterator[Authorities]:
    """named twice: a primary that takes signed updates, and a secondary that it notifies."""
    named, ports = require("named"), free_ports(2)
    names = [f"t{number}.test." for number in range(zones)]
    key = f'key "{KEY[0]}" {{ algorithm {KEY[2]}; secret "{KEY[1]}"; }};'
    options = "pid-file none; session-keyfile none; recursion no; dnssec-validation no; listen-on-v6 { none; };"
    with ExitStack() as stack:
        for number, port in enumerate(ports):
            home = folder / f"ns{number}"
            home.mkdir()
            lines = [
                f'{key} options {{ directory "{home}"; {options} listen-on port {port} {{ {HOST}; }};',
                f"  notify explicit; notify-delay 0; serial-query-rate 1000; allow-transfer {{ key {KEY[0]}; }};",
                "  startup-notify-rate 1000; notify-rate 1000; transfers-in 100; transfers-per-ns 100; };",
                "controls { };",
            ]
            for name in names:
                if number == 0:
                    (home / f"{name}db").write_text(_zone_file(name))
                    rest = f"also-notify {{ {HOST} port {ports[1]}; }}; allow-update {{ key {KEY[0]}; }};"
                    lines.append(f'zone "{name}" {{ type primary; file "{name}db"; {rest} }};')
                else:
                    rest = f"primaries {{ {HOST} port {ports[0]} key {KEY[0]}; }}; allow-notify {{ {HOST}; }};"
                    lines.append(f'zone "{name}" {{ type secondary; file "{name}db"; {rest} }};')
            (home / "named.conf").write_text("\n".join(lines))
            command = [named, "-g", "-n", "1", "-c", str(home / "named.conf")]
            stack.enter_context(_running(command, home, lambda port=port: _answers(port, names[-1])))
        yield Authorities([(HOST, port) for port in ports], lambda zone: None)


@contextmanager
def powerdns(folder: Path) -> Iterator[Authorities]:
    """pdns_server with SQLite: signed updates, and its HTTP API."""
    program, (port, http), api_key = require("pdns_server"), free_ports(2), secrets.token_hex(16)
    schema = next(
        (one for one in map(Path, _SCHEMAS) if one.exists()),
        None,
    )
    assert schema, "pdns-backend-sqlite3 is installed without its schema"
    with sqlite3.connect(folder / "pdns.db") as database:
        database.executescript(schema.read_text())
    settings = {
        "launch": "gsqlite3", "gsqlite3-database": folder / "pdns.db", "gsqlite3-dnssec": "yes",
        "local-address": HOST, "local-port": port, "socket-dir": folder, "daemon": "no", "guardian": "no",
        "api": "yes", "api-key": api_key, "webserver-address": HOST, "webserver-port": http, "dnsupdate": "yes",
        "allow-dnsupdate-from": HOST, "allow-axfr-ips": "", "cache-ttl": 0, "query-cache-ttl": 0,
        "negquery-cache-ttl": 0, "zone-cache-refresh-interval": 0, "zone-metadata-cache-ttl": 0,
        "default-soa-edit": "", "version-string": "anonymous", "security-poll-suffix": "",
    }  # fmt: skip
    (folder / "pdns.conf").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    with requests.Session() as session:
        session.trust_env = False
        session.headers["X-API-Key"] = api_key
        base = f"http://{HOST}:{http}/api/v1/servers/localhost"

        def post(path: str, body: dict[str, object]) -> None:
            answer = session.post(f"{base}/{path}", json=body, timeout=10)
            assert answer.ok, answer.text

        def ready() -> bool:
            try:
                return session.get(base, timeout=1).ok
            except requests.ConnectionError:
                return False

        def add(zone: str) -> None:
            post("zones", {"name": zone, "kind": "Native", "zone": _zone_file(zone), "soa_edit_api": ""})
            key = KEY[0].rstrip(".")  # the API does not take these kinds of metadata
            kinds = {"TSIG-ALLOW-DNSUPDATE": key, "TSIG-ALLOW-AXFR": key, "SOA-EDIT-DNSUPDATE": "INCREASE"}
            with sqlite3.connect(folder / "pdns.db", timeout=10) as database:
                database.executemany(
                    "insert into domainmetadata (domain_id, kind, content) select id, ?, ? from domains where name = ?",
                    [(kind, content, zone.rstrip(".")) for kind, content in kinds.items()],
                )

        command = [program, f"--config-dir={folder}"]
        with _running(command, folder, ready):
            post("tsigkeys", {"name": KEY[0].rstrip("."), "algorithm": KEY[2], "key": KEY[1]})
            api = {"host": HOST, "port": http, "api_key": api_key}

            def configure(zone: str, body: dict[str, object]) -> None:
                answer = session.put(f"{base}/zones/{zone}", json=body, timeout=10)
                assert answer.ok, answer.text

            yield Authorities([(HOST, port)], add, api, configure)


_SCHEMAS = (
    "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql",
    "/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql",
)


def _zone_file(zone: str) -> str:
    return (
        f"$ORIGIN {zone}\n$TTL 3600\n@ IN SOA ns1.{zone} hostmaster.{zone} 1 7200 900 1209600 60\n"
        f"@ IN NS ns1.{zone}\n@ IN NS ns2.{zone}\nns1 IN A {HOST}\nns2 IN A {HOST}\n"
    )


def _answers(port: int, zone: str) -> bool:
    try:
        answer = dns.query.udp(dns.message.make_query(zone, "SOA"), HOST, timeout=0.5, port=port)
    except (dns.exception.DNSException, OSError):
        return False
    return bool(answer.answer)


@contextmanager
def _running(command: Sequence[str], folder: Path, ready: Callable[[], bool]) -> Iterator[None]:
    """The server, once it is ready; ended on exit."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            deadline = time.monotonic() + 30
            while not ready():
                said = (folder / "log").read_text(errors="replace")[-3000:]
                assert process.poll() is None and time.monotonic() < deadline, said
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
