"""Graph's mailbox import: an item goes in whole, as the stream that ExportItems of an old server gave, or we wrote.

Sources: learn.microsoft.com/graph/import-exchange-mailbox-item, graph/api/mailbox-createimportsession. Global cloud
only; primary and shared mailboxes. Unverified: that it takes the stream
of Exchange 2010 to 2019 (`docs/unverified.md`).
"""

from __future__ import annotations

import ssl
import threading
import time
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from blocks.microsoft365.answers import NO_ITEM, NO_USER, Json, Rejected
from blocks.microsoft365.fields import text, text_or
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.items.item_requests import outcome_of
from blocks.retry_budget import read_thrice
from blocks.tls_roots import is_untrusted, kind_of, untrusted
from mailmove.errors import NotYet
from mailmove.items.content import NONE as NO_CONTENT
from mailmove.items.copy.interfaces import Content, Outcome
from mailmove.items.copy.rate_limits import Pace
from mailmove.wire.http import client

WHO = "Exchange Online's mailbox import"
_RENEW = 600.0  # seconds that a session is used; it says when it ends, but clocks differ
_TYPES = {"event": "IPF.Appointment", "contact": "IPF.Contact"}


@dataclass
class _Session:
    url: str
    until: float


class Importer:
    """Keeps one import session a mailbox. Safe for threads."""

    def __init__(self, graph: JsonClient, tls: ssl.SSLContext) -> None:
        self._graph = graph
        self._http = client(tls, seconds=1800, most=10_000_000, each=300)
        self._boxes: dict[str, str] = {}
        self._folders: dict[tuple[str, tuple[str, ...], str], str] = {}
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    def put(self, mailbox: str, folder: str, content: Content, pace: Pace) -> Outcome:
        """folder: its id, as `folder_of` gives it."""
        wanted = f"'{content.item.subject}' of {mailbox} to be imported"
        if not content.stream:
            return Outcome("refused", NO_CONTENT)
        with self._lock:
            session = self._session(mailbox)
        with pace.slot(upload=content.weight):
            outcome = self._send(session, {"FolderId": folder, "Mode": "create", "Data": content.stream}, wanted)
        if outcome.wait:
            pace.hold(outcome.wait)
        return outcome

    def _send(self, session: _Session, body: Json, wanted: str) -> Outcome:
        try:
            # No Authorization: the address is authenticated already.
            response = self._http.post(session.url, json=body)
        except httpx.ConnectError as error:
            if is_untrusted(error):
                raise untrusted(WHO, wanted) from None
            return Outcome("unsent", kind_of(error), 2.0)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Outcome("unknown", kind_of(error))
        try:
            answer = response.json() if response.content else None
        except (ValueError, RecursionError):
            answer = None
        if response.status_code == 401:
            session.until = 0.0
        return outcome_of(response.status_code, dict(response.headers.items()), answer, wanted)

    def box(self, mailbox: str) -> str:
        """Path of the mailbox, below Graph's root."""
        if mailbox not in self._boxes:
            wanted = f"the mailbox id of {mailbox}"
            settings = read_thrice(lambda: self._settings(mailbox, wanted), self._graph.sleep)
            if settings is None:
                raise NotYet(WHO, wanted=wanted, seen="no such mailbox", todo="Wait for it; has it a licence?")
            self._boxes[mailbox] = text(settings, "primaryMailboxId")
        return f"admin/exchange/mailboxes/{quote(self._boxes[mailbox], safe='@:')}"

    def _settings(self, mailbox: str, wanted: str) -> Json | None:
        try:
            return self._graph.get(f"users/{quote(mailbox, safe='@')}/settings/exchange", wanted=wanted)
        except Rejected as error:
            if error.code not in NO_USER | NO_ITEM:
                raise
            return None

    def _session(self, mailbox: str) -> _Session:
        known = self._sessions.get(mailbox)
        if known is None or time.monotonic() >= known.until:
            path = f"{self.box(mailbox)}/createImportSession"
            # A session that is never used does no harm.
            made = self._graph.call("POST", path, wanted=f"to import into {mailbox}", repeatable=True).body
            known = self._sessions[mailbox] = _Session(text(made, "importUrl"), time.monotonic() + _RENEW)
        return known

    def folder_of(self, mailbox: str, names: tuple[str, ...], kind: str) -> str:
        """The id of a folder as the import knows it; it is walked by name, for the two ids need not be the same.

        names: display names from the top; the first may be "": the default contacts folder. kind: of the folder.
        """
        with self._lock:
            return self._walked(mailbox, names, kind)

    def _walked(self, mailbox: str, names: tuple[str, ...], kind: str) -> str:
        key = mailbox, names, kind
        if key not in self._folders:
            place, identity = f"{self.box(mailbox)}/folders", ""
            for name in names:
                identity = self._child(place, name, kind, mailbox)
                place = f"{self.box(mailbox)}/folders/{quote(identity, safe='')}/childFolders"
            self._folders[key] = identity
        return self._folders[key]

    def _child(self, place: str, name: str, kind: str, mailbox: str) -> str:
        wanted = f"the folder {name or 'Contacts'} of {mailbox}"
        rows = list(self._graph.pages(place, wanted=wanted, params={"$top": "100"}))
        sought = (name or "Contacts").casefold()
        matches = [row for row in rows if text_or(row, "displayName").casefold() == sought]
        # The default calendar and contacts, at the top, are called in the mailbox's own language.
        if not matches and (not name or (kind == "event" and place.endswith("/folders"))):
            matches = [row for row in rows if text_or(row, "type") == _TYPES.get(kind)]
        for row in matches:
            return text(row, "id")
        raise NotYet(WHO, wanted=wanted, seen="no such folder", todo="Look again: it was made just now.")
