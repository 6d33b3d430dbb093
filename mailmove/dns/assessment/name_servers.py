"""Ask the authoritative servers of a domain's zone for its mail records, and compare them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from mailmove.dns.client.bulk_query import DnsQuestion
from mailmove.dns.client.lanes import Ways
from mailmove.dns.client.lookups import Lookup
from mailmove.dns.client.query import Answer
from mailmove.dns.mail_auth import spf
from mailmove.dns.zone.enclosing import enclosing_names


class NameServer(BaseModel):
    """One authoritative server, and its answers."""

    model_config = ConfigDict(frozen=True)

    name: str
    address: str
    answered: bool = Field(default=True, description="False: nothing came from it, which may be this network's doing")
    mx: tuple[str, ...] = ()
    spf: tuple[str, ...] | None = Field(default=None, description="SPF records of the domain; None: not seen")
    dmarc: tuple[str, ...] | None = Field(default=None, description="TXT at _dmarc; None: not seen")
    ttl: int | None = Field(default=None, description="Of the MX set, seconds")
    serial: int | None = None
    error: str | None = None


async def zone_and_servers(domain: str, lookup: Lookup) -> tuple[str, list[NameServer], str | None]:
    """(zone, its servers with their addresses, error). The zone is the closest name with an NS set.

    Where a name on the way up cannot be asked the zone is not known: the next one above is somebody else's.
    """
    for zone in enclosing_names(domain):
        answer = await lookup(zone, "NS")
        if answer.error:
            return "", [], answer.error
        if answer.values:
            servers = await asyncio.gather(*(_addresses(name, lookup) for name in answer.values))
            return zone, [server for several in servers for server in several], None
    return "", [], "no NS records at the domain or above it"


async def _addresses(name: str, lookup: Lookup) -> list[NameServer]:
    """The server once for each of its addresses; one whose name leads nowhere has an error."""
    ipv4 = await lookup(name, "A")
    answer = ipv4 if ipv4.values else await lookup(name, "AAAA")
    if answer.values:
        return [NameServer(name=name, address=value) for value in answer.values]
    if error := ipv4.error or answer.error:
        error = f"its name could not be resolved ({error})"
        return [NameServer(name=name, address="", answered=False, error=error)]
    return [NameServer(name=name, address="", error="its name has no address")]


async def ask_servers(
    domain: str, zone: str, servers: Sequence[NameServer], dns_port: int, timeout: float, ways: Ways
) -> list[NameServer]:
    """Ask each server for MX, TXT, DMARC and SOA; those without an address come last.

    One without IPv6 on this machine's side is asked all the same: that it is out of reach is said.
    """
    name = f"{domain.rstrip('.')}."
    reachable = [server for server in servers if server.address]
    wanted = ((name, "MX"), (zone, "SOA"), (name, "TXT"), (f"_dmarc.{name}", "TXT"))
    questions = [
        DnsQuestion((server.address, dns_port), asked, rtype, recursive=False)
        for server in reachable
        for asked, rtype in wanted
    ]
    answers = await ways.wire.ask_many(questions, timeout=timeout, pace=ways.pace)
    count = len(wanted)
    asked_servers = [
        _with_answers(server, *answers[index * count : (index + 1) * count]) for index, server in enumerate(reachable)
    ]
    return [*asked_servers, *(server for server in servers if not server.address)]


def _with_answers(server: NameServer, mx: Answer, soa: Answer, txt: Answer, dmarc: Answer) -> NameServer:
    error = mx.error or (None if mx.authoritative else "not authoritative for the zone")
    texts = [answer.values if not error and not answer.error else None for answer in (txt, dmarc)]
    return server.model_copy(
        update={
            "answered": any(answer.rcode is not None for answer in (mx, soa, txt, dmarc)),
            "mx": mx.values,
            "spf": None if texts[0] is None else tuple(value for value in texts[0] if spf.is_spf(value)),
            "dmarc": texts[1],
            "serial": int(soa.values[0].split()[2]) if soa.values else None,
            "ttl": mx.ttl if mx.values and not error else None,
            "error": error,
        }
    )


def differing(servers: Sequence[NameServer]) -> dict[str, dict[str, tuple[str, ...]]]:
    """What servers do not agree on: kind of record -> server (name and address) -> its values."""
    good = [server for server in servers if not server.error]
    kinds = {
        "MX": {_title(server): server.mx for server in good},
        "SPF": {_title(server): server.spf for server in good if server.spf is not None},
        "DMARC": {_title(server): server.dmarc for server in good if server.dmarc is not None},
    }
    return {kind: sets for kind, sets in kinds.items() if len(set(sets.values())) > 1}


def _title(server: NameServer) -> str:
    return f"{server.name} {server.address}"
