"""How many stages may talk to one provider, or to one customer's account, at the same time.

The administrator sets that with Prefect's own global concurrency limits: `mailmove.route53` for all that use Route 53,
`mailmove.route53.contoso` for that one block. Where there is no such limit, nothing is asked for. A slot is held only
while a task runs: a parked cutover holds none, and the slot of a killed process comes back when its lease runs out.
All slots of a task are taken in one request or not at all, so that two tasks never wait for each other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency

from mailmove.plan.cutover import Cutover

Part = Literal["source", "dns", "tenant", "partner", "firewall"]

USES: dict[str, tuple[Part, ...]] = {
    "lower_ttl": ("dns",),
    "obtain_certificate": ("source",),
    "enable_outlook_anywhere": ("source",),
    "onboard_customer": ("partner",),
    "order_licences": ("partner",),
    "copy_mailboxes": ("source", "tenant"),
    "restore_x500_addresses": ("source", "tenant"),
    "restore_permissions": ("source", "tenant"),
    "set_first_passwords": ("source", "tenant"),
    "probe_before": ("source", "tenant"),
    "probe_after_switch": ("source", "tenant"),
    "probe_after_close": ("source", "tenant"),
    "verify_domain": ("dns", "tenant"),
    "publish_dkim": ("dns", "tenant"),
    "start_migration_batch": ("tenant",),
    "license_mailboxes": ("tenant",),
    "switch_mail": ("dns", "tenant"),
    "final_sweep": ("source", "tenant"),
    "reconcile_items": ("source", "tenant"),
    "close_smtp_port": ("firewall",),
    "reconcile_again": ("source", "tenant"),
    "finish_batch": ("tenant",),
    "restore_ttl": ("dns",),
    "enable_dkim": ("tenant",),
}
"""Whom each stage talks to."""

LEASE_SECONDS = 60.0
"""A killed process gives its slots back after so long; a living one renews."""

_PREFIX, _MOST, _REMEMBERED = "mailmove.", 200, 30.0
_known: tuple[float, frozenset[str]] = (float("-inf"), frozenset())


@contextmanager
def within_limits(cutover: Cutover, stage: str) -> Iterator[None]:
    """Wait until every limit that this stage falls under has a slot, and hold it meanwhile."""
    wanted = limits_of(cutover, stage)
    names = sorted(set(wanted) & _limits_that_exist()) if wanted else []
    if not names:
        yield
        return
    with concurrency(names, lease_duration=LEASE_SECONDS):
        yield


def limits_of(cutover: Cutover, stage: str) -> list[str]:
    """Names of all limits that a stage may fall under: 'mailmove.route53', 'mailmove.route53.contoso', ..."""
    blocks = {
        "source": cutover.source.server,
        "dns": cutover.dns.provider,
        "tenant": cutover.target.tenant,
        "partner": cutover.target.partner,
        "firewall": cutover.firewall.gateway,
    }
    named = [block for part in USES.get(stage, ()) if (block := blocks[part])]
    return [name for block in named for name in (_PREFIX + block.split("/")[0], _PREFIX + block.replace("/", "."))]


def _limits_that_exist() -> frozenset[str]:
    """Asked for now and then only: a new limit counts half a minute later."""
    global _known  # one process, one server
    if time.monotonic() - _known[0] > _REMEMBERED:
        found: list[str] = []
        with get_client(sync_client=True) as client:
            while True:
                page = client.read_global_concurrency_limits(limit=_MOST, offset=len(found))
                found += [limit.name for limit in page]
                if len(page) < _MOST:
                    break
        _known = (time.monotonic(), frozenset(name for name in found if name.startswith(_PREFIX)))
    return _known[1]
