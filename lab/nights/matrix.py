"""The kill matrix: a night in which the process dies at every call that leaves it; then each effect is counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.cloud.partner_orders import BUSINESS_BASIC
from lab.nights.drawing import Drawn, Kind
from lab.nights.effects import counted
from lab.nights.judge import judge
from lab.nights.night import Night, Outcome
from lab.nights.nursery import Nursery
from lab.town import Town

SMALL: dict[str, Any] = {
    "users": 1,
    "shared": 1,
    "public_folders": 0,
    "messages": 6,
    "ttl": 2,
    "insync_delay": 0.0,
    "cycle_seconds": 0.5,
    "senders": 2,
    "printers": 0,
    "mail_per_second": 2.0,
    "mta_retry_seconds": 0.5,
    "approve_after": 0.1,
}
PURCHASE: dict[str, Any] = {
    "market": "GB",
    "products": [{"catalog_item": BUSINESS_BASIC, "quantity": 2, "term": "P1M", "billing": "monthly"}],
}
PASSES = (("before", "during"), ("after",))
"""A change can be killed before and during in one night; once it was made during, it is not made again."""


@dataclass
class Row:
    """One night of the matrix."""

    dns: str
    phases: tuple[str, ...]
    outcome: Outcome
    effects: Counter[str]
    back: bool
    orders: list[tuple[str, int]]
    """Catalog item and quantity of each line that the customer has to pay."""


ONCE = (
    "Outlook Anywhere",
    "POST /tenantRelationships/delegatedAdminRelationships",
    "POST /tenantRelationships/delegatedAdminRelationships/ID/requests",
    "POST /tenantRelationships/delegatedAdminRelationships/ID/accessAssignments",
    "POST /partnercenter/v1/customers/ID/applicationconsents",
    "POST /domains",
    "New-DkimSigningConfig",
    "New-MigrationEndpoint",
    "New-MigrationBatch",
    "Start-MigrationBatch",
    "POST /users/ID/assignLicense",
    "Set-Mailbox info@northwind.example Type",
    "Set-Mailbox anna@northwind.example EmailAddresses",
    "Set-Mailbox info@northwind.example EmailAddresses",
    "RevokeSecurityGroupIngress",
    "Remove-MigrationBatch",
    "Remove-MigrationEndpoint",
    "Set-DkimSigningConfig",
)
"""What a night does once: one invitation, one domain, one batch, one licence for the one user, one closed door, ..."""


def sins(row: Row) -> list[str]:
    """What is wrong with a night of the matrix: an effect that is missing, or was made twice; mail that is lost."""
    wrong = [*row.outcome.wrong, *row.outcome.troubles]
    if row.back:
        return wrong if row.outcome.ended == "rolled back" else [*wrong, f"it ended {row.outcome.ended}"]
    if row.outcome.ended != "finished":
        wrong.append(f"it ended {row.outcome.ended}")
    if row.orders != [(BUSINESS_BASIC, 2)]:
        wrong.append(f"ordered: {row.orders}")
    for name in ONCE:
        made = sum(count for effect, count in row.effects.items() if f"{effect} ".startswith(f"{name} "))
        wrong += [] if made == 1 else [f"{name} was made {made} times"]
    sets = {name: count for name, count in row.effects.items() if name.startswith("change set")}
    wrong += [f"{name} was made {count} times" for name, count in sets.items() if count != (2 if _ttl(name) else 1)]
    return wrong


def _ttl(change_set: str) -> bool:
    """The MX set alone: the low TTL, and the final one."""
    return change_set.split()[2:] in (["northwind.example.", "MX"], ["northwind.example.", "MX"] * 2)


def play_row(dns: Kind, phases: tuple[str, ...], everything: bool, back: bool, folder: Path) -> tuple[str, list[str]]:
    """(what was played, and how it ended; what is wrong with it). folder: its own, to be made."""
    folder.mkdir()
    with Nursery(folder / "nursery.log") as nursery:
        row = night_of_deaths(dns, phases, folder, nursery, everything=everything, back=back)
    calls = "every call" if everything else "every change"
    played = f"kill -9 {' and '.join(phases)} {calls}{' and rolled back' if back else ''}, {dns}"
    return f"{played}: {len(row.outcome.killed)} deaths, {row.outcome.ended}, {row.outcome.seconds:.0f} s", sins(row)


def night_of_deaths(
    dns: Kind,
    phases: tuple[str, ...],
    folder: Path,
    nursery: Nursery,
    *,
    everything: bool = False,
    back: bool = False,
) -> Row:
    """phases: () for a night without any. everything: die at reads too. back: roll back at the end, dying there too."""
    drawn = Drawn(len(list(folder.iterdir())), dns, SMALL, {"quiet_minutes": 0.02, "low_ttl": 1, "purchase": PURCHASE})
    drawn.rollback_at = "enable_dkim" if back else None
    with counted() as effects, Town(dns=dns, **SMALL) as town:
        effects.clear()  # what the town itself needed
        town.cloud.customer_accepts_reseller()
        first = town.picture()
        night = Night(drawn, town, nursery, folder, sweep=list(phases), everything=everything)
        outcome = night.walk(patience=1500)
        made = Counter(effects)
        judge(town, first, outcome)
        lines = [line for order in town.cloud.tenant.orders for line in order["lineItems"]]
    return Row(dns, phases, outcome, made, back, [(line["offerId"], line["quantity"]) for line in lines])
