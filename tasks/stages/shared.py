"""Stages that do the same at another hour of the night: three send probes, two account for every item."""

from __future__ import annotations

from prefect import Task

from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.plan.cutover import Cutover
from tasks.execution.retry_policies import change, look, make_sure, put_back
from tasks.items.reconcile import ask_for_missing, prove
from tasks.traffic.probes import probes_landed, send_probes

Verbs = tuple[
    Task[[Cutover], Preview],
    Task[[Cutover, str | None], Receipt],
    Task[[Cutover], Evidence],
    Task[[Cutover, Receipt], Receipt],
]
"""check, apply, verify and rollback."""


def probes(stage: str) -> Verbs:
    """Those of a stage of probes."""

    def check(cutover: Cutover) -> Preview:
        """It changes no settings: it sends a message for each way, and takes it away again."""
        return Preview(stage=stage)

    def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
        """Send, once each."""
        return send_probes(cutover, stage)

    def verify(cutover: Cutover) -> Evidence:
        """Where each landed, and how long it took. It never stops the night: late is a fact, too."""
        return probes_landed(cutover, stage)

    def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
        """The flow takes all probes away at once."""
        return Receipt(stage=stage)

    return look(check, stage), change(apply, stage), make_sure(verify, stage), put_back(rollback, stage)


def proofs(stage: str) -> Verbs:
    """Those of a stage that accounts for every item."""

    def check(cutover: Cutover) -> Preview:
        """It changes nothing that a preview could show: it counts, and adds what is missing."""
        return Preview(stage=stage)

    def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
        """Ask for what is missing. How long Microsoft takes is not this task's to wait for: `verify` parks."""
        return ask_for_missing(cutover, stage)

    def verify(cutover: Cutover) -> Evidence:
        """Count again: everything is there, or within what the plan tolerates."""
        return prove(cutover, stage)

    def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
        """There is nothing to put back: copies are only ever added."""
        return Receipt(stage=stage)

    return look(check, stage), change(apply, stage), make_sure(verify, stage), put_back(rollback, stage)
