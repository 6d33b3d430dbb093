"""Prefect is upgraded while a cutover is parked: it goes on where it was, and does nothing twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from watching_a_cutover import until

from deployments.server.box import Box, using

OLDER = "3.8.0"

pytestmark = [
    pytest.mark.night,
    pytest.mark.timeout(1800),
    pytest.mark.skipif("SOAK" not in os.environ, reason="it fetches another Prefect; `make soak` runs it"),
]


@pytest.fixture
def older_prefect(tmp_path: Path) -> Path:
    """A folder that, first on the path, is the older version; everything else is as it is."""
    folder = tmp_path / "older"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    # The scheduler of Prefect 3.8 does not work with a newer SQLAlchemy (.ci/prefect-oldest.txt).
    subprocess.run([*pip, f"prefect=={OLDER}", "sqlalchemy<2.1"], check=True, timeout=300)
    return folder


def test_what_parked_under_an_older_prefect_goes_on_under_this_one(older_prefect: Path, tmp_path: Path) -> None:
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
    older = {"PYTHONPATH": str(older_prefect)}
    with Town(users=1, shared=0, public_folders=0, messages=10, ttl=6, approve_after=None, mail_per_second=0) as town:
        night = Rehearsal(town)
        with Box(home, settings=older) as box, using(box):
            assert OLDER in box.prefect("version")
            cutover = night.start()
            until(parked, night, 240)
            before = [entry.stage for entry in Ledger("northwind", cutover).entries()]
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
