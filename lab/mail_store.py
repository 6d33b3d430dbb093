"""Mailboxes of a lab server, in memory and thread-safe. The old Exchange and the cloud each own one."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from functools import lru_cache

from lab.cloud.item_stream.stored import StoredProperties

DELETED = "Deleted Items"
RECOVERABLE = "\x02Recoverable Items/Deletions"
"""Not below the top of the information store: no list of folders shows it."""
_SLASH = "\u2215"
"""Stands for a slash within a folder's name, for the lab's own paths are '/'-separated; no wire shows it."""
# Not by the email package: it takes half of the time of a whole delivery to understand what nobody asks for.
_HEADERS = {
    name: re.compile(rb"^%s:(.*(?:\r?\n[ \t].*)*)" % name, re.IGNORECASE | re.MULTILINE)
    for name in (b"Message-ID", b"Subject", b"Date")
}


def kept_name(name: str) -> str:
    """A folder's name as a part of a path of the lab's."""
    return name.replace("/", _SLASH)


def shown_name(path: str) -> str:
    """The name of the last folder of a path, as the wire shows it."""
    return path.rpartition("/")[2].replace(_SLASH, "/")


def _header(head: bytes, name: bytes) -> str:
    """The first field of that name, unfolded; "" where there is none."""
    match = _HEADERS[name].search(head)
    return " ".join(part.strip() for part in match[1].decode("ascii", "replace").splitlines()).strip() if match else ""


@lru_cache(maxsize=4096)
def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _decoded(text: str) -> str:
    """A header's text (RFC 2047)."""
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text


MIME_EMPTY, MIME_MISSING, MIME_BROKEN = "mime empty", "mime missing", "mime broken"
UNLISTABLE = "unlistable"
SICKNESSES = {
    MIME_EMPTY: "success, with an empty MimeContent (Export: Data)",
    MIME_MISSING: "success, without MimeContent",
    UNLISTABLE: "every page of a list that it would be in fails (graph-docs 2913)",
    MIME_BROKEN: "success, with 4n+1 letters, which no base64 has (exchangelib 707: Exchange 14.3)",
}
"""Value of `StoredItem.sick` -> the answer. Every other value is a ResponseCode that the item is answered with."""


@dataclass(frozen=True)
class StoredItem:
    """One item; `mime` is what the wire gives (RFC 5322, or iCalendar / vCard inside it)."""

    id: str
    folder: str  # path from the root, '/'-separated: "Inbox/Projects"
    kind: str  # message, event, contact, and those of `lab.cloud.item_stream.to_item.kind_of`
    mime: bytes
    received: datetime
    message_id: str  # with angle brackets; "" where it has none
    subject: str
    weight: int = 0  # bytes that it says it has where that is more than `mime`: big items cost the lab nothing
    sick: str = field(default="", compare=False)
    """What a server answers instead of the content: a word of SICKNESSES, or its own error code."""
    mapi: StoredProperties | None = field(default=None, compare=False, repr=False)
    """All properties of an item that was filed with them; None: the item is what its MIME says."""

    @property
    def size(self) -> int:
        """Size in bytes."""
        return max(self.weight, len(self.mime))

    @property
    def sent(self) -> datetime:
        """The message's own date; a server gives the moment of arrival to one that has none (inferred)."""
        head = self.mime.partition(b"\r\n\r\n")[0]
        return _date(_header(head, b"Date")) or self.received


@dataclass
class Mailbox:
    """A mailbox and what its directory entry says."""

    address: str  # primary SMTP address, lower case
    display_name: str
    kind: str = "user"  # user, shared, room, equipment, public_folder
    aliases: tuple[str, ...] = ()
    legacy_exchange_dn: str = ""
    hidden: bool = False
    items: dict[str, StoredItem] = field(default_factory=dict)


