"""How a wait ended, written down: what it waited for has come, or a person said to go on anyway."""

from __future__ import annotations

import logging
from uuid import UUID

from mailmove.errors import MailmoveError
from mailmove.evidence import Evidence, PollResult
from mailmove.plan.cutover import Cutover
from tasks.execution.context import Context
from tasks.ledger.entry import EntryKind
from tasks.ledger.payloads import WaitEnded
from tasks.parking.poll import Awaited
from tasks.runbook import step_named

_log = logging.getLogger(__name__)


def wait_skipped(plan: Cutover, root: UUID, awaited: Awaited, *, by: str, reason: str) -> Evidence:
    """A person does not want to wait any longer."""
    ended = WaitEnded(skipped=True, by=by or "somebody", reason=reason or "no reason")
    words = f"not waited for any longer: {ended.by} said: {ended.reason}"
    return _record(Context(plan, awaited.step, root=root), awaited, ended, [words])


def wait_completed(plan: Cutover, root: UUID, awaited: Awaited, result: PollResult) -> Evidence:
    """What was waited for has come. What the wait's module does then (`completed`) may fail: it is only worth while."""
    context = Context(plan, awaited.step, root=root)
    evidence = _record(context, awaited, WaitEnded(), [result.summary, *result.details])
    step = step_named(awaited.step)
    completed = getattr(step.module, "completed", None) if step else None
    if completed is not None:
        try:
            completed(context)
        except MailmoveError as error:
            _log.warning("%s: %s", awaited, error)
    return evidence


def _record(context: Context, awaited: Awaited, ended: WaitEnded, facts: list[str]) -> Evidence:
    name = awaited.step if awaited.until == "condition" else str(awaited)
    entry = context.ledger.record(EntryKind.EVIDENCE, name, payload=ended, facts=facts)
    return Evidence(stage=name, facts=facts, at=entry.at)
