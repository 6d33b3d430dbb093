"""Count the DNS look-ups of an SPF record, with all records that it includes (RFC 7208 section 4.6.4)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from mailmove.dns.client.lookups import Lookup
from mailmove.dns.client.query import Answer
from mailmove.dns.mail_auth import spf
from mailmove.dns.mail_auth.record_verdict import RecordVerdict

_ENOUGH = 40  # look-ups after which the count stops: it is far over the limit
_MX_LIMIT = 10  # hosts of one `mx` (RFC 7208 section 4.6.4)


class MxTerm(NamedTuple):
    """An `mx` that counts. record: the domain whose record has it. hosts: what it stands for today."""

    record: str
    hosts: tuple[str, ...]


@dataclass
class SpfCost:
    """The counts of the worst case: a sender that only the last term matches."""

    lookups: int = 0
    voids: int = 0
    faults: list[str] = field(default_factory=list)  # each a permanent error
    unanswered: list[str] = field(default_factory=list)  # a temporary error, which may pass
    mx: list[MxTerm] = field(default_factory=list)

    @property
    def permanent(self) -> list[str]:
        """Every reason for which receivers take the record as broken."""
        reasons = list(self.faults)
        if self.lookups > spf.LOOKUP_LIMIT:
            reasons.append(f"{self.lookups} DNS look-ups; {spf.LOOKUP_LIMIT} are allowed")
        if self.voids > spf.VOID_LIMIT:
            reasons.append(f"{self.voids} DNS look-ups that find nothing; {spf.VOID_LIMIT} are allowed")
        return reasons


class SpfFacts(BaseModel):
    """What an SPF record asks for, with all that it includes."""

    model_config = ConfigDict(frozen=True)

    lookups: int = Field(default=0, description="Terms that cost a DNS look-up, those of included records counted")
    voids: int = Field(default=0, description="Look-ups that find nothing")
    all: str | None = Field(default=None, description="Qualifier of `all`: + - ~ ?; None: the record has no `all`")
    redirect: str | None = Field(default=None, description="Domain whose record is used instead")
    mx_elsewhere: tuple[str, ...] = Field(
        default=(),
        description="Domains of included records in which `mx` stands for the domain's mail servers today",
    )
    mx_nowhere: tuple[str, ...] = Field(
        default=(), description="Domains of included records in which `mx` stands for nothing: they have no MX"
    )
    ptr: bool = Field(default=False, description="Does it use `ptr`, which is slow and deprecated?")


class SpfVerdict(RecordVerdict):
    """A domain's SPF record, read."""

    facts: SpfFacts = SpfFacts()


async def measure(domain: str, text: str, lookup: Lookup) -> SpfCost:
    """Follow every include and redirect, and count.

    text: the record of `domain`. Terms with macros cost their look-up; what they find cannot be known. Trouble on the
    network is in `unanswered`.
    """
    cost = SpfCost()
    await _count(domain.rstrip(".").lower(), text, lookup, cost, ())
    return cost


async def _count(domain: str, text: str, lookup: Lookup, cost: SpfCost, path: tuple[str, ...]) -> None:
    where = f" (in {domain})" if path else ""
    cost.faults += [f"{fault}{where}" for fault in spf.faults(text)]
    chain = (*path, domain)
    everything = any(term.name == "all" for term in spf.terms(text))
    asking = []
    for term in spf.in_force(text):
        if not term.costs or (term.name == "redirect" and everything):
            continue
        cost.lookups += 1
        if "%" in term.value or cost.lookups > _ENOUGH or (not term.value and term.name in ("include", "redirect")):
            continue
        asking.append(_follow(term, term.value.rstrip(".").lower() or domain, lookup, cost, chain))
    await asyncio.gather(*asking)


async def _follow(term: spf.Term, target: str, lookup: Lookup, cost: SpfCost, chain: tuple[str, ...]) -> None:
    match term.name:
        case "include" | "redirect":
            await _follow_record(term, target, lookup, cost, chain)
        case "a":
            _void_if_none(await asyncio.gather(lookup(target, "A"), lookup(target, "AAAA")), cost)
        case "mx":
            answer = await lookup(target, "MX")
            _void_if_none([answer], cost)
            if not answer.error:
                hosts = tuple(value.split()[-1].lower() for value in answer.values)
                cost.mx.append(MxTerm(chain[-1], hosts))
            if len(answer.values) > _MX_LIMIT:
                cost.faults.append(f"{term.text} leads to {len(answer.values)} hosts; {_MX_LIMIT} are allowed")
        case "exists":
            _void_if_none([await lookup(target, "A")], cost)
        case _:  # ptr asks about the sender's address, which is not known here
            pass


async def _follow_record(term: spf.Term, target: str, lookup: Lookup, cost: SpfCost, chain: tuple[str, ...]) -> None:
    if target in chain:
        cost.faults.append(f"{term.text} leads back to itself: {' -> '.join([*chain, target])}")
        return
    answer = await lookup(target, "TXT")
    _void_if_none([answer], cost)
    if answer.error:
        return
    records = [value for value in answer.values if spf.is_spf(value)]
    if len(records) != 1:
        cost.faults.append(f"{term.text}: {target} has {len(records) or 'no'} SPF record{'s' if records else ''}")
        return
    await _count(target, spf.text_of(records[0]), lookup, cost, chain)


def _void_if_none(answers: list[Answer] | tuple[Answer, ...], cost: SpfCost) -> None:
    errors = [answer for answer in answers if answer.error]
    cost.unanswered += [f"{answer.type} {answer.name}: {answer.error}" for answer in errors]
    if not errors and not any(answer.values for answer in answers):
        cost.voids += 1
