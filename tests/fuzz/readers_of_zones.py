"""The reader of a DNS provider's JSON behind octoDNS: PowerDNS, by octoDNS's own provider."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from answers import Answer, Shape
from mutate_json import json_mutation
from reader import Reader
from readers_of_http import Taped, of_zone
from tape import Exchange, Tape, TapeServer, names_of

from blocks.dns.octodns import OctoDns

ZONE_NAMES = ("PowerDNS",)
_API = "/api/v1/servers/localhost"
_KIND = (("Content-Type", "application/json"),)


@contextlib.contextmanager
def zone_readers() -> Iterator[list[Reader]]:
    """doc.powerdns.com/authoritative/http-api: zones, servers."""
    with TapeServer("127.0.0.1", None, "http://none.invalid") as server:
        port = int(server.base.rpartition(":")[2])
        settings = {"host": "127.0.0.1", "port": port, "api_key": "very-secret-key", "enable_dynamic": False}
        block = OctoDns(provider_class="octodns_powerdns.PowerDnsProvider", settings=settings)
        case = Taped(server).case("zone", lambda: block.read_zone("contoso.com"), _tape())
        shape = Shape(free=frozenset({"content"}))
        yield [Reader("PowerDNS", [case], [json_mutation], shape, of_zone, _UNMODELLED)]


_UNMODELLED = frozenset({"type", "name"})
"""octoDNS's provider leaves out what it does not model; a set of another name, or without one, is another set."""


def _set(name: str, kind: str, *values: str) -> dict[str, Any]:
    records = [{"content": value, "disabled": False} for value in values]
    return {"name": name, "type": kind, "ttl": 300, "records": records, "comments": []}


def _tape() -> Tape:
    zone = "contoso.com."
    sets = [
        _set(zone, "SOA", "ns1.contoso.com. hostmaster.contoso.com. 2026113001 10800 3600 604800 3600"),
        _set(zone, "NS", "ns1.contoso.com.", "ns2.contoso.com."),
        _set(zone, "MX", "10 mail.contoso.com.", "20 mx2.contoso.com."),
        _set(zone, "TXT", '"v=spf1 mx -all"', '"MS=ms1"'),
        _set(f"mail.{zone}", "A", "192.0.2.1"),
        _set(f"autodiscover.{zone}", "CNAME", f"mail.{zone}"),
        _set(f"_sip._tcp.{zone}", "SRV", f"1 2 443 mail.{zone}"),
    ]
    body = {"account": "", "api_rectify": False, "dnssec": False, "edited_serial": 2026113001, "id": zone,
            "kind": "Native", "last_check": 0, "master_tsig_key_ids": [], "masters": [], "name": zone,
            "notified_serial": 0, "nsec3narrow": False, "nsec3param": "", "rrsets": sets, "serial": 2026113001,
            "slave_tsig_key_ids": [], "soa_edit": "", "url": f"{_API}/zones/{zone}"}  # fmt: skip
    version = {"config_url": f"{_API}/config", "daemon_type": "authoritative", "id": "localhost", "type": "Server",
               "url": _API, "version": "4.7.3", "zones_url": f"{_API}/zones{{/zone}}"}  # fmt: skip
    return Tape([_exchange(f"{_API}/zones/{zone}", body), _exchange(_API, version)], recording=False)


def _exchange(path: str, body: Any) -> Exchange:
    return Exchange(names_of("GET", path, b""), Answer(json.dumps(body).encode(), 200, _KIND))
