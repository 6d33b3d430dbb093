"""kill -9 at every call that changes something, in every stage; afterwards each effect was made once.

Here one night; `make soak` has both kinds of provider and all phases, and dies at every read and on the way back too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.nights.matrix import night_of_deaths, sins
from lab.nights.nursery import Nursery
from tasks.runbook import RUNBOOK

pytestmark = [
    pytest.mark.night,
    pytest.mark.timeout(1800),
    pytest.mark.skipif("SOAK" not in os.environ, reason="minutes; `make soak` runs it"),
]


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery") / "log") as nursery:
        yield nursery


def test_whatever_call_dies_each_effect_is_made_once(nursery: Nursery, tmp_path: Path) -> None:
    row = night_of_deaths("route53", ("during",), tmp_path, nursery)
    assert sins(row) == []
    died_in = {json.loads(where)[0] for where in row.outcome.killed}
    assert died_in >= {step.name for step in RUNBOOK}, "every step has been died in"
    assert len(row.outcome.killed) > 60