class MailStore:
    """Mailboxes by address, aliases included."""

    def __init__(self, mailboxes: Iterable[Mailbox] = ()) -> None:
        self.lock = threading.RLock()
        self.mailboxes: dict[str, Mailbox] = {}
        self._alias: dict[str, str] = {}
        self._ids = itertools.count(1)
        self.sick_folders: dict[tuple[str, str], str] = {}
        """(Address, path) -> ResponseCode with which a server answers for what lies in that folder."""
        for mailbox in mailboxes:
            self.add_mailbox(mailbox)

    def add_mailbox(self, mailbox: Mailbox) -> None:
        with self.lock:
            self.mailboxes[mailbox.address] = mailbox
            for alias in mailbox.aliases:
                self._alias[alias.lower()] = mailbox.address

    def remove_mailbox(self, address: str) -> None:
        with self.lock:
            gone = self.mailboxes.pop(address, None)
            for alias in gone.aliases if gone else ():
                self._alias.pop(alias.lower(), None)

    def set_aliases(self, address: str, aliases: tuple[str, ...]) -> None:
        """Make these the other addresses of a mailbox."""
        with self.lock:
            box = self.mailboxes[address]
            for alias in box.aliases:
                self._alias.pop(alias.lower(), None)
            box.aliases = aliases
            for alias in aliases:
                self._alias[alias.lower()] = address

    def find(self, address: str) -> Mailbox | None:
        """The mailbox that takes mail for an address."""
        with self.lock:
            address = address.lower()
            return self.mailboxes.get(self._alias.get(address, address))

    def put(
        self,
        address: str,
        mime: bytes,
        *,
        folder: str = "Inbox",
        kind: str = "message",
        received: datetime | None = None,
        sick: str = "",
        mapi: StoredProperties | None = None,
    ) -> StoredItem:
        """File one item; KeyError: no such mailbox."""
        head = mime.partition(b"\r\n\r\n")[0]
        with self.lock:
            mailbox = self.find(address)
            if mailbox is None:
                raise KeyError(address)
            item = StoredItem(
                id=f"item-{next(self._ids):08d}",
                folder=folder,
                kind=kind,
                mime=mime,
                received=received or datetime.now(UTC),
                message_id=_header(head, b"Message-ID"),
                subject=_decoded(_header(head, b"Subject")),
                sick=sick,
                mapi=mapi,
            )
            mailbox.items[item.id] = item
            return item

    def move(self, address: str, item_id: str, folder: str) -> StoredItem:
        """Move an item to another folder; it gets a new id there, as in Exchange. KeyError: no such mailbox or item."""
        with self.lock:
            mailbox = self.find(address)
            if mailbox is None:
                raise KeyError(address)
            moved = replace(mailbox.items.pop(item_id), id=f"item-{next(self._ids):08d}", folder=folder)
            mailbox.items[moved.id] = moved
            return moved

    def delete(self, address: str, item_id: str) -> StoredItem | None:
        """Delete an item as a user does, one step each time: to Deleted Items, to Recoverable Items, then for good."""
        with self.lock:
            mailbox = self.find(address)
            if mailbox is None:
                raise KeyError(address)
            folder = mailbox.items[item_id].folder
            if folder == RECOVERABLE:
                del mailbox.items[item_id]
                return None
            return self.move(address, item_id, RECOVERABLE if folder == DELETED else DELETED)

    def make_sick(self, address: str, item_id: str, sick: str) -> StoredItem:
        """Let an item be answered for so from now on (empty: as it should be). KeyError: no such mailbox or item."""
        with self.lock:
            mailbox = self.find(address)
            if mailbox is None:
                raise KeyError(address)
            mailbox.items[item_id] = replace(mailbox.items[item_id], sick=sick)
            return mailbox.items[item_id]

    def snapshot(self, address: str) -> list[StoredItem]:
        """The items of a mailbox at this moment, oldest first."""
        with self.lock:
            mailbox = self.find(address)
            return sorted(mailbox.items.values(), key=lambda item: item.received) if mailbox else []
