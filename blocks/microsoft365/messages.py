"""Single messages of a mailbox in the cloud, by Microsoft Graph v1.0: looked up, given out, taken away.

Sources: learn.microsoft.com/graph/api user-list-messages, outlook-get-mime-message, message-delete.
Permissions: Mail.ReadBasic.All to find, Mail.Read for the content, Mail.ReadWrite to delete.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from blocks.microsoft365.answers import Rejected
from blocks.microsoft365.clouds import CLOUDS, CloudName
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.mailbox_items import FIELDS, PAGE, message_of
from blocks.microsoft365.message_traces import message_traces
from mailmove.errors import Blocked
from mailmove.items.item import Item
from mailmove.ports.tenant import TenantMessages
from mailmove.tenant_state import TraceEntry


class Messages(TenantMessages):
    """cloud: the one of Microsoft's that the tenant is in; not each has message traces."""

    def __init__(self, graph: JsonClient, cloud: CloudName) -> None:
        self._graph, self._cloud = graph, cloud

    def find(self, mailbox: str, message_ids: Sequence[str]) -> list[Item]:
        """Every copy of these; a mailbox that does not exist holds none."""
        copies: list[Item] = []
        for message_id in message_ids:
            quoted = message_id.replace("'", "''")
            try:
                copies += _listed(self._graph, mailbox, f"internetMessageId eq '{quoted}'")
            except Rejected as error:
                if error.status != 404:
                    raise
        return copies

    def since(self, mailbox: str, moment: datetime) -> Iterator[Item]:
        """Messages received at or after a moment, without what people wrote; a mailbox that does not exist has none."""
        start = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            written = {self._folder_id(mailbox, name) for name in ("sentitems", "drafts", "outbox")}
            yield from _listed(self._graph, mailbox, f"receivedDateTime ge {start}", without=written)
        except Rejected as error:
            if error.status != 404:
                raise

    def content(self, mailbox: str, item_id: str) -> bytes:
        wanted = f"a message of {mailbox}"
        return self._graph.call("GET", f"{_message(mailbox, item_id)}/$value", wanted=wanted, raw=True).content

    def remove(self, mailbox: str, item_id: str) -> None:
        """Into Recoverable Items; one that is gone already is no error."""
        try:
            self._graph.call("DELETE", _message(mailbox, item_id), wanted=f"a message of {mailbox} to be deleted")
        except Rejected as error:
            if error.status != 404:
                raise

    def traces(self, since: datetime) -> list[TraceEntry]:
        if not CLOUDS[self._cloud].traces:
            raise Blocked(
                "Microsoft Graph",
                wanted="message traces",
                seen=f"none in the cloud {self._cloud}",
                todo="Look in the Exchange admin centre from where mail arrives, and say so at the question.",
            )
        return message_traces(self._graph, since)

    def _folder_id(self, mailbox: str, name: str) -> str:
        path, wanted = f"{_user(mailbox)}/mailFolders/{name}", f"{name} of {mailbox}"
        return str(self._graph.get(path, wanted=wanted, params={"$select": "id"})["id"])


def _listed(graph: JsonClient, mailbox: str, which: str, without: Collection[str] = ()) -> Iterator[Item]:
    """`folder` is the folder's name where it is one of Outlook's own, as Graph gives only ids here."""
    params = {"$filter": which, "$select": f"{FIELDS['message']},parentFolderId", "$top": PAGE}
    wanted = f"messages of {mailbox} by {which.split()[0]}"
    names: dict[str, str] = {}
    for row in graph.pages(f"{_user(mailbox)}/messages", wanted=wanted, params=params):
        folder = str(row.get("parentFolderId") or "")
        if folder in without:
            continue
        if folder not in names:
            names[folder] = _name(graph, mailbox, folder)
        yield message_of(row, (names[folder],))


def _name(graph: JsonClient, mailbox: str, folder: str) -> str:
    try:
        path = f"{_user(mailbox)}/mailFolders/{quote(folder, safe='')}"
        entry = graph.get(path, wanted=f"a folder of {mailbox}", params={"$select": "id,displayName"})
    except Rejected as error:
        if error.status != 404:
            raise
        return "a folder that is not shown"
    return str(entry.get("displayName") or "")


def _user(mailbox: str) -> str:
    return f"users/{quote(mailbox, safe='@')}"


def _message(mailbox: str, item_id: str) -> str:
    return f"{_user(mailbox)}/messages/{quote(item_id, safe='')}"
