"""Mail items, and messages on arrival, as both servers name them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mailmove.items.folder_path import FolderPath, shown


class Item(BaseModel):
    """One item of a mailbox."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="The server's own id")
    folder: FolderPath = Field(description="Names from the mailbox's root down; none of them is split again")
    kind: str = Field(description="message, event, contact, task or other")
    item_class: str = Field(default="", description="'IPM.Note', in the server's spelling; empty: it does not say")
    message_id: str | None = Field(default=None, description="Internet Message-ID with its angle brackets (RFC 5322)")
    key: str = Field(default="", description="What names the item where it has no Message-ID: kind|subject|start")
    subject: str = ""
    received: datetime | None = None
    sent: datetime | None = Field(default=None, description="The message's own date; None: the server does not say")
    size: int | None = Field(default=None, description="Bytes; None: the server does not say")

    @field_validator("message_id")
    @classmethod
    def _is_a_name(cls, text: str | None) -> str | None:
        """`<>` and blanks name nothing."""
        return text if text and text.strip("<> \t\r\n") else None

    @property
    def identity(self) -> str:
        """The name of the item on both sides: Message-ID (folded or not, it is one word), or its key."""
        return "".join(self.message_id.split()) if self.message_id else self.key

    @property
    def title(self) -> str:
        """The item for people: kind, subject and folder."""
        return f"{self.kind} '{self.subject}' in {shown(self.folder)}"


class Arrival(BaseModel):
    """A message that the old server accepted."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    message_id: str
    sender: str
    recipients: tuple[str, ...] = Field(description="(): the log does not show them")
    client_ip: str
    client_name: str = Field(default="", description="What the client calls itself, or its name in the server's DNS")
