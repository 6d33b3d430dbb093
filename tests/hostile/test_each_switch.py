"""Each switch of the hostile tenant, alone and all together: what a night meets, and where.

A night with everything else friendly: it ends, and finds none of it first after the gate of the switch. What preflight
says of each, and what each stage does, is held in the files beside this one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lab.town  # noqa: F401  # whose parts declare their switches
from lab.hostile import switches
from lab.nights.drawing import Drawn
from lab.nights.nursery import Nursery
from lab.nights.playing import play_drawn

TABLE: dict[str, tuple[str, ...]] = {
    "agreement_missing": ("onboard_customer", "order_licences"),
    "anchor": ("start_migration_batch", "first_sync", "finish_batch"),
    "batch_rows": ("first_sync", "final_sweep", "finish_batch"),
    "dates": ("first_sync", "final_sweep"),
    "device_code_blocked": (),
    "error_details": ("start_migration_batch", "first_sync", "finish_batch"),
    "inbound_connectors": ("preflight",),
    "mfa_at_first_sign_in": ("preflight", "set_first_passwords"),
    "module_file": ("preflight", "start_migration_batch"),
    "no_autodiscover": ("start_migration_batch",),
    "no_trace_principal": ("preflight", "close_smtp_port"),
    "object_identities": ("start_migration_batch", "first_sync", "restore_permissions"),
    "quiet_sync_time": ("final_sweep", "reconcile_items"),
    "regional_host": ("start_migration_batch", "first_sync", "finish_batch"),
    "reject_direct_send": ("preflight",),
    "services_writable": ("verify_domain",),
    "short_name_refused": ("start_migration_batch",),
    "skipped_texts": ("finish_batch",),
    "spoof_policies": ("preflight",),
    "unmanaged_tenant": ("verify_domain",),
    "usage_location_stays": ("license_mailboxes",),
}
"""Switch -> the stages that meet it. None: only `mailmove sign-in` does."""
TOGETHER = tuple(TABLE)
_SOAK = pytest.mark.skipif("SOAK" not in os.environ, reason="half a minute a night; `make soak` runs it")
_ALONE = [pytest.param((name,), id=name, marks=_SOAK) for name in TABLE]


def test_every_switch_stands_in_the_table() -> None:
    assert set(switches()) == TABLE.keys()


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery") / "log") as nursery:
        yield nursery


def night(*names: str) -> Drawn:
    town: dict[str, Any] = {
        "seed": 21, "users": 2, "shared": 1, "public_folders": 1, "messages": 8, "version": "8.3.83.6", "ttl": 2,
        "cycle_seconds": 0.5, "senders": 2, "printers": 0, "mail_per_second": 2.0, "mta_retry_seconds": 1.0,
        "approve_after": 0.1,
    }  # fmt: skip
    return Drawn(21, "rfc2136", town, {"quiet_minutes": 0.07, "low_ttl": 1}, hostile=names)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "names", [pytest.param(TOGETHER, id="all"), *(pytest.param((n,), id=n, marks=_SOAK) for n in TABLE)]
)
def test_a_night_in_such_a_tenant_ends_well(names: tuple[str, ...], nursery: Nursery, tmp_path: Path) -> None:
    outcome = play_drawn(night(*names), tmp_path, nursery).outcome
    assert outcome.wrong == [], "\n".join(outcome.wrong)
    assert outcome.ended == "finished", outcome.troubles
