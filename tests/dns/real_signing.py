"""Real name servers that sign their zones by themselves, or that let a key do only a part: BIND, Knot, PowerDNS."""

from __future__ import annotations

import base64
import secrets
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dns.exception
import dns.message
import dns.query
from real_authorities import HOST, KEY, Authorities, _answers, _running, _zone_file, powerdns
from real_parts import require

from lab.places import free_ports

SCOPES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "update-only": ((), ()),
    "acme-only": (("_acme-challenge",), ("TXT",)),
    "mx-only": (("@",), ("MX",)),
}
"""Keys that may not read, each with the names (below the zone) and types that it may update; (): all."""
KEYS = {scope: (f"{scope}.", base64.b64encode(secrets.token_bytes(32)).decode(), KEY[2]) for scope in SCOPES}
_SIGNED_KINDS = {"inline": "dnssec-policy default; inline-signing yes;", "dynamic": "dnssec-policy default;", "": ""}


@contextmanager
def signing_bind(folder: Path, kind: str, zones: int = 14) -> Iterator[Authorities]:
    """named that signs: `inline` keeps an unsigned copy for updates, `dynamic` signs in place, "" does not sign.

    The keys of SCOPES may update what their scope says (update-policy), and none of them may transfer.
    """
    named, (port,) = require("named"), free_ports(1)
    names = [f"t{number}.test." for number in range(zones)]
    keys = [KEY, *KEYS.values()]
    lines = [f'key "{name}" {{ algorithm {algorithm}; secret "{secret}"; }};' for name, secret, algorithm in keys]
    lines += [
        f'options {{ directory "{folder}"; pid-file none; session-keyfile none; recursion no; notify no;',
        f"  dnssec-validation no; listen-on-v6 {{ none; }}; listen-on port {port} {{ {HOST}; }};",
        f"  allow-transfer {{ key {KEY[0]}; }}; }};",
        "controls { };",
    ]
    for name in names:
        (folder / f"{name}db").write_text(_zone_file(name))
        grants = "".join(_grant(scope, name) for scope in SCOPES)
        lines.append(
            f'zone "{name}" {{ type primary; file "{name}db"; {_SIGNED_KINDS[kind]} '
            f"update-policy {{ grant {KEY[0]} zonesub ANY; {grants} }}; }};"
        )
    (folder / "named.conf").write_text("\n".join(lines))
    command = [named, "-g", "-n", "1", "-c", str(folder / "named.conf")]
    wanted = "DNSKEY" if kind else "SOA"
    with _running(command, folder, lambda: _all_answer(port, names, wanted)):
        yield Authorities([(HOST, port)], lambda zone: None)


@contextmanager
def knot(folder: Path, signed: bool, zones: int = 14) -> Iterator[Authorities]:
    """knotd; its keys may do what its ACLs say, and a signed question is refused without a rule for questions."""
    knotd, (port,) = require("knotd"), free_ports(1)
    names = [f"t{number}.test." for number in range(zones)]
    (folder / "db").mkdir()
    lines = ["server:", f'  listen: "{HOST}@{port}"', f'  rundir: "{folder}"', "  udp-workers: 1", "  tcp-workers: 1"]
    lines += ["  background-workers: 1", "log:", "  - target: stderr", "    any: info"]
    lines += ["database:", f'  storage: "{folder}/db"', "key:"]
    for name, secret, algorithm in (KEY, *KEYS.values()):
        lines += [f"  - id: {name}", f"    algorithm: {algorithm}", f"    secret: {secret}"]
    lines += ["acl:", "  - id: all", f"    key: {KEY[0]}", "    action: [transfer, update, query]"]
    for scope, (owners, types) in SCOPES.items():
        lines += [f"  - id: {scope}", f"    key: {KEYS[scope][0]}", "    action: [update]"]
        lines += [f"    update-type: [{', '.join(types)}]"] if types else []
        if owners == ("@",):
            lines += ["    update-owner: zone", "    update-owner-match: equal"]
        elif owners:
            lines += ["    update-owner: name", "    update-owner-match: equal"]
            lines += [f"    update-owner-name: [{', '.join(owners)}]"]
    lines += ["template:", "  - id: default", f'    storage: "{folder}"', "    zonefile-load: whole"]
    lines += ["    acl: [all, update-only, acme-only, mx-only]"]
    lines += ["    dnssec-signing: on"] if signed else []
    lines += ["zone:"]
    for name in names:
        (folder / f"{name}zone").write_text(_zone_file(name))
        lines += [f"  - domain: {name}", f'    file: "{folder}/{name}zone"']
    (folder / "knot.conf").write_text("\n".join(lines) + "\n")
    command = [knotd, "-c", str(folder / "knot.conf")]
    with _running(command, folder, lambda: _all_answer(port, names, "DNSKEY" if signed else "SOA")):
        yield Authorities([(HOST, port)], lambda zone: None)


@contextmanager
def signing_powerdns(folder: Path) -> Iterator[Authorities]:
    """pdns_server whose fresh zones are signed (NSEC, live). The key `update-only` may update and not transfer."""
    with powerdns(folder) as plain:

        def add(zone: str) -> None:
            plain.add(zone)
            _pdnsutil(folder, "secure-zone", zone)

        yield Authorities(plain.servers, add, plain.api, plain.configure)


def _pdnsutil(folder: Path, *arguments: str) -> None:
    command: Sequence[str] = [require("pdnsutil"), f"--config-dir={folder}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def allow(folder: Path, zone: str, key: tuple[str, str, str]) -> None:
    """PowerDNS: this key may update the zone, and may not transfer it."""
    name = key[0].rstrip(".")
    with sqlite3.connect(folder / "pdns.db", timeout=10) as database:
        database.execute(
            "insert or replace into tsigkeys (name, algorithm, secret) values (?, ?, ?)", (name, key[2], key[1])
        )
        database.execute(
            "insert into domainmetadata (domain_id, kind, content) "
            "select id, 'TSIG-ALLOW-DNSUPDATE', ? from domains where name = ?",
            (name, zone.rstrip(".")),
        )


def _grant(scope: str, zone: str) -> str:
    owners, types = SCOPES[scope]
    key = KEYS[scope][0]
    if not owners:
        return f"grant {key} zonesub ANY; "
    names = [zone if owner == "@" else f"{owner}.{zone}" for owner in owners]
    return "".join(f"grant {key} name {name} {' '.join(types)}; " for name in names)


def _all_answer(port: int, zones: Sequence[str], rtype: str) -> bool:
    if not _answers(port, zones[-1]):
        return False
    try:
        for zone in zones:
            answer = dns.query.udp(dns.message.make_query(zone, rtype), HOST, timeout=1, port=port)
            if not answer.answer:
                return False
    except (dns.exception.DNSException, OSError):
        return False
    return True
