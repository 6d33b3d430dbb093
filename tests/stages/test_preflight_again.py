"""A preflight that found something in the way is tried again in the same run, as *Retry* in the UI does it."""

from __future__ import annotations

from typing import Any

import pytest
from fake_blocks import a_plan, tenant
from memory_engine import MemoryEngine

from flows.preflight import preflight
from mailmove.errors import Blocked
from mailmove.evidence import Finding, Preview
from tasks.engine.current import running_on
from tasks.preflight.inventory import Inventoried


class OneThingInTheWay(MemoryEngine):
    """`in_the_way` holds the tasks whose answer blocks; results are remembered as Prefect remembers them."""

    def __init__(self) -> None:
        super().__init__(tenant())
        self.in_the_way: set[str] = set()

    def run_task(self, task: Any, *args: Any, attempt: int = 0, fresh: bool = False) -> Any:
        key = f"{self.run}/{task.name}"
        if fresh or key not in self._results:
            blocks = Finding(subject=task.name, seen="a fault", means="", todo="Mend it.", blocks=True)
            preview = Preview(
                stage=task.name.partition(".")[0], findings=[blocks] if task.name in self.in_the_way else []
            )
            self._results[key] = Inventoried(preview=preview) if task.name.endswith("check_inventory") else preview
        return self._results[key]


@pytest.mark.parametrize(
    "name",
    ["permissions.check_rights", "contacts.check_contacts", "inventory.check_inventory", "switch_mail.check"],
)
def test_what_was_mended_is_not_in_the_way_of_the_next_try(name: str) -> None:
    with running_on(OneThingInTheWay()) as engine:
        engine.in_the_way = {name}
        with pytest.raises(Blocked, match="a fault"):
            preflight.fn(a_plan())
        engine.in_the_way = set()
        assert preflight.fn(a_plan()), "the same run asks anew"
