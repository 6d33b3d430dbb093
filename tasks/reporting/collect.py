"""Put the record of a cutover together from the ledger, the tables and the parked runs. It reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from mailmove.clock import now
from mailmove.dns.propagation.measure import PropagationSweep
from mailmove.domain_names import shown
from mailmove.errors import Blocked
from mailmove.evidence import PollResult, Preview
from mailmove.plan.cutover import Cutover
from mailmove.report.cutover_report import CutoverReport, Decision, ProofLine, Question, Step
from mailmove.report.forecast import Outline, Runbook, runbook_of, zone_of
from mailmove.report.handover import Handover
from mailmove.report.progress import Progress
from tasks.engine.current import engine
from tasks.engine.port import ParkedRecord
from tasks.ledger.entry import Entry, EntryKind
from tasks.ledger.ledger import checked_chain, payloads_of, read_entries, receipt_of
from tasks.ledger.names import closing_key, copying_key, handover_key, previews_key
from tasks.ledger.payloads import Reconciliation, Topic
from tasks.ledger.stored_plan import plan_of
from tasks.ledger.stored_values import stored_value
from tasks.parking.forms import WAIT_FLOW
from tasks.parking.poll import last_results
from tasks.progress.leave_out import left_lines
from tasks.reporting.closing_facts import Closing
from tasks.runbook import RUNBOOK, Stage
from tasks.waits.first_sync import PROGRESS

_OF_STEPS = (Topic.STAGE, Topic.WAIT, Topic.RECONCILIATION)
"""Topics whose evidence says that a step has come to its end."""


def report_of_customer(customer: str, cutover: UUID | None = None) -> CutoverReport:
    """The customer's cutover (default: the one that wrote last). Blocked: nothing was ever written for it."""
    everything = read_entries(customer)
    root = cutover or (everything[-1].cutover if everything else None)
    entries = [entry for entry in everything if entry.cutover == root]
    if root is None or not entries:
        raise Blocked("ledger", wanted=f"a cutover of {customer}", seen="none", todo="See `mailmove status`.")
    run = engine().read_run(root)
    plan = plan_of(run.parameters) if run else None
    parked = run.parked if run else []
    tables, chain = _tables(customer, root), checked_chain(customer, root)
    began = (run.began if run else None) or entries[0].at
    return CutoverReport(
        customer=customer,
        domains=[shown(domain) for domain in plan.domains] if plan else [],
        cutover=root,
        state=run.state if run else "unknown",
        written=now(),
        began=began,
        ended=run.ended if run else None,
        time_zone=zone_of(plan) if plan else "UTC",
        old_host=plan.source.smtp_host if plan else "",
        steps=list(_steps(entries, began)),
        questions=[question for record in parked for question in _questions(record)],
        decisions=[
            Decision(stage=entry.stage, at=entry.at, words=entry.facts)
            for entry in entries
            if entry.kind is EntryKind.APPROVAL
        ],
        left_out=list(left_lines(entries)),
        ledger=chain.words,
        ledger_broken=bool(chain.faults),
        **{**tables, **_pictured(last_results([record.id for record in parked if record.flow == WAIT_FLOW]).values())},
        **_reconciled(entries),
    )


def runbook_of_preflight(plan: Cutover, run: UUID, starts: datetime) -> Runbook:
    """The cutover to come, by what a preflight (its flow run) saw. Blocked: it ended before it had seen everything."""
    keys = [previews_key(plan.customer), handover_key(plan.customer)]
    rows = engine().store.read_of_run(run, keys)
    if keys[0] not in rows:
        raise Blocked(
            "preflight", wanted="what it saw", seen="nothing", todo=f"Look at flow run {run} in the Prefect UI."
        )
    handover = rows.get(keys[1])
    return runbook_of(
        plan,
        [stored_value(Preview, row, "a preview") for row in rows[keys[0]]],
        outlines(),
        handover=stored_value(Handover, handover[0], "whom the cutover concerns") if handover else None,
        starts=starts,
        written=now(),
    )


