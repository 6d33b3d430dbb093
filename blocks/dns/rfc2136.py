"""Any name server that takes dynamic updates (RFC 2136) signed with TSIG (RFC 8945): BIND, Knot, PowerDNS, ..."""

from __future__ import annotations

import binascii
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rrset
import dns.tsig
import dns.update
import dns.xfr
import dns.zone
from pydantic import Field, SecretStr

from blocks.dns.read_by_query import NotServed, Standing, read_by_query
from blocks.provider_block import ProviderBlock
from mailmove.dns.canonical import absolute, canonical_value, from_dns, to_dns
from mailmove.dns.zone.apply_changes import apply_changes, outstanding
from mailmove.dns.zone.mail_record_names import Key
from mailmove.dns.zone.provider_checks import findings_of
from mailmove.errors import Blocked, Drifted, MailmoveError, Refused, Transient
from mailmove.evidence import Finding
from mailmove.ports import Checkable, DnsProvider
from mailmove.records import RRset, RRsetChange, Zone

_TRIES = 5
"""How often an update is sent while only the zone's serial moves."""

_DRIFTED = {dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN}


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

        Blocked: the server does not hold the zone. Refused: it does not take the key. Transient: no answer.
        """
        return self._read(zone, ())

    def apply(self, zone: str, changes: Sequence[RRsetChange]) -> None:
        """One UPDATE on condition that every set stands at its `before` (RFC 2136 section 2.4): all or nothing.

        Those conditions do not see TTLs, so the SOA that was read is a condition too: no edit by anybody else is
        overwritten, whatever it was. Drifted, Blocked, TtlRaised, Refused, Transient.
        """
        keys, soa = [change.key for change in changes], (absolute(zone), "SOA")
        standing: Standing = {}

        def read() -> Zone:
            standing.clear()
            return self._read(zone, keys, standing)

        def write(todo: list[RRsetChange]) -> None:
            for _ in range(_TRIES):
                guard = standing.get(soa)
                try:
                    return self._update(zone, todo, guard, standing)
                except Drifted:
                    todo = outstanding(self.who, read(), todo)  # our sets moved: its Drifted says how
                    if not todo:
                        return None
                    if guard == standing.get(soa):
                        # A server that serves another serial than it keeps (SOA-EDIT, inline signing) can never
                        # fulfil the condition; those on the record sets hold all the same.
                        return self._update(zone, todo, None, standing)
            raise Drifted(
                self.who,
                wanted=f"zone {zone} to stand still for a moment",
                seen=f"it was changed by others {_TRIES} times meanwhile",
                todo="Nothing was changed. Look again.",
            )

        apply_changes(self.who, changes, read=read, write=write)

    def findings(self) -> list[Finding]:
        """Is the server there, does it take the key, and may the key update each of `zones`?"""
        faults = findings_of([self._check_key])
        return faults or [finding for zone in self.zones for finding in self.zone_findings(zone)]

    def zone_findings(self, zone: str) -> list[Finding]:
        """May the key read and update this zone? Tried with an update that has no changes in it."""
        return findings_of([lambda: self.read_zone(zone), lambda: self._update(zone, [])])

    @property
    def who(self) -> str:
        return f"name server {self.server}"

    def _read(self, zone: str, more: Iterable[Key], standing: Standing | None = None) -> Zone:
        """The zone. standing: is filled with each set in the very spelling in which the server keeps it."""
        wire: Standing = {} if standing is None else standing
        with self._translated(f"zone {zone}"):
            records = self._transferred(zone, wire)
            if records is None:
                records = read_by_query(zone, more, self._send, wire)
                if (absolute(zone), "SOA") not in records:
                    raise self._no_such_zone(zone)
            return records

    def _transferred(self, zone: str, standing: Standing) -> Zone | None:
        """The zone by AXFR; None: the server allows no transfer."""
        transfer = dns.zone.Zone(dns.name.from_text(zone), relativize=False)
        query = dns.message.make_query(zone, "AXFR")
        self._sign(query)
        limit = 12 * self.timeout_seconds
        try:
            dns.query.inbound_xfr(self._address(), transfer, query, self.port, self.timeout_seconds, limit)
        except dns.xfr.TransferError as error:
            if error.rcode in (dns.rcode.REFUSED, dns.rcode.NOTIMP):
                return None
            if error.rcode == dns.rcode.NOTAUTH and self._in_charge_of(zone):
                reason = "NOTAUTH for a zone that it serves: it does not take the key"
                raise self._refused(f"zone {zone}", reason) from None
            raise
        except dns.exception.FormError:
            return None  # an unsigned answer to a signed question: some servers refuse so
        records: Zone = {}
        for name, rdataset in transfer.iterate_rdatasets():
            wire = dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset))
            rrset = from_dns(wire)
            records[rrset.key], standing[rrset.key] = rrset, wire
        return records

    def _in_charge_of(self, zone: str) -> bool:
        """Asked without the key: NOTAUTH stands for a key that is not taken as well as for a zone that is not held."""
        query = dns.message.make_query(zone, "SOA")
        answer = dns.query.tcp(query, self._address(), self.timeout_seconds, self.port)
        return bool(answer.answer) and bool(answer.flags & dns.flags.AA)

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
        with self._translated(wanted):
            rcode = self._send(_message(zone, changes, guard, standing or {})).rcode()
        if rcode != dns.rcode.NOERROR:
            raise self._from_rcode(rcode, wanted)

    def _check_key(self) -> None:
        """Any signed query will do: a server checks the signature before all else (RFC 8945 section 5.2)."""
        with self._translated("a signed answer"):
            self._send(dns.message.make_query(".", "SOA"))

    def _send(self, message: dns.message.Message) -> dns.message.Message:
        self._sign(message)
        # TCP: an update is too dear to be sent twice by accident, and may be long.
        return dns.query.tcp(message, self._address(), self.timeout_seconds, self.port)

    def _sign(self, message: dns.message.Message) -> None:
        message.use_tsig(dns.tsig.Key(self.key_name, self.key_secret.get_secret_value(), self.algorithm))

    def _address(self) -> str:
        return str(socket.getaddrinfo(self.server, self.port, type=socket.SOCK_STREAM)[0][4][0])

    @contextmanager
    def _translated(self, wanted: str) -> Iterator[None]:
        """Turn dnspython's exceptions into ours."""
        try:
            yield
        except (dns.tsig.PeerError, dns.tsig.BadSignature, dns.tsig.BadTime, dns.tsig.BadKey) as error:
            raise self._refused(wanted, f"{type(error).__name__}: {error}") from None
        except dns.exception.FormError as error:
            raise self._refused(wanted, f"an answer that is not signed or not well formed: {error}") from None
        except binascii.Error:
            raise self._refused(wanted, "a TSIG secret that is not base64 (it was not sent)") from None
        except dns.xfr.TransferError as error:
            raise self._from_rcode(error.rcode, wanted) from None
        except NotServed as error:
            raise self._from_rcode(error.rcode, error.question) from None
        except ValueError as error:  # of ours or of the zone: asked again it would be the same
            todo = "Mend the record that it names."
            raise Blocked(self.who, wanted=wanted, seen=str(error), todo=todo) from None
        except (dns.exception.DNSException, OSError, EOFError) as error:
            words = f"{type(error).__name__}: {error}"
            raise Transient(
                self.who, wanted=wanted, seen=words, todo="Check the way to it by TCP; ask again."
            ) from None

    def _from_rcode(self, rcode: dns.rcode.Rcode, wanted: str) -> MailmoveError:
        code = dns.rcode.to_text(rcode)
        if rcode in _DRIFTED:
            todo = "Nothing was changed. Look again: someone else edits this zone."
            return Drifted(self.who, wanted=wanted, seen=f"{code}: a record set is not as it was", todo=todo, code=code)
        if rcode == dns.rcode.REFUSED:
            return self._refused(wanted, code, code)
        if rcode == dns.rcode.SERVFAIL:
            return Transient(self.who, wanted=wanted, seen=code, todo="Look at the server's log; ask again.", code=code)
        todo = "Check that this server is the primary of the zone and that the zone's name is right."
        return Blocked(self.who, wanted=wanted, seen=code, todo=todo, code=code)

    def _refused(self, wanted: str, seen: str, code: str | None = None) -> Refused:
        todo = (
            f"Check key {self.key_name}, its secret, its algorithm, both clocks, and what the server lets the key do."
        )
        return Refused(self.who, wanted=wanted, seen=seen, todo=todo, code=code)

    def _no_such_zone(self, zone: str) -> Blocked:
        return Blocked(
            self.who, wanted=f"zone {zone}", seen="no SOA record of that name", todo="Check the zone's name and server."
        )


