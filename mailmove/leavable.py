"""A thing that a cutover can do without: named by an error that stops a stage, left out when a person says so."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class LeavableKind(StrEnum):
    """What kind of thing it is."""

    MAILBOX = "mailbox"
    FOLDER = "folder"
    ITEM = "item"
    RECORD = "record"
    STAGE = "stage"
    ENTRY = "entry"
    GROUP = "group"
    CONTACT = "contact"


_NAMED_BY = {
    LeavableKind.MAILBOX: ("mailbox",),
    LeavableKind.FOLDER: ("mailbox", "folder"),
    LeavableKind.ITEM: ("mailbox", "item"),
    LeavableKind.RECORD: ("record",),
    LeavableKind.STAGE: ("stage",),
    LeavableKind.ENTRY: ("entry",),
    LeavableKind.GROUP: ("mailbox",),
    LeavableKind.CONTACT: ("mailbox",),
}


class Leavable(BaseModel):
    """One thing that can be left out, by its names; which of them are needed depends on the kind.

        mailbox   mailbox
        folder    mailbox, folder (a name each, root first), folder_id where the side gives one
        item      mailbox, item (its id at the side that it is read from); folder and subject where they are known
        record    record: name and type of a DNS record set, "contoso.com MX"
        stage     stage: its name in the runbook
        group     mailbox: address of a distribution group of the source, which has not arrived whole at the target
        contact   mailbox: address of a mail contact or mail user of the source, likewise
        entry     entry: a break of the ledger's chain; left out: what it says counts as it stands

    reason: why it stops the stage, in the server's words. Only `key` says whether two are the same thing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: LeavableKind
    mailbox: str = Field(default="", description="Address")
    folder: tuple[str, ...] = Field(default=(), description="Names from the root on; none of them is split again")
    folder_id: str = Field(default="", description="Id of the folder at its side; empty: it is known by its path")
    item: str = Field(default="", description="Id of the item at its side")
    record: str = Field(default="", description="Name and type of a record set")
    stage: str = ""
    entry: str = Field(default="", description="A break of the ledger's chain: its kind, and the seal of the entry")
    subject: str = Field(default="", description="Of an item, for people")
    reason: str = ""

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        missing = [name for name in _NAMED_BY[self.kind] if not getattr(self, name)]
        if missing:
            raise ValueError(f"a {self.kind} is named by {', '.join(missing)} too")
        return self

    @property
    def key(self) -> tuple[str, ...]:
        """What it is, without words: equal for the same thing, whatever was its trouble. DNS names: absolute or not."""
        match self.kind:
            case LeavableKind.MAILBOX | LeavableKind.GROUP | LeavableKind.CONTACT:
                names: tuple[str, ...] = (self.mailbox.casefold(),)
            case LeavableKind.FOLDER:
                known = ("id", self.folder_id) if self.folder_id else ("path", *self.folder)
                names = (self.mailbox.casefold(), *known)
            case LeavableKind.ITEM:
                names = (self.mailbox.casefold(), self.item)
            case LeavableKind.RECORD:
                name, _, kind = self.record.rpartition(" ")
                names = (name.rstrip(".").casefold(), kind.upper())
            case LeavableKind.STAGE:
                names = (self.stage,)
            case LeavableKind.ENTRY:
                names = (self.entry,)
        return (self.kind.value, *names)

    def covers(self, other: Leavable) -> bool:
        """Whether leaving this out leaves `other` out too.

        A mailbox covers all that is in it, a folder its items (not the folders below it), and everything itself.
        """
        if self.key == other.key:
            return True
        if not self.mailbox or self.mailbox.casefold() != other.mailbox.casefold():
            return False
        if self.kind is LeavableKind.MAILBOX:
            return True
        if self.kind is not LeavableKind.FOLDER or other.kind is not LeavableKind.ITEM:
            return False
        return self.folder_id == other.folder_id if self.folder_id and other.folder_id else self.folder == other.folder

    def __str__(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        kind = "" if self.kind is LeavableKind.ENTRY else f"{self.kind} "
        return f"{kind}{self._name()}{reason}"

    def _name(self) -> str:
        folder = " > ".join(self.folder)
        match self.kind:
            case LeavableKind.MAILBOX | LeavableKind.GROUP | LeavableKind.CONTACT:
                return self.mailbox
            case LeavableKind.FOLDER:
                return f"'{folder}' of {self.mailbox}"
            case LeavableKind.ITEM:
                within = f" in '{folder}'" if folder else ""
                return f"'{self.subject or self.item}'{within} of {self.mailbox}"
            case LeavableKind.RECORD:
                return self.record
            case LeavableKind.STAGE:
                return self.stage
            case LeavableKind.ENTRY:
                return self.subject
