"""Mail items, and messages on arrival, as both servers name them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class Item(BaseModel):
    """One item of a mailbox."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="The server's own id")
    folder: str = Field(description="Path from the mailbox's root, '/'-separated: 'Inbox/Projects'")
    kind: str = Field(description="message, event, contact, task or other")
    message_id: str | None = Field(default=None, description="Internet Message-ID with its angle brackets (RFC 5322)")
    key: str = Field(default="", description="What names the item where it has no Message-ID: kind|subject|start")
    subject: str = ""
    received: datetime | None = None
    size: int | None = Field(default=None, description="Bytes; None: the server does not say")

    @property
    def identity(self) -> str:
        """The name of the item on both sides: Message-ID, or its key."""
        return self.message_id or self.key


class Arrival(BaseModel):
    """A message that the old server accepted."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    message_id: str
    sender: str
    recipients: tuple[str, ...]
    client_ip: str
    client_name: str = Field(default="", description="What the client calls itself, or its name in the server's DNS")
