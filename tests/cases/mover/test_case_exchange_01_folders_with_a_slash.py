"""Five mail folders, names whole; a folder of tasks, which is no mail folder. Source: node-imap 553, imapsync 335."""

from __future__ import annotations

from pathlib import Path

import pytest
from case_world import ANNA, message, world
from recorded_ews import BOX, ENVELOPE, RecordedEws

from blocks.exchange.ews.copy_source import EwsOrigin

RECORDED = Path(__file__).parents[1] / "recorded" / "01_slash_in_folder_name.xml"
WELL_KNOWN = "".join(
    '<m:GetFolderResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Folders>'
    f'<t:Folder><t:FolderId Id="{identity}"/></t:Folder></m:Folders></m:GetFolderResponseMessage>'
    for identity in ("in", "s", "d", "del", "junk", "out", "cal", "con", "tasks", "notes", "journal")
)
FOLDERS = f"<m:GetFolderResponse><m:ResponseMessages>{WELL_KNOWN}</m:ResponseMessages></m:GetFolderResponse>"


def answer(request: bytes) -> tuple[int, bytes]:
    return (200, RECORDED.read_bytes() if b"FindFolder" in request else ENVELOPE.format(FOLDERS).encode())


def test_names_are_whole_and_tasks_are_no_mail() -> None:
    folders = EwsOrigin(RecordedEws(answer)).folders(BOX)
    assert {folder.path: folder.kind for folder in folders} == {
        ("Inbox",): "message",
        ("Inbox", "Customers/Suppliers"): "message",
        ("Inbox", "Customers"): "message",
        ("Inbox", "Customers", "Suppliers"): "message",
        ("Inbox", "Offers 2015/16"): "message",
        ("Tasks",): "other",
    }
    assert [folder.well_known for folder in folders if folder.well_known] == ["inbox"]


@pytest.mark.parametrize(
    ("folder_class", "kind"),
    [
        ("IPF.Note", "message"),
        ("IPF.note", "message"),
        ("ipf.note.outlookhomepage", "message"),
        ("IPF.Imap", "message"),
        ("", "message"),
        ("IPF.APPOINTMENT", "event"),
        ("ipf.contact", "contact"),
        ("ipf.Contact.MOC.ImContactList", "contact"),
        ("IPF.task", "other"),
        ("IPF.StickyNote", "other"),
        ("ipf.stickynote", "other"),
        ("IPF.JOURNAL", "other"),
    ],
)
def test_classes_are_read_in_any_case(folder_class: str, kind: str) -> None:
    recorded = RECORDED.read_bytes().replace(
        b"<t:DisplayName>Customers</t:DisplayName>",
        f"<t:FolderClass>{folder_class}</t:FolderClass><t:DisplayName>Customers</t:DisplayName>".encode(),
    )

    def classed(request: bytes) -> tuple[int, bytes]:
        return (200, recorded) if b"FindFolder" in request else answer(request)

    folders = {folder.path: folder.kind for folder in EwsOrigin(RecordedEws(classed)).folders(BOX)}
    assert folders["Inbox", "Customers"] == kind


def test_no_mail_folder_is_made_for_tasks_notes_and_journal(tmp_path: Path) -> None:
    items = [message(name, name, name) for name in ("Tasks", "Notes", "Journal", "Inbox")]
    with world({ANNA: items}) as w:
        [moved] = w.mover(tmp_path).move([ANNA])
        assert (moved.copied, w.held()) == (1, ["Inbox: Inbox"])
        assert sorted(item.subject for item, _ in moved.left) == ["Journal", "Notes", "Tasks"]
        assert all("Graph has no folder" in why for _, why in moved.left)
        assert not w.cloud.tenant.folders.get((ANNA, "message"))
