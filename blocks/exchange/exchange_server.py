"""The old Exchange server (2007 SP1 to 2019): its mailboxes through EWS, its settings through its own shell."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import Field, PrivateAttr, SecretStr

from blocks.exchange.ews.client import EwsClient
from blocks.exchange.ews.copy_source import EwsOrigin
from blocks.exchange.ews.messages import EwsMessages
from blocks.exchange.ews.soap import EwsConnections
from blocks.exchange.ews.sync_changes import EwsChanges
from blocks.exchange.inventory import read_address_book, read_delegates, read_inventory
from blocks.exchange.inventory.relays import came_by_smtp, transports
from blocks.exchange.powershell import outlook_anywhere as oa
from blocks.exchange.powershell import values
from blocks.exchange.powershell.certificates import ShellCertificates
from blocks.exchange.powershell.from_clixml import Row
from blocks.exchange.powershell.recipients import mailboxes, public_folders, server_version, statistics
from blocks.exchange.powershell.rpc_proxy_feature import ShellFeature
from blocks.exchange.powershell.shell import ExchangeShell
from blocks.provider_block import ProviderBlock
from blocks.server_clock import clock_at
from blocks.tls_roots import tls_context
from mailmove.errors import Blocked, MailmoveError, NotYet, Refused, SignInRefused
from mailmove.evidence import Finding
from mailmove.inventory.full import AddressBook, FullInventory, Grants
from mailmove.inventory.server import Inventory, NotRead, OutlookAnywhere
from mailmove.items.copy.interfaces import Origin
from mailmove.items.item import Arrival
from mailmove.items.reconcile.changes import MailboxChanges
from mailmove.leavable import Leavable, LeavableKind
from mailmove.ports import Checkable, SourceServer

logger = logging.getLogger(__name__)

PATIENCE = 120.0
"""Seconds spent in all, per reading, on EWS's wishes to wait; then Throttled is raised and Prefect waits instead."""

_PAUSES = (1.0, 3.0)
"""Seconds before a mailbox that did not open is tried again: a fault may pass by itself."""


