"""What sends to Microsoft only when something is odd already; these acts are not crossed with faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acts import BY_NAME, Act, changes_of_a_mailbox
from night_tenant import ANNA, DOMAIN, LOST, THEN, World

from lab.cloud.graph.mail import CONVERSION
from lab.cloud.tenant import Tenant as LabTenant
from mailmove.inventory.wanted_recipients import RecipientKind, WantedRecipient


def _passes(tenant: LabTenant) -> None:
    tenant.passes_allowed = True


def _one_broken(tenant: LabTenant) -> None:
    broken = [item for item in tenant.store.snapshot(ANNA) if item.kind == "message" and item.folder == "Inbox"]
    tenant.store.make_sick(ANNA, broken[0].id, CONVERSION)


def _refusing(tenant: LabTenant) -> None:
    tenant.relationships["gdap-half"].refuses = True


def _traced_by_graph(world: World) -> Any:
    world.cloud.faults.set("admin.no_trace_cmdlet")
    return world.tenant.messages.traces(THEN)


def _made(kind: RecipientKind) -> Callable[[World], Any]:
    wanted = WantedRecipient(kind=kind, address=f"new.{kind}@{DOMAIN}", display_name="New")
    return lambda world: world.tenant.creation.make(wanted, f"new.{kind}", BY_NAME["password"])


def rare_acts() -> list[Act]:
    """What sends only when something is odd already; these are not crossed with faults."""
    inbox, nobody = BY_NAME["folder"], f"nobody@{DOMAIN}"
    return [
        Act("changes of a folder with a broken message", changes_of_a_mailbox, _one_broken),
        Act(
            "what is present in such a folder",
            lambda world: list(world.destination().present(ANNA, inbox, "inbox")),
            _one_broken,
        ),
        Act("a message of nobody's", lambda world: world.tenant.messages.find(nobody, ["<0@x.example>"])),
        Act(
            "an access pass, which is made once",
            lambda world: world.tenant.sign_ins.give_pass(ANNA, THEN, 60, once=False)[0],
            _passes,
        ),
        *(Act(f"a new {kind}, which is made once", _made(kind)) for kind in ("person", "shared", "contact", "group")),
        Act("a person who is removed", lambda world: world.tenant.creation.remove("person", LOST)),
        Act("every question of a tenant check", lambda world: world.tenant.tenant_check()),
        Act("traces where the cmdlet is not to be had", _traced_by_graph),
        Act("what PowerShell connects with", lambda world: world.tenant._connection(world.tenant._parts().graph)),
        Act("an invitation whose lock fails", lambda world: world.partner.invite("half"), _refusing),
    ]
