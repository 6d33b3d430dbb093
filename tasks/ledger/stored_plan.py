"""The plan as a run keeps it. One that was started from the form names its blocks by id: here they get their names.

No block is opened for that, so no secret travels.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound

from mailmove.plan.cutover import Cutover
from mailmove.plan.gates_and_windows import Notices
from mailmove.plan.load import plan_from
from tasks.engine.prefect_internals import block_document_id, current_flow_run
from tasks.ledger.stored_values import stored_value

GONE = "deleted-block"
"""Type of a block that is not there any more, with its id as its name."""


def plan_of(parameters: dict[str, Any]) -> Cutover | None:
    """None: it is a run of something else. BadPlan: its plan has faults; all of them are listed."""
    return plan_from(_named(parameters["plan"]), "the plan of the run") if "plan" in parameters else None


def notices_of(run: FlowRun) -> Notices:
    """Whom its plan tells of it; nobody, where it has none. Blocked: it is no plan."""
    plan = run.parameters.get("plan", {})
    return stored_value(Notices, _named(plan.get("notices", {}) if isinstance(plan, dict) else plan), "whom to notify")


def keep_names(plan: Cutover) -> None:
    """From here on this run keeps names, not ids: it may be resumed when a block has been deleted and made again."""
    run = current_flow_run()
    if run is None or not _has_ids(run.parameters):
        return
    with get_client(sync_client=True) as client:
        client.update_flow_run(run.id, parameters={**run.parameters, "plan": plan.model_dump(mode="json")})


def _has_ids(value: Any) -> bool:
    if isinstance(value, dict):
        return block_document_id(value) is not None or any(map(_has_ids, value.values()))
    return isinstance(value, list) and any(map(_has_ids, value))


def _named(value: Any) -> Any:
    """The same with every id replaced."""
    if not _has_ids(value):
        return value
    with get_client(sync_client=True) as client:
        return _replaced(client, value)


def _replaced(client: SyncPrefectClient, value: Any) -> Any:
    if isinstance(value, list):
        return [_replaced(client, item) for item in value]
    if not isinstance(value, dict):
        return value
    block_id = block_document_id(value)
    if block_id is None:
        return {key: _replaced(client, item) for key, item in value.items()}
    try:
        block = client.read_block_document(UUID(block_id), include_secrets=False)
    except ObjectNotFound:
        return f"{GONE}/{block_id}"
    assert block.block_type is not None
    return f"{block.block_type.slug}/{block.name}"
