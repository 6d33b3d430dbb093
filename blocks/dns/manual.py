"""A registrar without an API: Mailmove reads what is served, and says what a person must type."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import ClassVar

import dns.exception
import dns.message
import dns.query
import dns.rcode
from pydantic import Field

from blocks.dns.read_by_query import NotServed, enclosing_zone, read_by_query
from blocks.provider_block import ProviderBlock
from mailmove.dns.canonical import same
from mailmove.dns.zone.apply_changes import outstanding
from mailmove.dns.zone.authority import Authority, authorities
from mailmove.dns.zone.enclosing import apex_of, refuse_delegated
from mailmove.dns.zone.manual_entry import typing_lines
from mailmove.dns.zone.provider_checks import findings_of
from mailmove.errors import Blocked, ByHand, NotYet, Transient
from mailmove.evidence import Finding
from mailmove.plan.values import split_address
from mailmove.ports import Checkable, DnsProvider
from mailmove.records import AskedZone, Key, RRset, RRsetChange, Zone

WHO = "authoritative name servers"


class Manual(ProviderBlock, DnsProvider, Checkable):
    """For a zone that only a person can edit. Needs no credentials."""

    by_hand: ClassVar[bool] = True

    _block_type_name = "DNS by hand"
    _block_type_slug = "manual"
    _description = (
        "A registrar without an API: the records to type are shown, and the cutover goes on once they are served."
    )

    resolvers: list[str] = Field(
        default=["1.1.1.1", "8.8.8.8", "9.9.9.9"],
        min_length=1,
        description="Resolvers that tell who the zone's name servers are, by address.",
    )
    dns_port: int = Field(default=53, ge=1, le=65535, description="Port of name servers; not 53 only in a rehearsal.")
    zones: list[str] = Field(
        default=[], description="Zones that the check before the cutover reads.", examples=[["contoso.com"]]
    )
    timeout_seconds: float = Field(default=3, gt=0, description="How long to wait for each answer, in seconds.")

    def read_zone(self, zone: str) -> Zone:
        """What a move needs to see, as every authoritative server serves it that answers.

        NotYet: they do not agree (a change is under way). Blocked: no such zone. Transient: none answers. One that
        does not answer, or is not in charge of the zone, holds nobody up here: who verifies a change waits for it.
        """
        return self._agreed(zone, ())

    def apply(self, zone: str, changes: Sequence[RRsetChange]) -> None:
        """Returns when every authoritative server serves every `after`. ByHand: `records` says what is to be typed.

        Drifted: something else was typed. NotYet, Blocked, Transient as in `read_zone`.
        """
        todo = outstanding(WHO, self._agreed(zone, [change.key for change in changes]), changes)
        if todo:
            raise ByHand(
                WHO,
                wanted=f"{len(todo)} changes in zone {zone}, made by hand",
                seen="they serve the old records",
                todo="Type them where the zone is edited; it goes on by itself once they are served everywhere.",
                records=typing_lines(todo),
            )

    def findings(self) -> list[Finding]:
        """Can each of `zones` be read?"""
        return [finding for zone in self.zones for finding in self.zone_findings(zone)]

    def zone_findings(self, zone: str, also: Sequence[Key] = ()) -> list[Finding]:
        """Can it be read, and do its servers agree?"""
        return findings_of([lambda: self.read_zone(zone)])

    def _agreed(self, zone: str, more: Iterable[Key]) -> Zone:
        resolvers = [split_address(address, self.dns_port) for address in self.resolvers]
        servers = asyncio.run(authorities(zone, resolvers, self.dns_port, timeout=self.timeout_seconds))
        zones = self._served(servers, zone, list(more))
        leader, first = next(iter(zones.items()))
        apex = apex_of(first, zone)
        if (apex, "SOA") not in first:
            raise self._no_such_zone(zone, "no SOA record of that name")
        refuse_delegated(WHO, first, zone, apex)
        for server, other in zones.items():
            for key in sorted(set(first) | set(other)):
                # A serial may differ for a moment and say nothing of the records.
                if key[1] != "SOA" and not same(first.get(key), other.get(key)):
                    raise NotYet(
                        WHO,
                        wanted=f"one answer for {key[1]} {key[0]}",
                        seen=f"{leader.name} serves {_say(first.get(key))}, {server.name} {_say(other.get(key))}",
                        todo="They differ while a change spreads; it is asked again.",
                    )
        return first

    def _served(self, servers: Sequence[Authority], zone: str, keys: list[Key]) -> dict[Authority, AskedZone]:
        """The zone as each server serves it, one at least. Blocked, Transient: none does."""
        zones: dict[Authority, AskedZone] = {}
        failures: list[Blocked | Transient] = []
        for server in servers:
            try:
                zones[server] = self._served_by(server, zone, keys)
            except (Blocked, Transient) as error:
                failures.append(error)
        if not zones:
            passing = [error for error in failures if isinstance(error, Transient)]
            raise (passing or failures)[0]
        return zones

    def _served_by(self, server: Authority, zone: str, keys: list[Key]) -> AskedZone:
        if not server.address:
            raise self._silent(server, zone, server.fault)

        def send(query: dns.message.Message) -> dns.message.Message:
            for last in (False, True):  # UDP may be lost once
                try:
                    return dns.query.udp_with_fallback(query, server.address, self.timeout_seconds, self.dns_port)[0]
                except dns.exception.Timeout:
                    if last:
                        raise
            raise AssertionError("the loop returns or raises")

        try:
            return read_by_query(zone, keys, send, zone=enclosing_zone(zone, send))
        except NotServed as error:
            if error.rcode in (dns.rcode.REFUSED, dns.rcode.NOTAUTH, dns.rcode.NOERROR):
                raise self._no_such_zone(zone, f"{server.name} is not in charge of it ({error})") from None
            raise self._silent(server, zone, str(error)) from None
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise self._silent(server, zone, f"{type(error).__name__}: {error}") from None

    def _silent(self, server: Authority, zone: str, seen: str) -> Transient:
        return Transient(server.name, wanted=f"zone {zone}", seen=seen, todo="Check the way to it; it is asked again.")

    def _no_such_zone(self, zone: str, seen: str) -> Blocked:
        return Blocked(WHO, wanted=f"zone {zone}", seen=seen, todo="Check the zone's name and its delegation.")


def _say(rrset: RRset | None) -> str:
    return str(rrset) if rrset else "none"