def outlines() -> list[Outline]:
    """The runbook, as far as it can be told without a plan."""
    return [
        Outline(
            name=step.name,
            story=step.story,
            kind="stage" if isinstance(step, Stage) else "wait",
            gate=step.gate if isinstance(step, Stage) else None,
            skipped_when_empty=isinstance(step, Stage) and step.skipped_when_empty,
            mark=step.mark,
            rule=step.forecast,
            undo=undo_words(step) if isinstance(step, Stage) else "",
        )
        for step in RUNBOOK
    ]


def undo_words(stage: Stage) -> str:
    """How a rollback puts it back, in the stage's own words."""
    words = stage.module.rollback.fn.__doc__ or "Exactly what the ledger says stood there before."
    return " ".join(words.split())


def _steps(entries: list[Entry], began: datetime) -> Iterator[Step]:
    """Each step begins where the one before it ended; what was rolled back keeps its times.

    A stage that was left out as a whole ended when that was decided.
    """
    begins: datetime | None = began
    left = {line.stage: line for line in left_lines(entries) if line.whole}
    for outline in outlines():
        mine = [entry for entry in entries if entry.stage == outline.name and entry.topic in _OF_STEPS]
        receipt = receipt_of(mine, outline.name)
        evidence = next((entry for entry in mine if entry.kind is EntryKind.EVIDENCE), None)
        undone = [entry for entry in mine if entry.kind is EntryKind.ROLLED_BACK]
        decided = left.get(outline.name)
        ended = evidence.at if evidence else decided.at if decided else None
        yield Step(
            name=outline.name,
            story=outline.story,
            kind=outline.kind,
            undo=outline.undo,
            mark=outline.mark,
            began=begins,
            ended=ended,
            changes=undone[-1].changes if undone else receipt.changes,
            facts=evidence.facts if evidence else [],
            undone=bool(undone),
            remains=undone[-1].facts if undone else [],
            left=decided.words if decided else "",
        )
        begins = ended


def _questions(parked: ParkedRecord) -> Iterator[Question]:
    """One for each time that it was parked."""
    name = str(parked.parameters.get("step") or parked.parameters.get("name"))
    for asked, answered, words in parked.times:
        yield Question.model_validate(
            {"kind": parked.flow, "name": name, "asked": asked, "answered": answered, "words": words}
        )


def _tables(customer: str, root: UUID) -> dict[str, Any]:
    """Fields of the report that stand in tables of their own; what was not kept is left out."""
    kinds = {"handover": handover_key, "previews": previews_key, "closing": closing_key, "copying": copying_key}
    keys = {name: key(customer) for name, key in kinds.items()}
    rows = engine().store.read_of_run(root, list(keys.values()))
    fields: dict[str, Any] = {}
    if row := rows.get(keys["handover"]):
        fields["handover"] = stored_value(Handover, row[0], "whom the cutover concerns")
    previews = [stored_value(Preview, row, "a preview") for row in rows.get(keys["previews"], [])]
    fields["findings"] = [finding for preview in previews for finding in preview.findings]
    if row := rows.get(keys["copying"]):
        fields["progress"] = stored_value(Progress, row[0], "how far the copy is")
    if row := rows.get(keys["closing"]):
        closing = stored_value(Closing, row[0], "the end of the cutover")
        fields |= {"tidy": closing.tidy, "landed": closing.landed, "landed_note": closing.landed_note}
    return fields


def _pictured(results: Iterable[PollResult]) -> dict[str, Any]:
    """What the waits saw last, as far as it can be drawn."""
    fields: dict[str, Any] = {"sweeps": {}}
    for result in results:
        for key, value in result.state.items():
            if key == PROGRESS:
                fields["progress"] = stored_value(Progress, value, "how far the copy is")
            elif isinstance(value, dict) and {"authorities", "resolvers"} <= value.keys():
                fields["sweeps"][key] = stored_value(PropagationSweep, value, "what the name servers answered")
    return fields


def _reconciled(entries: list[Entry]) -> dict[str, Any]:
    """Fields of the report that the newest reconciliation gives."""
    outcomes = payloads_of(entries, Reconciliation)
    if not outcomes:
        return {}
    entry, outcome = outcomes[-1]
    return {
        "proof_stage": entry.stage,
        "proof": [ProofLine(mailbox=counted.mailbox, words=counted.words) for counted in outcome.mailboxes],
        "unmoved_items": [str(item) for item in outcome.left],
    }
