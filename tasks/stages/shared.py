"""Stages that do the same at another hour: three send probes, two account for every item."""

from __future__ import annotations

from prefect import Task

from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.plan.cutover import Cutover
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.items.reconcile import ask_for_missing, record_reconciled
from tasks.traffic.probes import probes_landed, send_probes

Verbs = tuple[
    Task[[Cutover | Context], Preview],
    Task[[Cutover | Context, str | None], Receipt],
    Task[[Cutover | Context], Evidence],
    Task[[Cutover | Context, Receipt], Receipt],
]
"""check, apply, verify and rollback."""


def probes(stage: str) -> Verbs:
    """Those of a stage of probes."""

    def check(context: Context) -> Preview:
        """It changes no settings: it sends a message for each way, and takes it away again."""
        return Preview(stage=stage)

    def apply(context: Context, approved: str | None = None) -> Receipt:
        """Send, once each."""
        return send_probes(context)

    def verify(context: Context) -> Evidence:
        """Where each landed, and how long it took. It never stops the cutover: late is a fact, too."""
        return probes_landed(context)

    def rollback(context: Context, receipt: Receipt) -> Receipt:
        """The flow takes all probes away at once."""
        return Receipt(stage=stage)

    return (
        check_task(check, stage),
        apply_task(apply, stage),
        verify_task(verify, stage),
        rollback_task(rollback, stage),
    )


def reconciliations(stage: str) -> Verbs:
    """Those of a stage that accounts for every item."""

    def check(context: Context) -> Preview:
        """It changes nothing that a preview could show: it counts, and adds what is missing."""
        return Preview(stage=stage)

    def apply(context: Context, approved: str | None = None) -> Receipt:
        """Ask for what is missing. How long Microsoft takes is not this task's to wait for: `verify` parks."""
        return ask_for_missing(context)

    def verify(context: Context) -> Evidence:
        """Count again: everything is there, or within what the plan tolerates."""
        return record_reconciled(context)

    def rollback(context: Context, receipt: Receipt) -> Receipt:
        """There is nothing to put back: copies are only ever added."""
        return Receipt(stage=stage)

    return (
        check_task(check, stage),
        apply_task(apply, stage),
        verify_task(verify, stage),
        rollback_task(rollback, stage),
    )
