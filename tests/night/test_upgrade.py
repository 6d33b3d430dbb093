"""A box is backed up while a cutover is parked, wiped, and restored, on the same Prefect or on a newer one.

The cutover goes on where it was, and does nothing twice.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from watching_a_cutover import until

from deployments.server.backup import back_up
from deployments.server.box import Box, using
from deployments.server.restore import restore
from mailmove.errors import Blocked

OLDER = "3.8.0"

PASSPHRASE = "correct horse battery"

pytestmark = [pytest.mark.night, pytest.mark.long, pytest.mark.timeout(2400)]
FETCHES = pytest.mark.skipif("SOAK" not in os.environ, reason="it fetches another Prefect; `make soak` runs it")


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """With a folder that, first on the path, is the older version, if one is asked for; everything else is as it is."""
    if request.param is None:
        return {}
    folder = tmp_path / "older"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    # The scheduler of Prefect 3.8 does not work with a newer SQLAlchemy (.ci/prefect-oldest.txt).
    subprocess.run([*pip, f"prefect=={request.param}", "sqlalchemy<2.1"], check=True, timeout=300)
    return {"PYTHONPATH": str(folder)}


@pytest.mark.parametrize("settings", [None, pytest.param(OLDER, marks=FETCHES)], indirect=True)
def test_what_parked_goes_on_from_a_backup(settings: dict[str, str], tmp_path: Path) -> None:
    from lab.rehearsal import Rehearsal
    from lab.town import Town
    from tasks.ledger.entry import EntryKind
    from tasks.ledger.ledger import Ledger
    from tasks.reporting.status import statuses

    def parked() -> bool:
        """Suspended, too: the older box is stopped then, and would cut short a process that is about to end."""
        seen = statuses(1)[0]
        return (seen.parked, seen.state) == ("wait: verify onboard_customer", "Suspended")

    home = tmp_path / "box"
    with Town(users=1, shared=0, public_folders=0, messages=10, ttl=6, approve_after=None, mail_per_second=0) as town:
        night = Rehearsal(town)
        with Box(home, settings=settings) as box, using(box):
            assert (OLDER in box.prefect("version")) == bool(settings)
            cutover = night.start()
            until(parked, night, 240)
            before = [entry.stage for entry in Ledger("northwind", cutover).entries()]
            back_up(home, tmp_path / "backup", PASSPHRASE)
            with pytest.raises(Blocked, match="Stop that one first"):
                restore(home, tmp_path / "backup", PASSPHRASE)
        shutil.rmtree(home)
        restore(home, tmp_path / "backup", PASSPHRASE)
        with Box(home, port=box.port) as newer, using(newer):
            assert OLDER not in newer.prefect("version")
            town.cloud.customer_approves()
            until(night.step, night, 700)
            entries = Ledger("northwind", cutover).entries()
        assert (night.ended_well, night.troubles) == (True, [])
        assert [entry.stage for entry in entries][: len(before)] == before, "the ledger is the one from before"
        acts = Counter(entry.stage for entry in entries if entry.kind is EntryKind.INTENT)
        assert {stage for stage, count in acts.items() if count > 1} <= {
            "onboard_customer", "verify_domain", "publish_dkim"
        }, acts  # fmt: skip
        assert night.account().adds_up
