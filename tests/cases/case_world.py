"""An old server and a tenant in this process, with items of a case's choice in their mailboxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from blocks.exchange.exchange_server import ExchangeServer
from blocks.microsoft365.microsoft365 import Microsoft365
from lab.authority import Authority
from lab.cloud.cloud import Cloud
from lab.company import Company
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.mail_store import Mailbox, StoredItem
from lab.places import Places
from mailmove.items.copy.mailbox import Manners
from mailmove.items.copy.mover import DirectMover, in_folder
from mailmove.items.copy.rate_limits import UNLIMITED

THEN = datetime(2021, 3, 4, 5, 6, tzinfo=UTC)
DOMAIN = "kunde.example"
ANNA = f"anna@{DOMAIN}"
PATIENCE = 2.0
"""Seconds that the block waits for an EWS that fails in passing; 120 in life tell the same."""


def message(
    key: str,
    subject: str,
    folder: str = "Inbox",
    *,
    message_id: str | None = None,
    body: str = "text\r\n",
    minutes: int = 0,
) -> StoredItem:
    """message_id: empty: it has none; None: one made of the key. minutes: after THEN."""
    name = f"<{key}@{DOMAIN}>" if message_id is None else message_id
    head = f"Message-ID: {name}\r\n" if name else ""
    mime = (
        f"From: a@{DOMAIN}\r\nTo: b@{DOMAIN}\r\nSubject: {subject.encode('ascii', 'replace').decode()}\r\n"
        f"Date: Thu, 04 Mar 2021 05:06:00 +0000\r\n{head}MIME-Version: 1.0\r\n\r\n{body}"
    )
    return StoredItem(
        key, folder, "message", mime.encode("utf-8", "replace"), THEN + timedelta(minutes=minutes), name, subject
    )


@dataclass
class World:
    """A running old server and tenant, and the blocks that talk to them."""

    faults: Faults
    old: OldExchange
    cloud: Cloud
    source: ExchangeServer
    target: Microsoft365

    def mover(self, folder: Path | None = None) -> DirectMover:
        """folder: for its checkpoints; None: it keeps none."""
        manners = Manners(lanes=2, settle=1.0)
        made = in_folder(folder) if folder else None
        return DirectMover(self.source.origin(), self.target.items.destination(UNLIMITED), made, manners)

    def held(self, address: str = ANNA) -> list[str]:
        """Folder and subject of what the tenant's mailbox holds."""
        return sorted(f"{item.folder}: {item.subject}" for item in self.cloud.store.snapshot(address))


@contextmanager
def world(
    boxes: dict[str, Sequence[StoredItem]], *, version: str = "8.3.83.6", copied: bool = False
) -> Iterator[World]:
    """boxes: address -> items. copied: the tenant holds them already."""
    places, authority, faults = Places(), Authority(), Faults()
    admin = f"administrator@{DOMAIN}"
    made = []
    for address, items in boxes.items():
        box = Mailbox(address, address.partition("@")[0])
        box.items.update({item.id: item for item in items})
        made.append(box)
    company = Company((DOMAIN,), tuple(made), {admin: "lab-Adm1n"}, admin)
    with ExitStack() as stack:
        old = stack.enter_context(OldExchange(places, authority, company, faults, version=version))
        cloud = stack.enter_context(
            Cloud(
                places,
                authority,
                resolver=(places.resolver(0), places.dns_port),
                mx_zone="mx.example.",
                directory=list,
                faults=faults,
                cycle_seconds=3600,
            )
        )
        cloud.app.roles.discard("MailboxItem.ImportExport.All")
        for address in boxes:
            cloud.tenant.add_user(address, address.partition("@")[0], "").has_mailbox = True
            cloud.store.add_mailbox(Mailbox(address, address.partition("@")[0]))
            for item in old.store.snapshot(address) if copied else ():
                cloud.store.put(address, item.mime, folder=item.folder, kind=item.kind, received=item.received)
        winrm = old.state.major < 14
        source = ExchangeServer(
            ews_url=old.ews_url,
            username=admin,
            password=old.state.accounts[admin],
            shell_url=old.shell_url.replace("/powershell", "/wsman") if winrm else old.shell_url,
            shell_kind="winrm" if winrm else "exchange",
            extra_ca=authority.pem,
        )
        source._patience = PATIENCE
        target = Microsoft365(
            tenant_id=cloud.tenant_id,
            client_id=cloud.app.client_id,
            client_secret=cloud.app.secret,
            login_url=cloud.base_url,
            graph_url=cloud.base_url,
            exchange_url=cloud.base_url,
            extra_ca=authority.pem,
        )
        yield World(faults, old, cloud, source, target)
