"""The lab's cloud with items of every class: imported into folders of every class, listed as such, exported again."""

from __future__ import annotations

import base64
from typing import Any

import lab_ews as ews
import pytest

from lab.cloud.batching import MailboxConcurrency
from lab.cloud.errors import ApiError
from lab.cloud.graph import import_session
from lab.cloud.graph.folder_kinds import CLASSES, kind_of_class
from lab.cloud.graph.mail import Mail, folder_id
from lab.cloud.item_stream.writer import write_stream
from lab.cloud.tenant import Tenant
from lab.cloud.wire import Call
from lab.faults import Faults
from lab.mail.store_comparer import compare
from lab.mail_store import Mailbox, StoredItem

COUNT = 120


class Cloud:
    def __init__(self) -> None:
        self.tenant = Tenant("tenant-id", "contoso.onmicrosoft.com", "Contoso")
        user = self.tenant.add_user(ews.ANNA, "Anna", "")
        user.has_mailbox = True
        self.tenant.store.add_mailbox(Mailbox(ews.ANNA, "Anna"))
        self.faults = Faults()
        self.importing = import_session.Importing(self.tenant, self.faults, MailboxConcurrency())
        self.mail = Mail(self.tenant, self.faults)
        self.box = f"MBX:{user.id}@{self.tenant.id}"

    def call(self, body: Any = None, **query: str) -> Call:
        return Call("POST" if body else "GET", "/x", {f"${name}": value for name, value in query.items()}, {}, body)

    def folder(self, path: str, kind: str) -> str:
        """The id of a folder, made with those above it where it is not there."""
        try:
            self.importing._writing.any_standing(ews.ANNA, folder_id(path))
        except ApiError:
            above, _, name = path.rpartition("/")
            parent = self.folder(above, kind) if above else None
            body = {"displayName": name, "type": CLASSES[kind]}
            made = self.importing.make_folder(self.call(body), self.box, parent)
            assert made.status == 201 and made.body["type"] == CLASSES[kind]
            return str(made.body["id"])
        return folder_id(path)

    def take(self, folder: str, stream: bytes) -> str:
        session = self.importing.session(self.call(), self.box).body["importUrl"]
        body = {"FolderId": folder, "Mode": "create", "Data": base64.b64encode(stream).decode()}
        call = Call("POST", "/importing", {"authtoken": session.partition("authtoken=")[2]}, {}, body)
        return str(self.importing.take(call).body["itemId"])

    def items(self) -> list[StoredItem]:
        return list(self.tenant.store.mailboxes[ews.ANNA].items.values())


KIND_OF_FOLDER = {"Calendar": "event", "Contacts": "contact", "Tasks": "task", "Notes": "note", "Journal": "journal"}


def kind_of(path: str) -> str:
    return KIND_OF_FOLDER.get(path.partition("/")[0], "message")


@pytest.fixture(scope="module")
def source() -> list[StoredItem]:
    return ews.Server(2013, seed=5, count=COUNT).items


@pytest.fixture(scope="module")
def cloud(source: list[StoredItem]) -> Cloud:
    cloud = Cloud()
    for item in source:
        assert item.mapi is not None
        cloud.take(cloud.folder(item.folder, kind_of(item.folder)), write_stream(item.mapi))
    return cloud


def test_a_mailbox_of_every_class_comes_in_whole(source: list[StoredItem], cloud: Cloud) -> None:
    compared = compare(source, cloud.items())
    assert compared.is_equal, compared.differences[:5]
    assert compared.pairs == COUNT


