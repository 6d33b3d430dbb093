"""A zone as a name server serves it, read by one question for each record set: for where there is no transfer.

A wildcard answers for names that do not exist (RFC 4592); what stands there only by it is not in the zone that is read.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, MutableMapping, Sequence

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from mailmove.dns.canonical import absolute, from_dns
from mailmove.dns.zone.enclosing import enclosing_names
from mailmove.dns.zone.mail_record_names import seen_by_move, usual_other_names, whole_zone
from mailmove.records import AskedZone, Key, RRset

Send = Callable[[dns.message.Message], dns.message.Message]
"""`send(query)`: the server's answer."""
Standing = MutableMapping[Key, dns.rrset.RRset]
"""Sets as the server has them on the wire, by (name, type)."""


class NotServed(Exception):
    """The server gave this response code to this question, or an answer without authority, or to something else."""

    def __init__(self, rcode: dns.rcode.Rcode, question: str) -> None:
        super().__init__(f"{dns.rcode.to_text(rcode)} to {question}")
        self.rcode, self.question = rcode, question


def read_by_query(
    domain: str, more: Iterable[Key], send: Send, standing: Standing | None = None, *, zone: str | None = None
) -> AskedZone:
    """What a move of the domain needs to see of its zone, `more`, and the MX of names that are often there.

    zone: the one that the domain lies in; None: the domain is a zone itself. NotServed: the server is not in charge of
    it. What a CNAME leads to is not taken for a set of the name that was asked for. standing: is filled with each set
    in the very spelling in which the server keeps it.
    """
    apex, records = absolute(zone or domain), AskedZone()
    wildcards, above = _Wildcards(apex, send), [] if apex == absolute(domain) else whole_zone(apex)
    for key in dict.fromkeys([*above, *seen_by_move(domain), *more, *usual_other_names(domain)]):
        wire = asked(key, send)
        if wire is None:
            continue
        answered = from_dns(wire)
        if key[0] != apex and wildcards.made(answered):
            continue
        records[answered.key] = answered
        if standing is not None:
            standing[answered.key] = wire
    return records


class _Wildcards:
    """Tells what a wildcard made from what stands in the zone, by asking for names that nobody has."""

    def __init__(self, apex: str, send: Send) -> None:
        self._apex, self._send = apex, send
        self._label, self._below = f"x{secrets.token_hex(8)}", f"x{secrets.token_hex(8)}"
        self._values: dict[Key, tuple[str, ...]] = {}

    def made(self, answered: RRset) -> bool:
        """Does the name have this set only by a wildcard?

        A name beside it that nobody has must be answered with the same values. Then a name *below* it tells: a wildcard
        makes it too where the name does not exist, and does not where it does (RFC 4592 section 2.2.1). A server whose
        wildcards are one label long cannot show that; there the same values are the wildcard's.
        """
        name, rtype = answered.key
        if name.startswith("*."):
            return False
        above = name.partition(".")[2]
        if self._at(f"{self._label}.{above}", rtype) != answered.values:
            return False
        if self._at(f"{self._below}.{self._label}.{above}", rtype) != answered.values:
            return True
        return self._at(f"{self._label}.{name}", rtype) == answered.values

    def _at(self, name: str, rtype: str) -> tuple[str, ...]:
        key = (name, rtype)
        if key not in self._values:
            wire = asked(key, self._send)
            self._values[key] = from_dns(wire).values if wire is not None else ()
        return self._values[key]


def asked(key: Key, send: Send) -> dns.rrset.RRset | None:
    """The set of this very name and type; None: it has none. NotServed: the server is not in charge of it."""
    name, rtype = key
    query = _question(name, rtype)
    answer = send(query)
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) or not answer.flags & dns.flags.AA:
        raise NotServed(answer.rcode(), f"{rtype} {name}")
    if answer.question and answer.question != query.question:
        raise NotServed(answer.rcode(), f"{rtype} {name}, with an answer to another question")
    asked = query.question[0]
    if not _hangs_together(asked.name, answer.answer):
        raise NotServed(answer.rcode(), f"{rtype} {name}, with records of other names")
    sets = [rrset for rrset in answer.answer if (rrset.name, rrset.rdtype) == (asked.name, asked.rdtype) and rrset]
    aliases = [rrset for rrset in answer.answer if rrset.rdtype == dns.rdatatype.CNAME]
    if answer.answer and not sets and not aliases:
        raise NotServed(answer.rcode(), f"{rtype} {name}, with records of other types")
    return sets[0] if sets else None


def enclosing_zone(domain: str, send: Send) -> str:
    """The zone of the server's that the domain lies in, by its SOA (RFC 2308 section 3); the domain itself where the
    server does not tell, or has no such name: whoever reads it then hears why.
    """
    for name in enclosing_names(domain):
        answer = send(_question(name, "SOA"))
        if answer.rcode() != dns.rcode.NOERROR or not answer.flags & dns.flags.AA:
            break
        owner = dns.name.from_text(name)
        for rrset in (*answer.answer, *answer.authority):
            if rrset.rdtype == dns.rdatatype.SOA and owner.is_subdomain(rrset.name):
                return absolute(rrset.name.to_text())
        # A name that is a CNAME is answered with what it leads to: the one above it tells.
    return absolute(domain)


def _question(name: str, rtype: str) -> dns.message.QueryMessage:
    query = dns.message.make_query(name, rtype, use_edns=0, payload=1232)
    query.flags &= ~dns.flags.RD
    return query


def _hangs_together(name: dns.name.Name, sets: Sequence[dns.rrset.RRset]) -> bool:
    """Is each set of the name that was asked for, or of one that its aliases lead to?"""
    reached, targets = {name}, {rrset.name: rrset[0].target for rrset in sets if rrset.rdtype == dns.rdatatype.CNAME}
    while name in targets and targets[name] not in reached:
        name = targets[name]
        reached.add(name)
    return all(rrset.name in reached or rrset.rdtype == dns.rdatatype.DNAME for rrset in sets)
