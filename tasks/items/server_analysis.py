"""The old server as Microsoft's service will meet it: Outlook Anywhere from outside, and the TLS that it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailmove.errors import MailmoveError
from tasks.dns.host_addresses import addresses_of
from tasks.execution.context import Context

if TYPE_CHECKING:
    from mailmove.outlook_anywhere import Step

NEEDS_OUTLOOK_ANYWHERE = ("HTTP authentication", "RPC proxy", "RPC server", "Address book")
"""Beginnings of the names of steps that fail as long as Outlook Anywhere is off."""
_SECONDS = 6.0


def analysis(context: Context) -> Step:
    """All steps by which Microsoft's service connects. MailmoveError: a name has no address, or we may not ask."""
    # Here, because the analysis brings lxml, cryptography and NTLM with it, which few runs need.
    from mailmove.outlook_anywhere import check_server

    server, host = context.source, context.plan.source.outlook_anywhere_host
    inventory = server.inventory()
    return check_server(
        host,
        addresses=addresses_of(context, host),
        port=context.plan.source.https_port,
        credentials=server.migration_account(),
        extra_ca=server.trusted_ca(),
        server_name_inside=inventory.server,
        mailbox=next((box.address for box in inventory.moving), None),
        covers=[f"autodiscover.{domain}" for domain in context.plan.domains],
    )


def spoken_tls(context: Context) -> dict[str, str] | None:
    """Address -> best version of TLS that it speaks with us, "": no handshake came about; None: it was not reached."""
    from mailmove.outlook_anywhere import tls
    from mailmove.outlook_anywhere.steps import Deadline, StepResult, step

    host, spoken = context.plan.source.outlook_anywhere_host, dict[str, str]()
    try:
        addresses = addresses_of(context, host)
    except MailmoveError:
        return None
    for address in addresses:
        deadline = Deadline(_SECONDS, _SECONDS / 2)
        dial = tls.Dial(host, address, context.plan.source.https_port, context.source.trusted_ca(), deadline)
        if step("TCP", lambda dial=dial: tls.tcp(dial)).failed:  # type: ignore[misc]
            continue
        shown: list[tls.Shown] = []

        def greet(dial: tls.Dial = dial, shown: list[tls.Shown] = shown) -> StepResult:
            outcome, hello = tls.handshake(dial)
            shown.append(hello)
            return outcome

        step("TLS", greet)
        spoken[address] = shown[0].version if shown else ""
    return spoken or None