def test_graphs_pages_show_only_what_they_show(source: list[StoredItem], cloud: Cloud) -> None:
    def rows(reply: Any) -> list[dict[str, Any]]:
        return list(reply.body["value"])

    top = {"top": "1000"}
    kinds = {"message": 0, "event": 0, "contact": 0}
    for path in {item.folder for item in source}:
        held = [item for item in source if item.folder == path]
        if kind_of(path) == "message":
            shown = rows(cloud.mail.messages(cloud.call(**top), ews.ANNA, folder_id(path)))
        elif kind_of(path) == "event":
            shown = rows(cloud.mail.events(cloud.call(**top), ews.ANNA, folder_id(path)))
        elif kind_of(path) == "contact":
            shown = rows(cloud.mail.contacts(cloud.call(**top), ews.ANNA, folder_id(path)))
        else:
            continue
        assert len(shown) == sum(item.kind == kind_of(path) for item in held), path
        kinds[kind_of(path)] += len(shown)
    assert all(kinds.values())
    every = rows(cloud.mail.messages(cloud.call(**top), ews.ANNA))
    assert len(every) == sum(item.kind == "message" for item in source), "no task, note or list is a message"
    names = {row["displayName"] for row in rows(cloud.mail.folders(cloud.call(**top), ews.ANNA))}
    assert not names & {"Tasks", "Notes", "Journal", "Calendar", "Contacts"}


def test_folders_have_their_class_and_items_theirs(source: list[StoredItem], cloud: Cloud) -> None:
    shown = cloud.importing.folders(cloud.call(top="100"), cloud.box).body["value"]
    types = {row["displayName"]: row["type"] for row in shown}
    assert types["Tasks"] == "IPF.Task" and types["Notes"] == "IPF.StickyNote" and types["Inbox"] == "IPF.Note"
    items = cloud.importing.items(cloud.call(top="1000"), cloud.box, folder_id("Contacts")).body["value"]
    assert {row["type"] for row in items} >= {"IPM.DistList", "IPM.Contact"}
    assert all(row["size"] > 0 and row["createdDateTime"] for row in items)
    assert kind_of_class("IPF.Contact.MOC.QuickContacts") == "contact" and kind_of_class("IPF.Files") == "message"


def test_what_was_imported_is_exported_again(source: list[StoredItem], cloud: Cloud) -> None:
    ids = [item.id for item in cloud.items()]
    second = Cloud()
    for start in range(0, COUNT, 20):
        body = {"ItemIds": ids[start : start + 20]}
        for row, item in zip(
            cloud.importing.export(cloud.call(body), cloud.box).body["value"], cloud.items()[start:], strict=False
        ):
            second.take(second.folder(item.folder, kind_of(item.folder)), base64.b64decode(row["data"]))
    assert compare(source, second.items()).is_equal
    gone = cloud.importing.export(cloud.call({"ItemIds": ["nothing"]}), cloud.box).body["value"]
    assert gone[0]["error"]["code"] == "ErrorItemNotFound"
    with pytest.raises(ApiError):
        cloud.importing.export(cloud.call({"ItemIds": ids[:21]}), cloud.box)


def test_an_item_may_lie_in_a_folder_of_another_class(source: list[StoredItem]) -> None:
    """A deleted contact, as Outlook leaves it: no list of contact folders shows Deleted Items for that."""
    cloud = Cloud()
    contact = next(item for item in source if item.kind == "contact")
    assert contact.mapi is not None
    cloud.take(folder_id("Deleted Items"), write_stream(contact.mapi))
    assert [item.folder for item in cloud.items()] == ["Deleted Items"]
    assert cloud.mail.contact_folders(cloud.call(), ews.ANNA).body["value"] == []
    assert cloud.mail.messages(cloud.call(), ews.ANNA, folder_id("Deleted Items")).body["value"] == []
    with pytest.raises(ApiError):
        cloud.take(folder_id("Nowhere"), write_stream(contact.mapi))


def test_a_folder_is_made_once_whatever_its_class() -> None:
    cloud = Cloud()
    cloud.folder("Archiv", "task")
    with pytest.raises(ApiError) as caught:
        cloud.importing.make_folder(cloud.call({"displayName": "Archiv", "type": "IPF.Note"}), cloud.box)
    assert caught.value.code == "ErrorFolderExists"
    below = cloud.importing.make_folder(cloud.call({"displayName": "Unten"}), cloud.box, folder_id("Archiv"))
    assert below.body["type"] == "IPF.Task", "as the folder above it"
