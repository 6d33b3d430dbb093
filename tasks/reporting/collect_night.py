"""Put a night together from what the Prefect server keeps: the ledger, the tables, the parked runs. It reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound

from mailmove.dns.propagation.measure import Sweep
from mailmove.errors import Blocked
from mailmove.evidence import Look, Preview, now
from mailmove.plan.cutover import Cutover
from mailmove.report.cutover_report import CutoverReport, Decision, Question, Step
from mailmove.report.forecast import Outline, Runbook, runbook_of, zone_of
from mailmove.report.handover import Handover
from mailmove.report.progress import Progress
from tasks.items.reconcile import STAYS_BEHIND
from tasks.ledger.artifact_tables import read_of_run
from tasks.ledger.ledger import Entry, read_entries, receipt_of
from tasks.ledger.names import closing_key, copying_key, handover_key, previews_key
from tasks.ledger.stored_plan import plan_of
from tasks.parking.park import GATE_FLOW, PARKED, TROUBLE_FLOW, WAIT_FLOW
from tasks.parking.poll import last_looks
from tasks.reporting.closing_facts import Closing
from tasks.runbook import RUNBOOK, Stage
from tasks.waits.first_sync import PROGRESS

_PAGE = 200


def night_of_customer(customer: str, cutover: UUID | None = None) -> CutoverReport:
    """The customer's cutover (default: the one that wrote last). Blocked: nothing was ever written for it."""
    everything = read_entries(customer)
    root = cutover or (everything[-1].cutover if everything else None)
    entries = [entry for entry in everything if entry.cutover == root]
    if root is None or not entries:
        raise Blocked("ledger", wanted=f"a cutover of {customer}", seen="none", todo="See `mailmove status`.")
    run, parked = _runs(root)
    plan = plan_of(run) if run else None
    tables = _tables(customer, root)
    began = _plain(run.start_time if run else None) or entries[0].at
    return CutoverReport(
        customer=customer,
        domains=list(plan.domains) if plan else [],
        cutover=root,
        state=(run.state_name if run else None) or "unknown",
        written=now(),
        began=began,
        ended=_plain(run.end_time if run else None),
        time_zone=zone_of(plan) if plan else "UTC",
        old_host=plan.source.smtp_host if plan else "",
        steps=list(_steps(entries, began)),
        questions=[question for one, states in parked for question in _questions(one, states)],
        decisions=[Decision(stage=one.stage, at=one.at, words=one.facts) for one in entries if one.kind == "approval"],
        **{**tables, **_pictured(last_looks([one.id for one, _ in parked if WAIT_FLOW in one.tags]).values())},
        unmoved_items=_left_behind(entries),
    )


def runbook_of_preflight(plan: Cutover, run: UUID, starts: datetime) -> Runbook:
    """The night to come, by what a preflight (its flow run) saw. Blocked: it ended before it had seen everything."""
    keys = [previews_key(plan.customer), handover_key(plan.customer)]
    rows = read_of_run(run, keys)
    if keys[0] not in rows:
        raise Blocked(
            "preflight", wanted="what it saw", seen="nothing", todo=f"Look at flow run {run} in the Prefect UI."
        )
    found = rows.get(keys[1])
    return runbook_of(
        plan,
        [Preview.model_validate(row) for row in rows[keys[0]]],
        outlines(),
        handover=Handover.model_validate(found[0]) if found else None,
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
            undo=undo_words(step) if isinstance(step, Stage) else "",
        )
        for step in RUNBOOK
    ]


def undo_words(stage: Stage) -> str:
    """How a rollback puts it back, in the stage's own words."""
    said = stage.module.rollback.fn.__doc__ or "Exactly what the ledger says stood there before."
    return " ".join(said.split())


