"""Everything at once: wide pipelines over a few sessions of the shell, EWS only where it is needed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Literal

from blocks.exchange.inventory.connectors import read_receive_connectors, read_send_connectors, read_transport_rules
from blocks.exchange.inventory.contents import PERMISSIONS, read_folders, read_grants
from blocks.exchange.inventory.directory import SINGLE_RECIPIENTS, Directory, read_directory
from blocks.exchange.inventory.domains import read_accepted_domains
from blocks.exchange.inventory.large_items import read_large_items, suspects
from blocks.exchange.inventory.relays import read_relays
from blocks.exchange.inventory.rules_and_phones import read_rules, start_phones
from blocks.exchange.inventory.sessions import Sessions
from blocks.exchange.powershell import values
from blocks.exchange.powershell.from_clixml import Row
from blocks.exchange.powershell.recipients import server_version
from blocks.exchange.powershell.shell import ExchangeShell
from mailmove.inventory.full import (
    AcceptedDomain,
    AddressBook,
    Forwarding,
    FullInventory,
    Grant,
    Grants,
    MailFolder,
    Relay,
)
from mailmove.inventory.transport import Incoming, ReceiveConnector, SendConnector, TransportRule

if TYPE_CHECKING:
    from blocks.exchange.ews.client import EwsClient


def read_inventory(
    open_shell: Callable[[], ExchangeShell],
    open_ews: Callable[[], AbstractContextManager[EwsClient]],
    choose_server: Callable[[ExchangeShell], Row],
) -> FullInventory:
    """What the server cannot or will not tell stands in `not_read`. Errors: Refused, Blocked, Throttled, Transient."""
    with Sessions(open_shell) as sessions:
        server = sessions.start(choose_server).result()
        version = server_version(server)
        major = int(version.split(".")[0])
        name = values.text(server, "Name")
        known = read_directory(sessions, name)
        domains: Future[list[AcceptedDomain]] = sessions.optional("accepted domains", read_accepted_domains, list)
        folders: Future[dict[str, tuple[MailFolder, ...]]] = sessions.optional(
            "folders", lambda shell: read_folders(sessions, shell, known), dict
        )
        grants: list[Future[list[Grant]]] = [
            sessions.optional(
                PERMISSIONS["full_access"], lambda shell: read_grants(sessions, shell, known, "full_access"), list
            ),
            sessions.optional(
                PERMISSIONS["send_as"], lambda shell: read_grants(sessions, shell, known, "send_as"), list
            ),
        ]
        relays: Future[tuple[list[Relay], Incoming | None]] = sessions.optional(
            "machines that relay mail",
            lambda shell: read_relays(sessions, shell, shell.run("Get-ExchangeServer"), major),
            lambda: ([], None),
        )
        sending: Future[list[SendConnector]] = sessions.optional(
            "send connectors", partial(read_send_connectors, sessions), list
        )
        receiving: Future[list[ReceiveConnector]] = sessions.optional(
            "receive connectors", partial(read_receive_connectors, sessions), list
        )
        transport_rules: Future[list[TransportRule]] = sessions.optional(
            "transport rules", lambda shell: read_transport_rules(sessions, shell, known), list
        )
        rules: Future[list[Forwarding]] = sessions.optional(
            "inbox rules", lambda shell: read_rules(sessions, shell, major, known), list
        )
        phones = start_phones(sessions, major, known)
        large, closed = read_large_items(open_ews, suspects(known.mailboxes, folders.result()))
        return FullInventory(
            server=name,
            version=version,
            mailboxes=known.mailboxes,
            x500=known.x500,
            groups=known.groups,
            contacts=known.contacts,
            others=known.others,
            forwardings=[*known.forwardings, *rules.result()],
            grants=[*(grant for part in grants for grant in part.result()), *known.on_behalf],
            archives=known.archives,
            disconnected=known.disconnected,
            accepted_domains=domains.result(),
            folders=folders.result(),
            large_items=large,
            phones=[phone for share in phones for phone in share.result()],
            relays=relays.result()[0],
            incoming=relays.result()[1],
            send_connectors=sending.result(),
            receive_connectors=receiving.result(),
            transport_rules=transport_rules.result(),
            not_read=[*sessions.not_read, *closed],
        )


def read_address_book(
    open_shell: Callable[[], ExchangeShell], choose_server: Callable[[ExchangeShell], Row]
) -> AddressBook:
    """Only groups with their members, and contacts. What cannot be read stands in `not_read`."""
    with Sessions(open_shell) as sessions:
        known = read_directory(sessions, values.text(sessions.start(choose_server).result(), "Name"))
        return AddressBook(groups=known.groups, contacts=known.contacts, not_read=sessions.not_read)


def read_delegates(open_shell: Callable[[], ExchangeShell], choose_server: Callable[[ExchangeShell], Row]) -> Grants:
    """Only who may open mailboxes, send as them, and send on their behalf.

    What cannot be read of a single mailbox is named and left. Errors: as `read_inventory`; Blocked, too, where a right
    cannot be read of any.
    """
    with Sessions(open_shell) as sessions:
        known = read_directory(sessions, values.text(sessions.start(choose_server).result(), "Name"))
        rights: tuple[Literal["full_access", "send_as"], ...] = ("full_access", "send_as")
        asked = [sessions.start(partial(_grants, sessions, known, right)) for right in rights]
        grants = [*(grant for part in asked for grant in part.result()), *known.on_behalf]
        wanted = {SINGLE_RECIPIENTS, *PERMISSIONS.values(), *(f"single {what}" for what in PERMISSIONS.values())}
        return Grants(given=grants, not_read=[part for part in sessions.not_read if part.what in wanted])


def _grants(
    sessions: Sessions, known: Directory, right: Literal["full_access", "send_as"], shell: ExchangeShell
) -> list[Grant]:
    return read_grants(sessions, shell, known, right)
