"""What a gate has asked, and whether an answer to it counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from blocks.approver import Approver
from mailmove.approval_codes import Yes, fingerprint, is_code_of
from mailmove.clock import now
from mailmove.errors import Blocked
from mailmove.evidence import Preview
from mailmove.plan.cutover import Cutover
from mailmove.plan.gates_and_windows import APPROVER, Gate
from tasks.engine.current import engine
from tasks.execution.open_blocks import open_block
from tasks.ledger.stored_values import stored_value
from tasks.parking.forms import GateForm

UNANSWERED: dict[str, Any] = {"approve": False, "name": "-", "reason": "nobody answered in time", "automatic": True}
"""The answer with which the watch resumes a gate whose question has expired, so that it asks anew. What it is says
`automatic`: every name is a person's.
"""


class Asked(BaseModel):
    """A question as it was shown."""

    run: UUID = Field(description="Sub-flow run of the gate")
    key: int = Field(description="1 for the first asking, 2 for the second, ...")
    preview: Preview
    at: datetime = Field(default_factory=now)
    why_not: str = Field(default="", description="Why the answer to the question before did not count")

    @property
    def question(self) -> str:
        """Names this one asking; an answer to another does not count."""
        return f"{self.run}-{self.key}"

    def yes(self, cutover: Cutover, gate: str, name: str) -> Yes:
        """What an approver's code for it has to say."""
        return Yes(
            customer=cutover.customer, gate=gate, question=self.question, digest=self.preview.digest, approver=name
        )


class Verdict(BaseModel):
    """counts: it is a yes of somebody who has a say. why_not: in words, for the next question."""

    counts: bool = False
    why_not: str = ""
    proof: str = ""


def asked_last(run: UUID) -> Asked | None:
    """The question that a gate has last written down; it may have been killed before it parked with it."""
    rows = engine().store.read_latest([_key(run)]).get(_key(run))
    return stored_value(Asked, rows[0], "the question as it was shown") if rows else None


def write_question(asked: Asked) -> None:
    """Keep what is about to be shown: the answer will be held against it, not against a later look."""
    words = f"question {asked.key}, digest {asked.preview.digest}"
    engine().store.write_table(_key(asked.run), [asked.model_dump(mode="json")], description=words, flow_run=asked.run)


def expires(rule: Gate, at: datetime) -> datetime | None:
    """When a question asked `at` expires; None: never."""
    return None if rule.expires_minutes is None else at + timedelta(minutes=rule.expires_minutes)


def has_expired(rule: Gate, asked: Asked) -> bool:
    end = expires(rule, asked.at)
    return end is not None and now() >= end


def judge(cutover: Cutover, gate: str, asked: Asked, answer: GateForm) -> Verdict:
    """Does this answer open the gate?"""
    rule: Gate = getattr(cutover.gates, gate)
    if answer.automatic and not answer.approve and has_expired(rule, asked):
        return Verdict(why_not=f"Nobody answered within {rule.expires_minutes:g} minutes: this is a fresh look.")
    if not answer.approve:
        why = f"{answer.name} said no: {answer.reason or 'no reason given'}"
        return Verdict(why_not=f"**{why}.** It stays so until somebody says yes.")
    if has_expired(rule, asked):
        why = f"{answer.name} said yes after {rule.expires_minutes:g} minutes, when the question had expired"
        return Verdict(why_not=f"**{why}.** This is a fresh look.")
    reference = f"{APPROVER}{answer.name.removeprefix(APPROVER)}"
    if reference in rule.approvers:
        return _proved(reference, asked.yes(cutover, gate, reference), answer.code)
    if rule.approvers and answer.name not in rule.approvers:
        named = ", ".join(rule.approvers)
        return Verdict(why_not=f"**{answer.name} has no say here.** The plan names: {named}.")
    return Verdict(counts=True)


def _proved(reference: str, yes: Yes, code: str) -> Verdict:
    try:
        key = open_block(reference, Approver).public_key
    except Blocked as error:
        return Verdict(why_not=f"**The code of {reference} cannot be checked.** {error}")
    if is_code_of(yes, key, code):
        return Verdict(counts=True, proof=f"proved by a code of the key {fingerprint(key)}")
    fault = "did not come with a code" if not code.strip() else "came with a code that was not made for this question"
    return Verdict(why_not=f"**A yes in the name of {reference} {fault}.** It does not count.")


def _key(run: UUID) -> str:
    return f"asked-{run}"
