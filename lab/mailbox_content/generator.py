"""A mailbox of any size from a seed: every class of item, in folders of its class.

for folder, message in items(seed=7, count=3000, owner=Person("Anna", "anna@contoso.com", True)): ...
fill(store, "anna@contoso.com", seed=7, count=3000)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lab.cloud.item_stream.stored import StoredProperties
from lab.cloud.item_stream.to_item import filed
from lab.mail_store import MailStore, StoredItem
from lab.mailbox_content import meetings, messages, others
from lab.mailbox_content.draft import Draft, Person


@dataclass(frozen=True)
class Class:
    """share: how many of a hundred items. folders: where they lie, in turn."""

    name: str
    make: Callable[[Draft], StoredProperties]
    share: int
    folders: tuple[str, ...]


_MAIL = ("Inbox", "Inbox/Projekte", "Sent Items", "Archive/2008/Q1", "Deleted Items", "Kunden & Verträge")
CLASSES = (
    Class("message", messages.message, 38, _MAIL),
    Class("report", messages.report, 3, ("Inbox",)),
    Class("meeting message", meetings.meeting_message, 6, ("Inbox", "Deleted Items")),
    Class("secure", messages.secure, 4, _MAIL),
    Class("post", messages.post, 3, ("Inbox/Projekte",)),
    Class("appointment", meetings.appointment, 10, ("Calendar", "Calendar/Urlaub")),
    Class("series", meetings.series, 8, ("Calendar",)),
    Class("contact", others.contact, 8, ("Contacts", "Contacts/Kunden")),
    Class("list", others.distribution_list, 3, ("Contacts",)),
    Class("task", others.task, 5, ("Tasks",)),
    Class("task request", others.task_request, 2, ("Inbox",)),
    Class("note", others.note, 3, ("Notes",)),
    Class("journal", others.journal, 3, ("Journal",)),
    Class("custom", messages.custom, 4, ("Inbox", "Kunden & Verträge")),
)
_COLLEAGUES = ("lukasz", "jose", "olga")


def _order() -> list[Class]:
    """A hundred classes, each as often as its share, well mixed, so that few items have all of them."""
    dealt = [(place / kind.share, kind) for kind in CLASSES for place in range(kind.share)]
    return [kind for _, kind in sorted(dealt, key=lambda pair: pair[0])]


_ORDER = _order()


def items(
    seed: int, count: int, owner: Person, insiders: tuple[Person, ...] = ()
) -> Iterator[tuple[str, StoredProperties]]:
    """(folder, item); the same of each number however many there are. insiders: of the server's directory."""
    if not insiders:
        domain = owner.address.partition("@")[2]
        insiders = (owner, *(Person(name.title(), f"{name}@{domain}", inside=True) for name in _COLLEAGUES))
    for number in range(count):
        kind = _ORDER[number % len(_ORDER)]
        draft = Draft(seed, number, owner, insiders)
        yield kind.folders[number // len(_ORDER) % len(kind.folders)], kind.make(draft)


def file_item(store: MailStore, address: str, folder: str, message: StoredProperties) -> StoredItem:
    """File an item with its properties. KeyError: no such mailbox."""
    read = filed(message)
    return store.put(address, read.mime, folder=folder, kind=read.kind, received=read.received, mapi=read.kept)


def fill(store: MailStore, address: str, *, seed: int, count: int) -> list[StoredItem]:
    """Fill a mailbox of the store; people of the same server are known by their legacy DNs."""
    box = store.find(address)
    if box is None:
        raise KeyError(address)
    others = [other for other in store.mailboxes.values() if other.legacy_exchange_dn and other is not box]
    insiders = tuple(Person(other.display_name, other.address, inside=True) for other in others[:4])
    owner = Person(box.display_name, box.address, inside=bool(box.legacy_exchange_dn))
    return [
        file_item(store, address, folder, message)
        for folder, message in items(seed, count, owner, (owner, *insiders) if insiders else ())
    ]
