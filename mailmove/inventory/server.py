"""The quick inventory of the old Exchange server: its mailboxes, and the settings of Outlook Anywhere."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SourceMailbox(BaseModel):
    """A recipient on the old server that holds or receives mail."""

    model_config = ConfigDict(frozen=True)

    address: str = Field(description="Primary SMTP address, lower case")
    display_name: str
    kind: Literal["user", "shared", "room", "equipment", "public_folder"]
    aliases: tuple[str, ...] = ()
    legacy_exchange_dn: str = ""
    x500: tuple[str, ...] = Field(default=(), description="X500 addresses of earlier moves, without the prefix")
    hidden: bool = False
    item_count: int | None = None
    size: int | None = Field(default=None, description="Bytes")


class NotRead(BaseModel):
    """A part of the server that could not be read; listed, so that nobody takes it for empty."""

    model_config = ConfigDict(frozen=True)

    what: str
    why: str


class Inventory(BaseModel):
    """The old server's version and mailboxes."""

    server: str = Field(description="Its own name: 'SBS2008'")
    version: str = Field(description="'8.3.83.6' is Exchange 2007 SP3")
    fqdn: str = Field(default="", description="Its name with the domain inside: 'sbs2008.contoso.local'; '': not shown")
    mailboxes: list[SourceMailbox]
    not_read: list[NotRead] = Field(default=[])

    @property
    def moving(self) -> list[SourceMailbox]:
        """The mailboxes that a cutover batch carries: not public folders, not hidden ones."""
        return [box for box in self.mailboxes if box.kind != "public_folder" and not box.hidden]


class OutlookAnywhere(BaseModel):
    """Settings of Outlook Anywhere, in the same words for every version of Exchange."""

    model_config = ConfigDict(frozen=True)

    external_host: str
    authentication: Literal["Basic", "NTLM", "Negotiate"] = Field(description="What clients outside must use")
    ssl_offloading: bool = False