class ExchangeServer(ProviderBlock, SourceServer, Checkable, ShellCertificates, ShellFeature):
    """The server in the cupboard, and an account that may administer it and open every mailbox.

    Rights needed: Exchange organization administrator (2007) or Organization Management, and Full Access to every
    mailbox or Receive As on the databases. Errors: Refused, Blocked, Throttled, Transient, NotYet.
    """

    _block_type_name = "Exchange Server"
    _block_type_slug = "exchange-server"

    ews_url: str = Field(
        pattern=r"^https://", description="Its EWS address.", examples=["https://mail.contoso.com/EWS/Exchange.asmx"]
    )
    username: str = Field(description="The account's name.", examples=["administrator@contoso.com", "CONTOSO\\mover"])
    password: SecretStr = Field(description="The account's password.")
    shell_url: str = Field(
        pattern=r"^https?://",
        description="Where remote PowerShell answers.",
        examples=["https://mail.contoso.com/powershell", "https://sbs2008.contoso.local:5986/wsman"],
    )
    shell_kind: Literal["exchange", "winrm"] = Field(
        default="winrm", description="exchange: 2010 and later; winrm: 2007 and SBS 2008, an ordinary WinRM session."
    )
    authentication: Literal["basic", "ntlm"] = Field(default="basic", description="How the account signs in.")
    extra_ca: str | None = Field(default=None, description="PEM of a root certificate to trust besides the system's.")

    _patience: float = PrivateAttr(default=PATIENCE)

    def inventory(self) -> Inventory:
        """The server that holds the mailboxes, with every mailbox and mail-enabled public folder."""
        with self._shell() as shell:
            server = self._server(shell)
            name = values.text(server, "Name")
            left: list[str] = []
            counts = statistics(shell.run("Get-MailboxStatistics", Server=name), left)
            boxes = mailboxes(shell.run("Get-Mailbox", ResultSize="Unlimited"), counts, left)
            not_read = [NotRead(what="single mailboxes", why=words) for words in left]
            for part in not_read:
                logger.warning("%s: not read, and left out: %s", name, part.why)
            folders = public_folders(shell.run("Get-MailPublicFolder", ResultSize="Unlimited"))
            return Inventory(
                server=name,
                version=server_version(server),
                fqdn=values.optional_text(server, "Fqdn").lower(),
                mailboxes=[*boxes, *folders],
                not_read=not_read,
            )

    def full_inventory(self) -> FullInventory:
        """All that a move must know of, by a few sessions at once; minutes on a large server."""
        return read_inventory(self._shell, self._ews, self._server)

    def address_book(self) -> AddressBook:
        return read_address_book(self._shell, self._server)

    def grants(self) -> Grants:
        """Who was given a right on a mailbox by hand; a minute on a large server."""
        return read_delegates(self._shell, self._server)

    def outlook_anywhere(self) -> OutlookAnywhere | None:
        """None also where 2013 and later have the directory but no external name for it."""
        with self._shell() as shell:
            row = oa.directory(shell, values.text(self._server(shell), "Name"))
            return oa.settings(row) if row else None

    def set_outlook_anywhere(self, wanted: OutlookAnywhere | None) -> None:
        """Enable, change or disable it, and read back. It works up to an hour later; that is not waited for.

        Blocked: the version knows no such setting, or IIS does not accept the authentication wanted.
        """
        with self._shell() as shell:
            server = self._server(shell)
            name, major = values.text(server, "Name"), int(server_version(server).split(".")[0])
            row = oa.directory(shell, name)
            if (oa.settings(row) if row else None) == wanted:
                return
            oa.change(shell, name, major, row, wanted)
            row = oa.directory(shell, name)
            current = oa.settings(row) if row else None
            if current != wanted:
                raise NotYet(
                    f"Exchange on {name}",
                    wanted=f"Outlook Anywhere to be {wanted or 'off'}",
                    seen=str(current or "off"),
                    todo="Look again: with several domain controllers a change takes minutes to be seen.",
                )

    @property
    def messages(self) -> EwsMessages:
        return EwsMessages(self._ews)

    def origin(self) -> Origin:
        """For a copy of our own; it keeps a few connections as long as it is kept."""
        return EwsOrigin(self._connections())

    def item_changes(self) -> MailboxChanges:
        """For the ledger of items; it keeps its connections as long as it is kept."""
        return EwsChanges(self._connections())

    def _connections(self) -> EwsConnections:
        return EwsConnections(
            self.ews_url,
            self.username,
            self.password,
            self.authentication,
            tls_context(self.extra_ca),
            patience=self._patience,
        )

    def migration_account(self) -> tuple[str, SecretStr]:
        """This block's own account: it has the rights that the migration service needs."""
        return self.username, self.password

    def trusted_ca(self) -> str | None:
        """PEM of the additional root, for whoever looks at the same server by another way."""
        return self.extra_ca

    def clock(self) -> datetime:
        """That of IIS, which is the server's own."""
        return clock_at(self.ews_url, f"EWS at {self.ews_url}", tls_context(self.extra_ca))

    def arrivals(self, since: datetime) -> list[Arrival]:
        """RECEIVE events by SMTP from the message tracking log of every transport server, oldest first."""
        arrivals: list[Arrival] = []
        with self._shell() as shell:
            for server in shell.run("Get-ExchangeServer"):
                if not transports(server):
                    continue
                rows = shell.run(
                    "Get-MessageTrackingLog",
                    Server=values.text(server, "Name"),
                    EventId="RECEIVE",
                    Start=since,
                    ResultSize="Unlimited",
                )
                arrivals += [_arrival(row) for row in rows if came_by_smtp(row)]
        return sorted(arrivals, key=lambda arrival: arrival.at)

    def findings(self) -> list[Finding]:
        """Sign in both ways and open every mailbox; what is refused, or fails each time, is a finding."""
        try:
            boxes = self.inventory().moving
        except MailmoveError as error:
            return [_finding("Remote PowerShell", error, "The server cannot be administered from here.")]
        with self._ews() as ews:
            closed = _closed(ews, [box.address for box in boxes])
            for pause in _PAUSES:
                failing = [address for address, error in closed.items() if not isinstance(error, Refused)]
                if not failing or any(isinstance(error, SignInRefused) for error in closed.values()):
                    break
                time.sleep(pause)
                closed = {address: closed[address] for address in closed.keys() - failing} | _closed(ews, failing)
        return [_finding_of_mailbox(address, closed[address]) for address in sorted(closed)]

    def _server(self, shell: ExchangeShell) -> Row:
        """The server with the mailboxes; where there are several, the one that the addresses name. Blocked: none."""
        servers = shell.run("Get-ExchangeServer")
        rows = [row for row in servers if values.flag(row, "IsMailboxServer")]
        hosts = self.ews_url.lower() + self.shell_url.lower()
        for row in rows:
            name, fqdn = values.text(row, "Name").lower(), values.optional_text(row, "Fqdn").lower()
            if f"//{name}." in hosts or (fqdn and f"//{fqdn}" in hosts):
                return row
        if not rows:
            raise Blocked(
                f"Remote PowerShell at {self.shell_url}",
                wanted="an Exchange server with mailboxes",
                seen="none in this organisation",
                todo="Check that the address belongs to the customer's Exchange.",
            )
        return rows[0]

    def _shell(self) -> ExchangeShell:
        return ExchangeShell(
            self.shell_url, self.shell_kind, self.username, self.password, self.authentication, self.extra_ca
        )

    def _ews(self) -> EwsClient:
        return EwsClient(
            self.ews_url,
            self.username,
            self.password,
            self.authentication,
            self.extra_ca,
            patience=self._patience,
        )


