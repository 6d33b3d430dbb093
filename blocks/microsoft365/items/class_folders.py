"""Folders of every class in the new mailbox, and what lies in them, as the mailbox import knows them.

Graph's own folders hold messages, events and contacts. Those of tasks, notes and journal entries, and items that lie
among others of another kind, are shown by `/admin/exchange/mailboxes` alone.

Sources: learn.microsoft.com/graph/api/mailbox-post-folders, mailboxfolder-list-items,
singlevaluelegacyextendedproperty-get. Unverified: that a folder's `type` may be any class (`docs/unverified.md`).
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from blocks.microsoft365.answers import Json
from blocks.microsoft365.fields import rows_or, text, text_or
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.items.item_folders import Folders
from blocks.microsoft365.items.item_import import Importer
from mailmove.errors import Drifted, NotYet, Transient
from mailmove.items.copy.interfaces import Present, SourceFolder
from mailmove.items.folder_path import shown
from mailmove.items.identity import stranger_name

WHO = "Microsoft Graph"
_MAKING = 5
"""Times that a folder is sought and asked for."""
_DEFAULTS = {"tasks": "IPF.Task", "notes": "IPF.StickyNote", "journal": "IPF.Journal"}
"""Name in EWS -> class of the one at the top that every mailbox has."""
_PLAIN = "IPF.Task"
_SUBJECT = "String 0x0037"


class ClassFolders:
    """Each is asked for once. Not for two threads at the same mailbox."""

    def __init__(self, graph: JsonClient, importer: Importer, folders: Folders) -> None:
        self._graph, self._importer, self._folders = graph, importer, folders
        self._ids: dict[tuple[str, str], str] = {}
        self._made: set[tuple[str, str]] = set()

    def is_one(self, mailbox: str, folder_id: str) -> bool:
        return (mailbox, folder_id) in self._made

    def find(self, mailbox: str, folder: SourceFolder) -> str:
        """Id for the import; the folder and its parents are created where they are missing."""
        key = mailbox, folder.id
        if key not in self._ids:
            self._ids[key] = self._sought(mailbox, folder)
            self._made.add((mailbox, self._ids[key]))
        return self._ids[key]

    def import_id(self, mailbox: str, folder_id: str) -> str:
        """For the import, of a folder that `find` or Graph's own `Folders` found."""
        if self.is_one(mailbox, folder_id):
            return folder_id
        known = mailbox, folder_id
        return self._importer.folder_of(mailbox, self._folders.names[known], self._folders.kinds[known])

    def contents(self, mailbox: str, folder: SourceFolder, identity: str) -> Iterator[Present]:
        """identity: for the import. Every item of the folder, known by its class and subject."""
        place = f"{self._importer.box(mailbox)}/folders/{quote(identity, safe='')}/items"
        wanted = f"the items in {shown(folder.path)} of {mailbox}"
        params = {
            "$select": "id,type",
            "$expand": f"singleValueExtendedProperties($filter=id eq '{_SUBJECT}')",
            "$top": "100",
        }
        for row in self._graph.pages(place, wanted=wanted, params=params):
            values = [text_or(kept, "value") for kept in rows_or(row, "singleValueExtendedProperties")]
            name = stranger_name(text_or(row, "type"), values[0] if values else "")
            yield Present(name, name, ("", None))

    def _sought(self, mailbox: str, folder: SourceFolder) -> str:
        box = self._importer.box(mailbox)
        if folder.parent is None:
            return self._at(f"{box}/folders", mailbox, folder)
        if folder.parent.kind == "other":
            above = self.find(mailbox, folder.parent)
        else:
            above = self.import_id(mailbox, self._folders.find(mailbox, folder.parent))
        return self._at(f"{box}/folders/{quote(above, safe='')}/childFolders", mailbox, folder)

    def _at(self, place: str, mailbox: str, folder: SourceFolder) -> str:
        """List, make, list again: the answer to making may be lost, or another may have been quicker."""
        wanted = f"the folder {folder.name} of {mailbox}"
        kind = folder.folder_class or _PLAIN
        for _ in range(_MAKING):
            rows = list(self._graph.pages(place, wanted=wanted, params={"$top": "100"}))
            if folder.parent is None:
                rows = _top(rows)
                if (default := _default(rows, folder)) is not None:
                    return text(default, "id")
            # Of the same name and another class it is another folder, beside which there can be none of that name.
            for name in (folder.name, f"{folder.name} ({kind})"):
                same = [row for row in rows if text_or(row, "displayName").casefold() == name.casefold()]
                if not same or _is_of(same[0], kind):
                    break
            if same:
                return text(same[0], "id")
            try:
                body = {"displayName": name, "type": kind}
                made = self._graph.call("POST", place, wanted=wanted, json=body, repeatable=False)
                return text(made.body, "id")
            except (Drifted, Transient):
                self._graph.sleep(1.0)
        raise NotYet(WHO, wanted=wanted, seen="neither there nor to be made", todo="Look again in a minute.")


def _top(rows: list[Json]) -> list[Json]:
    """Those that lie in none of the others: the page says of the list that it has all folders of the mailbox."""
    known = {text(row, "id") for row in rows}
    return [row for row in rows if text_or(row, "parentFolderId") not in known]


def _default(rows: list[Json], folder: SourceFolder) -> Json | None:
    """The mailbox's own, which is called in its language; of several of its class, the one that says so."""
    kind = _DEFAULTS.get(folder.well_known or "")
    of_class = [row for row in rows if kind and _is_of(row, kind)]
    named = [row for row in of_class if text_or(row, "wellKnownName") == folder.well_known]
    alike = [row for row in of_class if text_or(row, "displayName").casefold() == folder.name.casefold()]
    return next(iter([*named, *alike, *of_class]), None)


def _is_of(row: Json, kind: str) -> bool:
    return text_or(row, "type").casefold() == kind.casefold()
