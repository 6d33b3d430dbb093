"""Account for every item of every mailbox; deliver again, once each, what the service left behind."""

from __future__ import annotations

from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.plan import Cutover
from tasks.accounting import ask_for_missing, prove
from tasks.policies import change, look, make_sure, put_back

NAME = "proof"


@look
def check(cutover: Cutover) -> Preview:
    """It changes nothing that a preview could show: it counts, and adds what is missing."""
    return Preview(stage=NAME)


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Ask for what is missing. How long Microsoft takes is not this task's to wait for: `verify` parks."""
    return ask_for_missing(cutover, NAME)


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """Count again: everything is there, or within what the plan tolerates."""
    return prove(cutover, NAME)


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """There is nothing to put back: copies are only ever added."""
    return Receipt(stage=NAME)
