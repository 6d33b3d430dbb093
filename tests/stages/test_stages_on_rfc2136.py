"""The stages that edit a zone keep their promises with dynamic updates (RFC 2136) too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cutover_walk import Walk, walking
from stage_promises import keeps_its_promises

from tasks.runbook import STAGES, Stage

pytestmark = pytest.mark.timeout(300)

ON_DNS = [stage for stage in STAGES if stage.name in ("lower_ttl", "verify_domain", "switch_mail", "restore_ttl")]


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    with walking({stage.name for stage in ON_DNS}, dns="rfc2136") as walk:
        yield walk


@pytest.mark.parametrize("stage", ON_DNS, ids=lambda stage: stage.name)
def test_a_stage_that_edits_a_zone_keeps_its_promises(walk: Walk, stage: Stage) -> None:
    walk.bring_to(stage.name)
    keeps_its_promises(walk, stage)
    walk.done.append(stage.name)
