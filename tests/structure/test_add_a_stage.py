"""To add a stage is one file and one line: everything that lists stages shows it then, and nothing else is edited."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("flows", "tasks", "blocks", "mailmove", "docs", "deployments")
NEW, BEFORE = "greet_everybody", "enable_dkim"

STAGE = '''"""Turn the mailbox of greetings into a shared one, so that everybody is greeted."""

from __future__ import annotations

from mailmove.changes import Change, ChangeKind, MailboxSubject
from mailmove.evidence import Evidence, Preview, Receipt
from tasks.execution.apply_and_undo import apply_changes, record_evidence, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task

NAME = "greet_everybody"
ADDRESS = "greeting@contoso.com"


def _greets(context: Context) -> bool:
    cloud = context.tenant
    return bool(cloud.mailboxes.kinds()) or cloud.mailboxes.set_kind.called


def _preview(context: Context) -> Preview:
    kind = Change(kind=ChangeKind.MAILBOX_TYPE, subject=MailboxSubject(address=ADDRESS), after="shared")
    return Preview(stage=NAME, changes=[] if _greets(context) else [kind])


@check_task
def check(context: Context) -> Preview:
    """Whether everybody is greeted."""
    return _preview(context)


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Greet."""
    return apply_changes(
        context,
        lambda: _preview(context),
        lambda _: context.tenant.mailboxes.set_kind(ADDRESS, "shared"),
        approved=approved,
    )


@verify_task
def verify(context: Context) -> Evidence:
    """Everybody was greeted."""
    return record_evidence(context, NAME, ["everybody was greeted"])


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """Greet nobody any more."""
    return undo_changes(
        context,
        receipt,
        lambda: [] if context.tenant.mailboxes.set_kind.called else receipt.changes,
        lambda: context.tenant.mailboxes.set_kind(ADDRESS, "user"),
    )
'''
LINE = f'    Stage("{NEW}", "greet everybody at Microsoft 365", uses=("tenant",)),\n'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the rooms, with one more file and one more line."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
    (tmp_path / "tasks" / "stages" / f"{NEW}.py").write_text(STAGE)
    runbook = tmp_path / "tasks" / "runbook.py"
    text = runbook.read_text()
    where = text.index(f'    Stage("{BEFORE}"')
    runbook.write_text(text[:where] + LINE + text[where:])
    return tmp_path


@pytest.mark.timeout(60)
def test_a_stage_is_one_file_and_one_line(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = os.pathsep.join(map(str, (tree, ROOT / "tests")))
    home = tmp_path_factory.mktemp("home")
    environment = {**os.environ, "PYTHONPATH": path, "PREFECT_HOME": str(home)}
    environment |= {"PREFECT_SERVER_EPHEMERAL_ENABLED": "false", "PREFECT_LOGGING_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("added_stage.py")), NEW],
        cwd=tree, env=environment, capture_output=True, text=True, timeout=55, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    places = json.loads(done.stdout.splitlines()[-1])
    assert places["preflight"] == [NEW], "its preview is shown"
    assert places["cutover"] == ["mailboxes.set_kind"], "its `apply` was called, once"
    assert places["report"] == [NEW], "with what it changed"
    assert places["rollback"] == ["mailboxes.set_kind"], "its `rollback` was called, once"
    assert places["forecast"][-2:] == [NEW, BEFORE]
    assert places["board"][-1] == "restore_ttl" and len(places["board"]) == len(places["forecast"]) - 2
    assert any(line.endswith(f". {NEW}") for line in places["docs"])