def _steps(entries: list[Entry], began: datetime) -> Iterator[Step]:
    """Each step begins where the one before it ended; what was undone keeps its times."""
    begins: datetime | None = began
    for outline in outlines():
        mine = [entry for entry in entries if entry.stage == outline.name]
        receipt = receipt_of(mine, outline.name)
        seen = next((entry for entry in mine if entry.kind == "evidence"), None)
        undone = [entry for entry in mine if entry.kind == "undone"]
        yield Step(
            name=outline.name,
            story=outline.story,
            kind=outline.kind,
            undo=outline.undo,
            began=begins,
            ended=seen.at if seen else None,
            changes=undone[-1].changes if undone else receipt.changes,
            facts=seen.facts if seen else [],
            undone=bool(undone),
            remains=undone[-1].facts if undone else [],
        )
        begins = seen.at if seen else None


def _runs(root: UUID) -> tuple[FlowRun | None, list[tuple[FlowRun, list[State]]]]:
    """The cutover's own run (None: Prefect has forgotten it), and what it was parked at, each with its states."""
    with get_client(sync_client=True) as client:
        try:
            run = client.read_flow_run(root)
        except ObjectNotFound:
            return None, []
        return run, [(one, client.read_flow_run_states(one.id)) for one in _children(client, root)]


def _children(client: SyncPrefectClient, root: UUID) -> list[FlowRun]:
    chosen = FlowRunFilter(
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[root]), tags=FlowRunFilterTags(all_=[PARKED])
    )
    found: list[FlowRun] = []
    while True:
        page = client.read_flow_runs(flow_run_filter=chosen, limit=_PAGE, offset=len(found))
        found += page
        if len(page) < _PAGE:
            return found


def _questions(run: FlowRun, states: list[State]) -> Iterator[Question]:
    """One for each time that it was parked."""
    kind = next(name for name in (WAIT_FLOW, GATE_FLOW, TROUBLE_FLOW) if name in run.tags)
    in_order = sorted(states, key=lambda state: state.timestamp)
    for state, after in pairwise([*in_order, None]):
        if state is not None and state.is_paused():
            asked, answered = _plain(state.timestamp), _plain(after.timestamp if after else None)
            name, words = str(run.parameters.get("name", run.name)), state.message or ""
            yield Question.model_validate(
                {"kind": kind, "name": name, "asked": asked, "answered": answered, "words": words}
            )


def _plain(at: datetime | None) -> datetime | None:
    """Prefect's times are of a class of its own, whose differences do not divide."""
    return datetime.fromtimestamp(at.timestamp(), tz=UTC) if at else None


def _tables(customer: str, root: UUID) -> dict[str, Any]:
    """Fields of the night that stand in tables of their own; what was not kept is left out."""
    kinds = {"handover": handover_key, "previews": previews_key, "closing": closing_key, "copying": copying_key}
    keys = {name: key(customer) for name, key in kinds.items()}
    rows = read_of_run(root, list(keys.values()))
    told: dict[str, Any] = {}
    if found := rows.get(keys["handover"]):
        told["handover"] = Handover.model_validate(found[0])
    previews = [Preview.model_validate(row) for row in rows.get(keys["previews"], [])]
    told["findings"] = [finding for preview in previews for finding in preview.findings]
    if found := rows.get(keys["copying"]):
        told["progress"] = Progress.model_validate(found[0])
    if found := rows.get(keys["closing"]):
        closing = Closing.model_validate(found[0])
        told |= {"tidy": closing.tidy, "landed": closing.landed, "landed_note": closing.landed_note}
    return told


def _pictured(looks: Iterable[Look]) -> dict[str, Any]:
    """What the waits saw last, as far as it can be drawn."""
    told: dict[str, Any] = {"sweeps": {}}
    for seen in looks:
        for key, value in seen.state.items():
            if key == PROGRESS:
                told["progress"] = Progress.model_validate(value)
            elif isinstance(value, dict) and {"authorities", "resolvers"} <= value.keys():
                told["sweeps"][key] = Sweep.model_validate(value)
    return told


def _left_behind(entries: list[Entry]) -> list[str]:
    """By the newest count."""
    counted = [one for one in entries if one.kind == "evidence" and one.stage in ("reconcile_items", "reconcile_again")]
    facts = counted[-1].facts if counted else []
    return [fact.removeprefix(STAYS_BEHIND) for fact in facts if fact.startswith(STAYS_BEHIND)]
