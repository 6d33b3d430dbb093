"""Folders of tasks and notes in the new mailbox, by the mailbox import's own pages as Microsoft documents them."""

from __future__ import annotations

import json
import ssl
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.items.item_destination import GraphDestination
from blocks.microsoft365.items.item_import import Importer
from mailmove.items.copy.interfaces import Content, SourceFolder
from mailmove.items.copy.rate_limits import UNLIMITED
from mailmove.items.item import Item

TLS = ssl.create_default_context()
BOX, ANNA = "/v1.0/admin/exchange/mailboxes/MBX:1@2", "anna@northwind.example"
TASKS = SourceFolder("t", ("Aufgaben",), "other", "tasks", 3, None, "IPF.Task")
TODO = SourceFolder("p", ("Aufgaben", "Projekte/Neu"), "other", None, 3, TASKS, "IPF.Task")
INBOX = SourceFolder("i", ("Posteingang",), "message", "inbox")
BELOW = SourceFolder("b", ("Posteingang", "Ideen"), "other", None, 3, INBOX, "IPF.StickyNote")
CONTACTS = SourceFolder("c", ("Kontakte",), "contact", "contacts")


class Pages:
    """folders: id -> (name, class, id of the parent or ''). items: id of the folder -> (class, subject)."""

    def __init__(self) -> None:
        self.folders = {
            "F1": ("Inbox", "IPF.Note", "root"), "F2": ("Tasks", "IPF.Task", "root"),
            "F3": ("Contacts", "IPF.Contact", "root"), "F4": ("Other tasks", "IPF.Task", "root"),
        }  # fmt: skip
        self.items: dict[str, list[tuple[str, str]]] = {}
        self.lost = 0
        self.made: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = unquote(request.url.path)
        if path.endswith("/settings/exchange"):
            return httpx.Response(200, json={"primaryMailboxId": "MBX:1@2"})
        if path.endswith("/mailFolders/inbox"):
            return httpx.Response(200, json={"id": "graph-inbox", "displayName": "Inbox"})
        assert path.startswith(f"{BOX}/folders"), path
        rest = path.removeprefix(f"{BOX}/folders").strip("/").split("/")
        if rest[-1] == "items":
            assert "singleValueExtendedProperties($filter=id eq 'String 0x0037')" in request.url.params["$expand"]
            rows: list[dict[str, Any]] = [
                {"id": str(number), "type": of, "singleValueExtendedProperties":
                    [{"id": "String 0x37", "value": subject}] if subject else []}
                for number, (of, subject) in enumerate(self.items.get(rest[0], []))
            ]  # fmt: skip
            return httpx.Response(200, json={"value": rows})
        parent = rest[0] if rest[-1] == "childFolders" else ""
        if request.method == "POST":
            body = json.loads(request.content)
            assert set(body) == {"displayName", "type"}
            self.made.append(body)
            name = f"F{len(self.folders) + 1}"
            self.folders[name] = (body["displayName"], body["type"], parent or "root")
            if self.lost:
                self.lost -= 1
                return httpx.Response(504, json={"error": {"code": "timeout"}})
            return httpx.Response(201, json={"id": name})
        return httpx.Response(200, json={"value": [
            {"id": key, "displayName": name, "type": of, "parentFolderId": above}
            for key, (name, of, above) in self.folders.items() if not parent or above == parent
        ]})  # fmt: skip


@pytest.fixture
def pages() -> Pages:
    return Pages()


def destination(pages: Pages) -> GraphDestination:
    graph = JsonClient(
        "Graph", "https://graph.test/v1.0", lambda claims: "t", TLS, sleep=lambda seconds: None,
        transport=httpx.MockTransport(pages),
    )  # fmt: skip
    return GraphDestination(graph, imports=lambda: True, importer=Importer(graph, TLS), limits=UNLIMITED)


def test_the_mailbox_s_own_folder_is_found_in_any_language_and_made_where_it_is_missing(pages: Pages) -> None:
    target = destination(pages)
    assert target.folder(ANNA, TASKS) == "F2" and pages.made == []
    notes = SourceFolder("n", ("Notizen",), "other", "notes", 1, None, "IPF.StickyNote")
    assert pages.folders[target.folder(ANNA, notes)] == ("Notizen", "IPF.StickyNote", "root")


def test_folders_below_keep_their_class_and_their_place(pages: Pages) -> None:
    target = destination(pages)
    assert pages.folders[target.folder(ANNA, TODO)] == ("Projekte/Neu", "IPF.Task", "F2")
    assert pages.folders[target.folder(ANNA, BELOW)] == ("Ideen", "IPF.StickyNote", "F1")
    assert [target.folder(ANNA, TODO), target.folder(ANNA, BELOW)] == ["F5", "F6"] and len(pages.made) == 2


def test_a_lost_answer_makes_no_second_folder_and_another_class_is_another_folder(pages: Pages) -> None:
    pages.lost = 1
    target = destination(pages)
    target.folder(ANNA, TODO)
    assert [one["displayName"] for one in pages.made] == ["Projekte/Neu"]
    pages.folders["F9"] = ("Ideen", "IPF.Note", "F1")
    assert pages.folders[target.folder(ANNA, BELOW)][:2] == ("Ideen (IPF.StickyNote)", "IPF.StickyNote")


def test_what_lies_in_it_is_counted_by_class_and_subject(pages: Pages) -> None:
    pages.items = {"F2": [("IPM.Task", "Müll  raus"), ("IPM.Task", "Müll raus"), ("IPM.TaskRequest", "Müll raus")],
                   "F3": [("IPM.Contact", "Anna"), ("IPM.DistList", "Verteiler"), ("IPM.DistList", "")]}  # fmt: skip
    target = destination(pages)
    task, other, group, empty = (
        Item(id=of, folder=("x",), kind="other", item_class=of, subject=subject)
        for of, subject in (("IPM.Task", "Müll raus"), ("IPM.Task.Kunde", "Müll raus"), ("IPM.DistList", "Verteiler"),
                            ("IPM.DistList", ""))
    )  # fmt: skip
    place = target.folder(ANNA, TASKS)
    assert target.copies(ANNA, TASKS, place, [task, other], streams=True) == [2, 0]
    assert target.copies(ANNA, CONTACTS, None, [group, empty], streams=True) == [1, 1]
    assert sum(1 for _ in target.present(ANNA, TASKS, place)) == 3


def test_a_stream_goes_to_the_folder_that_was_found(pages: Pages) -> None:
    target = destination(pages)
    task = Item(id="1", folder=("Aufgaben",), kind="task", item_class="IPM.Task", subject="Müll")
    place = target.folder(ANNA, TASKS)
    assert target._classes.import_id(ANNA, place) == "F2"
    [outcome] = target.put(ANNA, place, [Content(task, stream="")])
    assert outcome.state == "refused"
    target.folder(ANNA, CONTACTS)
    assert target._classes.import_id(ANNA, "") == "F3", "a distribution list goes to the contacts"
