"""Run by `test_add_a_stage.py` in a copy of the tree, to which a stage was added: where it is seen, as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

from fake_blocks import TENANT, a_plan, tenant
from memory_engine import MemoryEngine

from docs.generate import pages
from flows.cutover import cutover
from flows.preflight import preflight
from flows.rollback import rollback
from mailmove.clock import now
from mailmove.evidence import PollResult, Preview, Receipt
from mailmove.plan.load import plan_from
from tasks.engine.current import running_on
from tasks.ledger.names import previews_key
from tasks.parking.forms import WAIT_FLOW
from tasks.preflight.inventory import Inventoried
from tasks.reporting.collect import report_of_customer, runbook_of_preflight
from tasks.reporting.status import status_of

NEW = sys.argv[1]


class OneStage(MemoryEngine):
    """The other stages have nothing to do, and no wait has anything to wait for: their blocks are not there."""

    def run_task(self, task: Any, *args: Any, attempt: int = 0, fresh: bool = False) -> Any:
        name, _, verb = task.name.rpartition(".")
        if name == NEW or (verb == "verify_or_park" and args[1] == NEW):
            return super().run_task(task, *args, attempt=attempt, fresh=fresh)
        if verb == "verify_or_park":
            return PollResult(done=True, summary="so it is")
        if verb == "check_inventory":
            return Inventoried(preview=Preview(stage="inventory"))
        return Receipt(stage=name) if verb in ("apply", "rollback", "return_to_source") else Preview(stage=name)

    def run_sub_flow(self, sub_flow: Any, name: str, *args: Any, tags: Sequence[str] = ()) -> None:
        if sub_flow.name != WAIT_FLOW:
            super().run_sub_flow(sub_flow, name, *args, tags=tags)


def main() -> dict[str, Any]:
    asked = {"switch_mail": {"required": False}, "close_smtp_port": {"required": False}}
    plan = plan_from({**a_plan().model_dump(mode="json", exclude_unset=True), "gates": asked})
    tenants = tenant()
    tenants[TENANT].mailboxes.kinds.return_value = {}
    places: dict[str, Any] = {}
    with running_on(OneStage(tenants)) as engine:
        previews = preflight.fn(plan)
        places["preflight"] = [preview.stage for preview in previews if preview.changes]
        assert previews_key(plan.customer) in engine.store.tables
        cutover.fn(plan)
        places["cutover"] = [call[0] for call in tenants[TENANT].mock_calls if ".set_" in call[0]]
        places["report"] = [step.name for step in report_of_customer(plan.customer, engine.root).steps if step.changes]
        places["forecast"] = [step.name for step in runbook_of_preflight(plan, engine.root, now()).steps]
        tenants[TENANT].reset_mock()
        tenants[TENANT].mailboxes.kinds.return_value = {"greeting@contoso.com": "shared"}
        root, engine.root = engine.root, uuid4()
        rollback.fn(plan, root)
        places["rollback"] = [call[0] for call in tenants[TENANT].mock_calls if ".set_" in call[0]]
    run = Mock(id=uuid4(), parameters={"plan": {"customer": "contoso"}}, state_name="Suspended", state=None)
    parked = Mock(flow="wait", root=run, customer="contoso", title=NEW, question="", parked_at=now())
    parked.name = NEW
    places["board"] = status_of(run, "cutover", parked, None, None).done
    places["docs"] = [line for line in pages()["stages.md"].splitlines() if line.startswith("## ")]
    return places


if __name__ == "__main__":
    print(json.dumps(main()))
