"""Folders in the new mailbox: found by name, made where they are missing."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from blocks.microsoft365.answers import Json
from blocks.microsoft365.fields import flag_or, text, text_or
from blocks.microsoft365.http import JsonClient
from mailmove.errors import Drifted, NotYet, Transient
from mailmove.items.copy.interfaces import Kind, SourceFolder

WHO = "Microsoft Graph"
_MAKING = 5  # times that a folder is looked for and asked for


class Folders:
    """Ids of folders, each asked for once. Not for two threads at the same mailbox."""

    def __init__(self, graph: JsonClient) -> None:
        self._graph = graph
        self._ids: dict[tuple[str, str, str], str] = {}
        self.names: dict[tuple[str, str], tuple[str, ...]] = {}
        """(mailbox, folder id) -> display names from the top; "" stands for the default contacts folder."""
        self.kinds: dict[tuple[str, str], Kind] = {}

    def find(self, mailbox: str, folder: SourceFolder) -> str:
        """Id, quoted for a path; "" for the default contacts folder. Blocked, Refused, Transient."""
        key = mailbox, folder.kind, folder.id
        if key not in self._ids:
            identity, names = self._find(mailbox, folder)
            self._ids[key] = identity
            self.names[mailbox, identity], self.kinds[mailbox, identity] = names, folder.kind
        return self._ids[key]

    def _find(self, mailbox: str, folder: SourceFolder) -> tuple[str, tuple[str, ...]]:
        user, name = f"users/{quote(mailbox, safe='@')}", folder.name
        if folder.kind == "event":
            return self._calendar(user, mailbox, folder, name)
        if folder.kind == "contact":
            if folder.well_known or folder.parent is None or folder.parent.kind != "contact":
                place = "" if folder.well_known else f"{user}/contactFolders"
                return (self._named(place, name, mailbox), ("", name)) if place else ("", ("",))
            above = self.find(mailbox, folder.parent)
            place = f"{user}/contactFolders/{above}/childFolders" if above else f"{user}/contactFolders"
            return self._named(place, name, mailbox), (*self.names[mailbox, above], name)
        if folder.well_known:
            entry = self._graph.get(
                f"{user}/mailFolders/{folder.well_known}", wanted=f"the {folder.well_known} of {mailbox}"
            )
            return quote(text(entry, "id"), safe=""), (text_or(entry, "displayName"),)
        if folder.parent is None:
            return self._named(f"{user}/mailFolders", name, mailbox), (name,)
        if folder.parent.kind != "message":
            return self._named(f"{user}/mailFolders", " - ".join(folder.path), mailbox), (name,)
        above = self.find(mailbox, folder.parent)
        place = f"{user}/mailFolders/{above}/childFolders"
        return self._named(place, name, mailbox), (*self.names[mailbox, above], name)

    def _calendar(self, user: str, mailbox: str, folder: SourceFolder, name: str) -> tuple[str, tuple[str, ...]]:
        """Graph's calendars stand beside each other, so one below another goes by its name alone."""
        if not folder.well_known:
            return self._named(f"{user}/calendars", name, mailbox, label="name"), (name,)
        for calendar in self._graph.pages(
            f"{user}/calendars", wanted=f"calendars of {mailbox}", params={"$top": "100"}
        ):
            if flag_or(calendar, "isDefaultCalendar"):
                return quote(text(calendar, "id"), safe=""), (text_or(calendar, "name"),)
        raise Transient(WHO, wanted=f"the calendar of {mailbox}", seen="none", todo="Look again in a minute.")

    def _named(self, place: str, name: str, mailbox: str, label: str = "displayName") -> str:
        """Look, make, look again: the answer to making may be lost, or another may have been quicker."""
        wanted = f"the folder {name} of {mailbox}"
        for _ in range(_MAKING):
            for row in self._rows(place, wanted, label):
                if text_or(row, label).casefold() == name.casefold():
                    return quote(text(row, "id"), safe="")
            try:
                made = self._graph.call("POST", place, wanted=wanted, json={label: name}, repeatable=False)
                return quote(text(made.body, "id"), safe="")
            except (Drifted, Transient):
                self._graph.sleep(1.0)
        raise NotYet(WHO, wanted=wanted, seen="neither there nor to be made", todo="Look again in a minute.")

    def _rows(self, place: str, wanted: str, label: str) -> Iterator[Json]:
        return self._graph.pages(place, wanted=wanted, params={"$select": f"id,{label}", "$top": "100"})