def _message(
    zone: str, changes: Sequence[RRsetChange], guard: dns.rrset.RRset | None, standing: Standing
) -> dns.update.UpdateMessage:
    """The UPDATE on condition that every set stands at its `before`. ValueError: a value that no message can hold."""
    message = dns.update.UpdateMessage(zone)
    if guard:
        message.present(guard.name, *guard)
    for change in changes:
        name, rtype = change.key
        owner = dns.name.from_text(name)
        if change.before is None:
            message.absent(owner, rtype)
        else:
            present = standing.get(change.key)
            same = present is not None and from_dns(present).values == change.before.values
            message.present(owner, *(present if present is not None and same else to_dns(change.before)))
            message.delete(owner, rtype)
    # All deletions come before all additions: a CNAME is silently ignored beside other records.
    for change in changes:
        if change.after is not None:
            message.add(dns.name.from_text(change.after.name), change.after.ttl, *_kept(change.after, standing))
    return message


def _kept(wanted: RRset, standing: Standing) -> list[dns.rdata.Rdata]:
    """The records of a set; those that stand there already as they stand there."""
    present = standing.get(wanted.key, ())
    known = {canonical_value(wanted.type, rdata.to_text()): rdata for rdata in present}
    return [known.get(canonical_value(wanted.type, rdata.to_text())) or rdata for rdata in to_dns(wanted)]
