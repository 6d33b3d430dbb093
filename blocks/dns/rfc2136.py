"""Any name server that takes dynamic updates (RFC 2136) signed with TSIG (RFC 8945): BIND, Knot, PowerDNS, ..."""

from __future__ import annotations

import copy
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset
import dns.tsig
import dns.xfr
from pydantic import Field, SecretStr

from blocks.dns.read_by_query import NotServed, Standing, asked, enclosing_zone, read_by_query
from blocks.dns.rfc2136_errors import ServerErrors
from blocks.dns.update_message import update_message
from blocks.dns.update_rights import Right, finding, knows_key, rights
from blocks.dns.zone_transfer import transferred
from blocks.provider_block import ProviderBlock
from mailmove.dns.canonical import from_dns, same, same_values
from mailmove.dns.zone.apply_changes import apply_changes, outstanding
from mailmove.dns.zone.enclosing import refuse_delegated
from mailmove.dns.zone.mail_record_names import changed_tonight
from mailmove.dns.zone.provider_checks import findings_of
from mailmove.errors import Drifted, Refused
from mailmove.evidence import Finding
from mailmove.ports import Checkable, DnsProvider
from mailmove.records import AskedZone, Key, RRsetChange, Zone

_TRIES = 5
"""How often an update is sent while only the zone's serial moves."""
_UNTIL_SERVED = 3.0
"""Seconds until a server that has said yes serves a change: one that signs a copy of the zone takes a moment."""
_PAUSE = 0.5
"""Seconds before sets are looked at again where the serial can be no condition, for what others have just written."""