def _closed(ews: EwsClient, addresses: Iterable[str]) -> dict[str, MailmoveError]:
    """Mailboxes that do not open, and why. A refused sign-in ends it: it is the same for all, and locks accounts."""
    closed: dict[str, MailmoveError] = {}
    for address in addresses:
        try:
            ews.open(address)
        except MailmoveError as error:
            closed[address] = error
            if isinstance(error, SignInRefused):
                break
    return closed


def _arrival(row: Row) -> Arrival:
    # From 2013 on the front end hands mail on, and only this says from whom it came.
    address = values.optional_text(row, "ClientIp")
    client = values.optional_text(row, "OriginalClientIp") or address
    name = values.optional_text(row, "ClientHostname") if client == address else ""
    return Arrival(
        at=values.known_moment(row, "Timestamp"),
        message_id=values.optional_text(row, "MessageId"),
        sender=values.optional_text(row, "Sender"),
        recipients=_recipients(row),
        client_ip=client,
        client_name=name if name != client else "",
    )


def _finding_of_mailbox(address: str, error: MailmoveError) -> Finding:
    finding = _finding(f"Mailbox {address}", error, "Its items can neither be counted nor swept up.")
    if isinstance(error, SignInRefused):
        return finding
    todo = f"{error.todo} Or do without it: name it under `source.unread_mailboxes` in the plan."
    left = Leavable(kind=LeavableKind.MAILBOX, mailbox=address, reason=error.seen)
    return finding.model_copy(update={"todo": todo, "leaves": left})


def _recipients(row: Row) -> tuple[str, ...]:
    """Without them it is an arrival all the same; whoever waits for quiet asks when and from whom."""
    try:
        return tuple(recipient.lower() for recipient in values.texts(row, "Recipients") if recipient)
    except Blocked:
        return ()


def _finding(subject: str, error: MailmoveError, means: str) -> Finding:
    return Finding(subject=subject, seen=f"{error.who}: {error.seen}", means=means, todo=error.todo, blocks=True)
