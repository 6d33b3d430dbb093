"""The migration endpoint that a cutover wants: by which names Microsoft finds the old server.

Outside it is the plan's name of Outlook Anywhere. Inside, Exchange 2007 and 2010 go by the server's FQDN (KB 2903050),
2013 and later by `<mailbox guid>@domain`, which their Autodiscover gives; never by the short name, which Microsoft's
service cannot tell from another customer's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailmove.errors import Blocked
from mailmove.inventory.server import Inventory
from mailmove.tenant_state import Endpoint
from tasks.dns.host_addresses import addresses_of
from tasks.execution.context import Context
from tasks.ledger.names import endpoint_name

if TYPE_CHECKING:
    from mailmove.outlook_anywhere.autodiscover import Settings

_BY_GUID = 15
"""Major version from which on the server goes by <guid>@domain: Exchange 2013."""
_SECONDS, _SECONDS_EACH = 20.0, 6.0
"""Longest that Autodiscover is asked in all, and one of its places."""


def wanted_endpoint(context: Context) -> Endpoint:
    """exchange_server "": no full name is known, so that only Microsoft's own Autodiscover can find the server."""
    inventory = context.source.inventory()
    mailbox = _tested(context, inventory)
    return Endpoint(
        name=endpoint_name(context.plan),
        exchange_server=_inside(context, inventory, mailbox),
        rpc_proxy_server=context.plan.source.outlook_anywhere_host,
        email_address=mailbox,
    )


def tested_mailbox(context: Context) -> str:
    """The mailbox by which Microsoft asks Autodiscover, and which its test opens; "": none moves."""
    return _tested(context, context.source.inventory())


def _tested(context: Context, inventory: Inventory) -> str:
    """The migration account's own, if it has one here; else the first person's."""
    account = context.source.migration_account()[0].lower()
    addresses = [box.address for box in sorted(inventory.moving, key=lambda box: box.kind != "user")]
    return account if account in addresses else next(iter(addresses), "")


def _inside(context: Context, inventory: Inventory, mailbox: str) -> str:
    modern = int(inventory.version.partition(".")[0]) >= _BY_GUID
    if not modern and "." in inventory.fqdn:
        return inventory.fqdn
    server = _autodiscovered(context, mailbox).server if mailbox else ""
    named = server if "@" in server or "." in server else ""
    return named or (inventory.fqdn if "." in inventory.fqdn else "")


def _autodiscovered(context: Context, mailbox: str) -> Settings:
    """What the server's own Autodiscover says, asked at its name of Outlook Anywhere; empty: it says nothing."""
    # Here, because it brings lxml and cryptography with it, which few runs need.
    from mailmove.outlook_anywhere.autodiscover import Names, Settings, settings_at
    from mailmove.outlook_anywhere.rpc_http import Account
    from mailmove.outlook_anywhere.steps import Deadline, Trouble

    host, source = context.plan.source.outlook_anywhere_host, context.source
    names = Names(
        addresses=lambda name: addresses_of(context, name),
        srv=lambda _: None,
        https_port=context.plan.source.https_port,
        extra_ca=source.trusted_ca(),
    )
    try:
        return settings_at(
            names, host, mailbox, Account(*source.migration_account()), Deadline(_SECONDS, _SECONDS_EACH)
        )
    except (Trouble, Blocked):
        return Settings()  # Microsoft's own Autodiscover is asked before this matters, and says why