class Rfc2136(ProviderBlock, DnsProvider, Checkable):
    """Reads a zone by transfer (or by queries, where that is refused) and changes it by dynamic update."""

    _block_type_name = "RFC 2136 DNS"
    _block_type_slug = "rfc2136"
    _description = "The customer's zone on a name server that takes dynamic updates, such as BIND, Knot or PowerDNS."

    server: str = Field(description="Address or name of the primary name server.", examples=["192.0.2.53"])
    port: int = Field(default=53, ge=1, le=65535, description="TCP port of the name server.")
    key_name: str = Field(min_length=1, description="Name of the TSIG key.", examples=["mailmove-key"])
    key_secret: SecretStr = Field(description="Secret of the TSIG key, in base64.")
    algorithm: Literal["hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha224", "hmac-sha1"] = Field(
        default="hmac-sha256", description="Algorithm of the TSIG key."
    )
    zones: list[str] = Field(
        default=[],
        description="Zones whose update right is tried by the check before the cutover.",
        examples=[["contoso.com"]],
    )
    timeout_seconds: float = Field(default=10, gt=0, description="How long to wait for each answer, in seconds.")

    def read_zone(self, zone: str) -> Zone:
        """The whole zone by AXFR; where that is refused, the names that a move needs, each by a query.

        What the server makes by itself is left out. Blocked: the server does not hold the zone. Refused: it does not
        take the key. Transient: no answer.
        """
        return self._read(zone, ())

    def apply(self, zone: str, changes: Sequence[RRsetChange]) -> None:
        """One UPDATE on condition that every set stands at its `before` (RFC 2136 section 2.4): all or nothing.

        Those conditions do not see TTLs, so the SOA that was read is a condition too: no edit by anybody else is
        overwritten, whatever it was. It is read back at once, and what the server has dropped of it is sent again.
        Drifted, Blocked, TtlRaised, Refused, Transient.
        """
        keys = [change.key for change in changes]
        standing: Standing = {}

        def read() -> Zone:
            standing.clear()
            return self._read(zone, keys, standing)

        def write(todo: list[RRsetChange]) -> None:
            for tries_left in reversed(range(_TRIES)):
                apex, guard = _soa_of(standing)
                try:
                    self._update(apex, todo, guard if tries_left else None, standing)
                    return self._settle(apex, todo, read, standing)
                except Drifted:
                    if not tries_left:
                        raise
                if not self._as_before(apex, todo, standing):
                    todo = outstanding(self.who, read(), todo)  # our sets moved: its Drifted says how
                    if not todo:
                        return None
                if guard == _soa_of(standing)[1]:
                    # A server that serves another serial than it keeps (SOA-EDIT, inline signing) can never
                    # fulfil the condition; those on the record sets hold all the same.
                    time.sleep(_PAUSE)
                    todo = outstanding(self.who, read(), todo)
                    self._update(apex, todo, None, standing)
                    return self._settle(apex, todo, read, standing)
            raise AssertionError("the last try returns or raises")

        apply_changes(self.who, changes, read=read, write=write)

    def findings(self) -> list[Finding]:
        """Is the server there, does it take the key, and may the key update each of `zones`?"""
        faults = findings_of([self._check_key])
        return faults or [finding for zone in self.zones for finding in self.zone_findings(zone)]

    def zone_findings(self, zone: str, also: Sequence[Key] = ()) -> list[Finding]:
        """May the key change every set that the night will change? Tried with updates that change nothing."""
        findings: list[Finding] = []

        def try_rights() -> None:
            standing: Standing = {}
            records = self._read(zone, also, standing)
            apex, keys = _soa_of(standing)[0], changed_tonight(records, zone, also)
            with self._errors.translated(f"to try the right to update zone {zone}"):
                verdicts = rights(apex, keys, standing, self._send)
            findings.extend(said for each in verdicts if (said := finding(self.who, self.key_name, each)))

        return findings_of([try_rights]) + findings

    @property
    def who(self) -> str:
        return f"name server {self.server}"

    @property
    def _errors(self) -> ServerErrors:
        return ServerErrors(self.who, self.key_name)

    def _read(self, domain: str, more: Iterable[Key], standing: Standing | None = None) -> Zone:
        """The zone that the domain lies in. standing: is filled with each set in the very spelling in which the server
        keeps it.
        """
        wire: Standing = {} if standing is None else standing
        with self._errors.translated(f"zone {domain}"):
            apex = enclosing_zone(domain, self._ask)
            records = self._transferred(apex, wire)
            if records is None:
                records = read_by_query(domain, more, self._ask, wire, zone=apex)
            if (apex, "SOA") not in records:
                raise self._errors.no_such_zone(domain)
        refuse_delegated(self.who, records, domain, apex)
        return records

    def _transferred(self, zone: str, standing: Standing) -> Zone | None:
        """The zone by AXFR, without what the server makes by itself; None: the key may not transfer it."""
        query = dns.message.make_query(zone, "AXFR")
        self._sign(query)
        records: Zone = {}
        try:
            for wire in transferred(
                query, (self._address(), self.port), self.timeout_seconds, 12 * self.timeout_seconds
            ):
                rrset = from_dns(wire)
                records[rrset.key], standing[rrset.key] = rrset, wire
        except dns.xfr.TransferError as error:
            if error.rcode in (dns.rcode.REFUSED, dns.rcode.NOTIMP):
                return None
            if error.rcode == dns.rcode.NOTAUTH and self._in_charge_of(zone):
                self._refuse_unless_known(zone, "NOTAUTH for a zone that it serves: it does not take the key")
                return None
            raise
        except dns.tsig.PeerBadKey:
            self._refuse_unless_known(zone, "BADKEY: it does not know the key, or the key may do nothing")
            return None
        except dns.exception.FormError:
            return None  # an unsigned answer to a signed question: some servers refuse so
        return records

    def _refuse_unless_known(self, zone: str, seen: str) -> None:
        """Refused, unless the key may update: one that may only do that is answered NOTAUTH or BADKEY to all else."""
        if knows_key(zone, self._send).right is not Right.GRANTED:
            raise self._errors.refused(f"zone {zone}", seen)

    def _in_charge_of(self, zone: str) -> bool:
        """Asked without the key: NOTAUTH stands for a key that is not taken as well as for a zone that is not held."""
        answer = self._plainly(dns.message.make_query(zone, "SOA"))
        return bool(answer.answer) and bool(answer.flags & dns.flags.AA)

    def _as_before(self, zone: str, changes: Sequence[RRsetChange], standing: Standing) -> bool:
        """Do the sets stand as they stood, TTL included? Asked for one by one, which is quick: some zones change every
        second. standing: has the serial from before they were asked for then.
        """
        try:
            soa = asked((zone, "SOA"), self._ask)
            for change in changes:
                wire = asked(change.key, self._ask) if change.before else None
                if change.before and not (wire and same(from_dns(wire), change.before)):
                    return False
        except (NotServed, dns.exception.DNSException, OSError, EOFError):
            return False  # who does not answer questions is read as a whole
        if soa is None:
            return False
        standing[zone, "SOA"] = soa
        return True

    def _settle(self, zone: str, changes: Sequence[RRsetChange], read: Callable[[], Zone], standing: Standing) -> None:
        """Returns when the changes are served, or when waiting does not help.

        A server may drop a CNAME of the message that takes away what stood beside it, for the signature that is still
        there (Knot): it is sent again by itself. Refused: a part is left out for good; the rest has been put back.
        """
        end, again = time.monotonic() + _UNTIL_SERVED, False
        while True:
            records = read()
            left = [change for change in changes if not same_values(records.get(change.key), change.after)]
            if not left:
                return
            dropped = [
                change for change in left if change.after and not any(key[0] == change.key[0] for key in records)
            ]
            if dropped and not again:
                again = True
                self._update(zone, [RRsetChange(before=None, after=change.after) for change in dropped], None, standing)
            elif time.monotonic() > end:
                if isinstance(records, AskedZone):
                    return  # answers to questions may be old: it is read back again later
                break
            else:
                time.sleep(_PAUSE / 5)
        made = [change for change in changes if change not in left and change.before != change.after]
        if made:
            self._update(zone, [change.inverse() for change in made], None, standing)
            sets = ", ".join(f"{rtype} {name}" for name, rtype in (change.key for change in left))
            raise Refused(
                self.who,
                wanted=f"to update {sets}",
                seen="it said yes, and left that out; what it had made has been put back",
                todo=f"Let key {self.key_name} update these names and types; a policy of the server's leaves them out.",
                code="LEFT_OUT",
            )

    def _update(
        self,
        zone: str,
        changes: Sequence[RRsetChange],
        guard: dns.rrset.RRset | None = None,
        standing: Standing | None = None,
    ) -> None:
        """guard: the SOA set that must stand as it was read. standing: sets as the server spells them.

        Its conditions compare bytes (RFC 2136 section 2.4.2): a text that is cut elsewhere would not be met.
        """
        wanted = f"to update {', '.join(f'{rtype} {name}' for name, rtype in (each.key for each in changes)) or zone}"
        with self._errors.translated(wanted):
            rcode = self._send(update_message(zone, changes, guard, standing or {})).rcode()
        if rcode != dns.rcode.NOERROR:
            raise self._errors.from_rcode(rcode, wanted)

    def _check_key(self) -> None:
        """Is it there, and is the key's secret right? Some sign answers only about zones that they
        serve (Knot, PowerDNS): of those `zone_findings` tells.
        """
        with self._errors.translated("a signed answer"):
            try:
                self._send(dns.message.make_query(".", "SOA"))
            except dns.exception.FormError:
                return

    def _ask(self, question: dns.message.Message) -> dns.message.Message:
        """A question with the key; without it where the server has no rule that lets the key ask, or does not sign."""
        try:
            return self._send(question)
        except dns.tsig.PeerBadKey:
            zone = question.question[0].name.to_text()
            if knows_key(zone, self._send).code == "BADKEY" and self._in_charge_of(zone):
                raise
            return self._plainly(question)
        except dns.exception.FormError:
            answer = self._plainly(question)
            if answer.flags & dns.flags.AA:
                raise  # it serves the zone, and does not take the key
            return answer

    def _send(self, message: dns.message.Message) -> dns.message.Message:
        signed = copy.copy(message)
        self._sign(signed)
        # TCP: an update is too dear to be sent twice by accident, and may be long.
        return self._plainly(signed)

    def _plainly(self, message: dns.message.Message) -> dns.message.Message:
        return dns.query.tcp(message, self._address(), self.timeout_seconds, self.port)

    def _sign(self, message: dns.message.Message) -> None:
        message.use_tsig(dns.tsig.Key(self.key_name, self.key_secret.get_secret_value(), self.algorithm))

    def _address(self) -> str:
        return str(socket.getaddrinfo(self.server, self.port, type=socket.SOCK_STREAM)[0][4][0])


def _soa_of(standing: Standing) -> tuple[str, dns.rrset.RRset]:
    """The name of the zone that was read, and its SOA set."""
    return next((name, wire) for (name, rtype), wire in standing.items() if rtype == "SOA")
