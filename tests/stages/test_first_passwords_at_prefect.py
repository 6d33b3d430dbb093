"""First passwords stand in their secret block, and nowhere else of all that a Prefect server keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from fake_blocks import SOURCE, TENANT, a_plan, source, tenant
from prefect import flow
from prefect.client.orchestration import get_client

from mailmove.plan.cutover import Cutover
from tasks.accounts.first_password_store import passwords_to_hand_over
from tasks.engine.current import running_on
from tasks.engine.prefect_engine import PrefectEngine
from tasks.stages import set_first_passwords

ANNA = "anna@contoso.com"


class WithBlocks(PrefectEngine):
    """Prefect, but for the blocks."""

    def __init__(self, blocks: Mapping[str, Any]) -> None:
        super().__init__()
        self._blocks = blocks

    def load_block(self, reference: str) -> Any:
        return self._blocks[reference]


@flow
def give_passwords(plan: Cutover) -> None:
    receipt = set_first_passwords.apply(plan)
    set_first_passwords.verify(plan)
    assert receipt.changes


def test_a_real_server_keeps_them_in_their_block_only(prefect_server: None) -> None:
    plan = a_plan().model_copy(update={"customer": f"c-{uuid4().hex[:12]}"})
    boxes, made = [SimpleNamespace(address=ANNA, kind="user")], datetime(2026, 11, 27, tzinfo=UTC)
    blocks = {
        **source(**{"inventory.return_value.moving": boxes}),
        **tenant(**{"mailboxes.kinds.return_value": {ANNA: "user"}, "users.password_dates.return_value": (made, made)}),
    }
    assert set(blocks) == {SOURCE, TENANT}
    with running_on(WithBlocks(blocks)):
        give_passwords(plan)
        [password] = [secret.get_secret_value() for secret in passwords_to_hand_over(plan.customer).values()]
    assert blocks[TENANT].users.set_password.call_args.args[1].get_secret_value() == password
    with get_client(sync_client=True) as client:
        read = {
            "artifacts": client.request("POST", "/artifacts/filter", json={"sort": "CREATED_DESC"}).json(),
            "logs": client.request("POST", "/logs/filter", json={}).json(),
            "flow runs": client.request("POST", "/flow_runs/filter", json={}).json(),
            "task runs": client.request("POST", "/task_runs/filter", json={}).json(),
            "blocks": client.request("POST", "/block_documents/filter", json={"include_secrets": False}).json(),
        }
    assert [row for row in read["artifacts"] if row["key"] == f"ledger-{plan.customer}"]
    assert any(document["name"] == f"first-passwords-{plan.customer}" for document in read["blocks"])
    for place, rows in read.items():
        assert json.dumps(password)[1:-1] not in json.dumps(rows), place
