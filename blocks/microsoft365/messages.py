"""Single messages of a mailbox in the cloud, by Microsoft Graph v1.0: looked up, given out, taken away.

Sources: learn.microsoft.com/graph/api user-list-messages, outlook-get-mime-message, message-delete.
Permissions: Mail.ReadBasic.All to find, Mail.Read for the content, Mail.ReadWrite to delete.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from blocks.microsoft365.answers import NO_ITEM, NO_USER, Rejected, damaged
from blocks.microsoft365.closed_mailbox import opened
from blocks.microsoft365.clouds import CLOUDS, CloudName
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.fields import text, text_or
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.items.careful_pages import CarefulList, by_arrival
from blocks.microsoft365.items.mailbox_items import FIELDS, message_of
from blocks.microsoft365.message_traces import message_traces, traces
from mailmove.errors import Blocked, NotYet
from mailmove.items.item import Item
from mailmove.ports.tenant import TenantMessages
from mailmove.tenant_state import TraceEntry

_HEADER = re.compile(rb"[A-Za-z0-9][\w.-]*[ \t]*:")
"""With what a message begins: the name of a header field (RFC 5322 section 2.2), of letters that real ones have."""


class Messages(TenantMessages):
    """cloud: the one of Microsoft's that the tenant is in; not in each does Graph have message traces.

    exchange None: message traces come from Graph alone.
    """

    def __init__(self, graph: JsonClient, cloud: CloudName, exchange: ExchangeAdmin | None = None) -> None:
        self._graph, self._cloud, self._exchange = graph, cloud, exchange

    def find(self, mailbox: str, message_ids: Sequence[str]) -> list[Item]:
        """Every copy of these; where nobody is called so, there is none. MailboxClosed: it is not known."""
        copies: list[Item] = []
        for message_id in message_ids:
            quoted = message_id.replace("'", "''")
            with opened(mailbox):
                try:
                    copies += self._listed(mailbox, f"internetMessageId eq '{quoted}'", named=message_id)
                except Rejected as error:
                    self._nobody(mailbox, error)
        return copies

    def since(self, mailbox: str, moment: datetime) -> Iterator[Item]:
        """Messages received at or after a moment, without what people wrote; where nobody is called so, there are none.

        One that Graph does not give out has no id, and a subject that says so. MailboxClosed: it is not known.
        """
        start = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        with opened(mailbox):
            try:
                written = {self._folder_id(mailbox, name) for name in ("sentitems", "drafts", "outbox")}
                yield from self._listed(mailbox, f"receivedDateTime ge {start}", without=written)
            except Rejected as error:
                self._nobody(mailbox, error)

    def _nobody(self, mailbox: str, error: Rejected) -> None:
        """Returns where there is really nobody of that address. A 404 alone is no proof: paths take sign-in names, and
        that need not be the address (graph/api/user-get)."""
        if error.code not in NO_USER:
            raise error
        quoted = mailbox.replace("'", "''")
        params = {"$filter": f"mail eq '{quoted}'", "$select": "id,userPrincipalName,mail"}
        wanted = f"the mailbox {mailbox}"
        for user in self._graph.pages("users", wanted=wanted, params=params):
            name = text(user, "userPrincipalName")
            if name.casefold() == mailbox.casefold():  # a replica that lags behind
                todo = "Ask again in a minute."
                raise NotYet("Microsoft Graph", wanted=wanted, seen=error.seen, todo=todo) from None
            raise Blocked(
                "Microsoft Graph",
                wanted=wanted,
                seen=f"a user with that address who signs in as {name}",
                todo="Give the user this address as sign-in name, or look into the mailbox by hand.",
                code=error.code,
            ) from None

    def content(self, mailbox: str, item_id: str) -> bytes:
        wanted = f"a message of {mailbox}"
        with opened(mailbox):
            reply = self._graph.call("GET", f"{_message(mailbox, item_id)}/$value", wanted=wanted, raw=True)
        if not _HEADER.match(reply.content):
            seen = f"{reply.status} with what is no message: {reply.content[:60]!r}"
            raise damaged(
                "Microsoft Graph", wanted, seen if reply.content.strip() else f"{reply.status} without content"
            )
        return reply.content

    def remove(self, mailbox: str, item_id: str) -> None:
        """Into Recoverable Items; one that is gone already is no error."""
        with opened(mailbox):
            try:
                self._graph.call("DELETE", _message(mailbox, item_id), wanted=f"a message of {mailbox} to be deleted")
            except Rejected as error:
                if error.code not in NO_ITEM:
                    raise

    def traces(self, since: datetime) -> list[TraceEntry]:
        graph = self._graph if CLOUDS[self._cloud].traces else None
        return message_traces(self._graph, since) if self._exchange is None else traces(self._exchange, graph, since)

    def _folder_id(self, mailbox: str, name: str) -> str:
        path, wanted = f"{_user(mailbox)}/mailFolders/{name}", f"{name} of {mailbox}"
        return text(self._graph.get(path, wanted=wanted, params={"$select": "id"}), "id")

    def _listed(self, mailbox: str, which: str, without: Collection[str] = (), named: str = "") -> Iterator[Item]:
        """`folder` is the folder's name where it is one of Outlook's own, as Graph gives only ids here. named: the
        Message-ID that is looked for; an item that is not given out has it, then."""
        params = {"$filter": which, "$select": f"{FIELDS['message']},parentFolderId", **by_arrival("message", which)}
        wanted = f"messages of {mailbox} by {which.split()[0]}"
        careful = CarefulList(self._graph, mailbox, [], lambda: self._folder_id(mailbox, "inbox"))
        names: dict[str, str] = {}
        for page in careful.pages(f"{_user(mailbox)}/messages", params, wanted):
            for broken in page.broken:
                subject = f"a message that Microsoft does not give out: {broken.error.seen}"
                yield Item(id="", folder=(), kind="message", message_id=named or None, subject=subject)
            for row in page.rows:
                folder = text_or(row, "parentFolderId")
                if folder in without:
                    continue
                if folder not in names:
                    names[folder] = _name(self._graph, mailbox, folder)
                yield message_of(row, (names[folder],))


def _name(graph: JsonClient, mailbox: str, folder: str) -> str:
    try:
        path = f"{_user(mailbox)}/mailFolders/{quote(folder, safe='')}"
        entry = graph.get(path, wanted=f"a folder of {mailbox}", params={"$select": "id,displayName"})
    except Rejected as error:
        if error.code not in NO_ITEM:
            raise
        return "a folder that is not shown"
    return text_or(entry, "displayName")


def _user(mailbox: str) -> str:
    return f"users/{quote(mailbox, safe='@')}"


def _message(mailbox: str, item_id: str) -> str:
    return f"{_user(mailbox)}/messages/{quote(item_id, safe='')}"
