"""Real parts: Postfix asks unbound, unbound asks BIND, the product moves the MX, nftables closes the old door."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest
from namespaces import world

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.mark.parametrize("order", ["in turn", "too early"])
def test_no_message_is_lost_or_doubled(order: str) -> None:
    with world() as made:
        driver = str(Path(__file__).with_name("moving.py"))
        seen = json.loads(made.within(made.office, sys.executable, "-W", "ignore", driver, order, "20", seconds=240))
        deferred = made.log("postfix").count("status=deferred")
    arrived = Counter([*seen["old"], *seen["cloud"]])
    assert set(arrived) == set(seen["sent"]), "each message is at one of the two servers"
    assert set(arrived.values()) == {1}, "and at one of them once"
    assert len(seen["old"]) >= 20 and len(seen["cloud"]) >= 20
    assert seen["old after the door was closed"] == 0
    if order == "in turn":
        assert deferred == 0, "who waits until the world has noticed makes nobody wait"
        assert seen["old after the switch was noticed"] <= 2, "what was under way"
    else:
        assert deferred > 0, "refused mail waits in its sender's queue, and finds the new MX"
