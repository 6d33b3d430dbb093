"""Somebody points the MX back at the old server after the switch: port 25 stays open, and the cutover says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cutover_walk import Walk, walking

from lab.dns.zone_data import rrset
from lab.town import DOMAIN
from mailmove.errors import Blocked
from tasks.stages import close_smtp_port, enable_dkim, restore_ttl

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    with walking(dns="rfc2136", users=1, shared=0, messages=4) as walk:
        yield walk


def test_port_25_is_not_closed_on_mail_that_still_comes(walk: Walk) -> None:
    walk.bring_to("close_smtp_port")
    switched = walk.town.dns.zone(DOMAIN)[f"{DOMAIN}.", "MX"]
    assert walk.do(close_smtp_port.check.fn, walk.plan).blockers == []
    walk.town.dns.edit(DOMAIN, rrset(DOMAIN, "MX", 60, f"10 mail.{DOMAIN}."))
    assert [found.subject for found in walk.do(close_smtp_port.check.fn, walk.plan).blockers] == [f"MX {DOMAIN}."]
    for step in (
        close_smtp_port.apply,
        restore_ttl.apply,
        enable_dkim.verify,
    ):  # the last is the last check of the cutover
        with pytest.raises(Blocked, match=r"as the switch has made it|since the switch"):
            walk.do(step.fn, walk.plan)
    assert walk.town.security_group.is_open(walk.town.places.smtp_port)
    walk.town.dns.edit(DOMAIN, switched.model_copy(update={"ttl": 30}))  # another TTL is nobody's business
    walk.until(close_smtp_port.apply.fn, walk.plan)
    assert not walk.town.security_group.is_open(walk.town.places.smtp_port)
