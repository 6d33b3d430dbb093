"""A zone as a name server serves it, read by one question for each record set: for where there is no transfer."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import dns.flags
import dns.message
import dns.rcode

from mailmove.dns.canonical import from_dns
from mailmove.dns.zone.mail_record_names import Key, seen_by_move
from mailmove.records import Zone


class NotServed(Exception):
    """The server gave this response code to this question, or an answer without authority."""

    def __init__(self, rcode: dns.rcode.Rcode, question: str) -> None:
        super().__init__(f"{dns.rcode.to_text(rcode)} to {question}")
        self.rcode, self.question = rcode, question


def read_by_query(zone: str, more: Iterable[Key], send: Callable[[dns.message.Message], dns.message.Message]) -> Zone:
    """What a move needs to see of the zone, and `more`. NotServed: the server is not in charge of the zone.

    What a CNAME leads to is not taken for a set of the name that was asked for.
    """
    records: Zone = {}
    for name, rtype in dict.fromkeys([*seen_by_move(zone), *more]):
        query = dns.message.make_query(name, rtype, use_edns=0, payload=1232)
        query.flags &= ~dns.flags.RD
        answer = send(query)
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) or not answer.flags & dns.flags.AA:
            raise NotServed(answer.rcode(), f"{rtype} {name}")
        for rrset in answer.answer:
            if (rrset.name, rrset.rdtype) == (query.question[0].name, query.question[0].rdtype):
                answered = from_dns(rrset)
                records[answered.key] = answered
    return records
