"""What a tenant must hold so that a company can move into it: everybody and everything with an address, as data."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mailmove.inventory.full import AddressBook, Contact, Group
from mailmove.inventory.server import Inventory, SourceMailbox

RecipientKind = Literal["person", "shared", "room", "equipment", "contact", "group"]
LONGEST_NAME = 64
"""Characters of a recipient's Name and of its Alias (pages of New-Mailbox, New-DistributionGroup)."""
_SIGN_IN_NAME = re.compile(r"[a-z0-9'._!#^~-]{1,64}")
"""What may stand before the @ of a sign-in name (learn.microsoft.com/graph/api/user-post-users)."""
_NOT_IN_ALIAS = re.compile(r"[^a-z0-9!#%*+/=?^_~.-]")
_MAILBOXES: tuple[RecipientKind, ...] = ("person", "shared", "room", "equipment")


class WantedRecipient(BaseModel):
    """One recipient. Addresses are in lower case; `address` of a contact is where its mail goes."""

    model_config = ConfigDict(frozen=True)

    kind: RecipientKind
    address: str
    display_name: str
    aliases: tuple[str, ...] = Field(default=(), description="Further addresses, only of domains that move")
    members: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    inside_only: bool = Field(default=False, description="A group that takes no mail from outside")
    security: bool = Field(default=False, description="A group that rights can be given to")

    @property
    def has_mailbox(self) -> bool:
        return self.kind in _MAILBOXES

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    @property
    def signs_in(self) -> bool:
        """Whether its address can be a sign-in name, which a person's is."""
        return self.kind != "person" or _SIGN_IN_NAME.fullmatch(self.address.rpartition("@")[0]) is not None

    @property
    def name(self) -> str:
        """Its Name at Exchange Online, which is unique and takes no special characters: its address, cut with a digest
        where that is too long or not ASCII.
        """
        if self.address.isascii() and len(self.address) <= LONGEST_NAME:
            return self.address
        digest = hashlib.sha256(self.address.encode()).hexdigest()[:12]
        return f"{self.address.encode('ascii', 'ignore').decode()[: LONGEST_NAME - 13]}-{digest}"


def wanted_recipients(inventory: Inventory, book: AddressBook, domains: Collection[str]) -> list[WantedRecipient]:
    """Mailboxes, contacts and groups that a cutover carries, in that order. domains: those that move.

    Further addresses of other domains (contoso.local) are left out: Exchange Online takes none that it does not know.
    """
    return [
        *(_mailbox(box, domains) for box in inventory.moving),
        *(_contact(contact, domains) for contact in book.contacts),
        *(_group(group, domains) for group in book.moving),
    ]


def nickname(address: str, taken: Collection[str]) -> str:
    """An alias (mailNickname) that nobody has: the part before the @, else the whole address with a full stop."""
    local, _, domain = address.partition("@")
    for text in _spellings(local, domain):
        cut = text[:LONGEST_NAME].strip(".")
        if cut and cut not in taken:
            return cut
    raise AssertionError("a digest of the address is taken")


def _spellings(local: str, domain: str) -> Iterator[str]:
    yield _plain(local)
    yield _plain(f"{local}.{domain}")
    yield f"r{hashlib.sha256(f'{local}@{domain}'.encode()).hexdigest()[:20]}"


def _plain(text: str) -> str:
    return re.sub(r"\.{2,}", ".", _NOT_IN_ALIAS.sub("-", text.lower()))


def _moving(addresses: Collection[str], domains: Collection[str], but: str) -> tuple[str, ...]:
    known = {address.lower() for address in addresses if address.rpartition("@")[2].lower() in domains}
    return tuple(sorted(known - {but}))


def _mailbox(box: SourceMailbox, domains: Collection[str]) -> WantedRecipient:
    kinds: dict[str, RecipientKind] = {"shared": "shared", "room": "room", "equipment": "equipment"}
    return WantedRecipient(
        kind=kinds.get(box.kind, "person"),
        address=box.address,
        display_name=box.display_name or box.address,
        aliases=_moving(box.aliases, domains, box.address),
    )


def _contact(contact: Contact, domains: Collection[str]) -> WantedRecipient:
    """In Exchange Online a contact's first address is where its mail goes (page of New-MailContact)."""
    return WantedRecipient(
        kind="contact",
        address=contact.target,
        display_name=contact.display_name or contact.address,
        aliases=_moving([contact.address], domains, contact.target),
    )


def _group(group: Group, domains: Collection[str]) -> WantedRecipient:
    """Whether it takes mail from outside is as on the old server; where that was not shown, it does."""
    return WantedRecipient(
        kind="group",
        address=group.address,
        display_name=group.display_name or group.address,
        aliases=_moving(group.aliases, domains, group.address),
        members=group.members,
        owners=group.owners,
        inside_only=bool(group.inside_only),
        security=group.kind == "security",
    )
