"""EWS folders: the tree of a mailbox, GetFolder and FindFolder."""

from __future__ import annotations

from dataclasses import dataclass

from lab.exchange.ews.session import Session
from lab.exchange.ews.xml import Element, EwsError, attribute, each, find, local, make_id, page_xml, read_id, text_of
from lab.mail_store import RECOVERABLE, Mailbox, StoredItem, shown_name

_TOP, _FINDER = "\x01top", "\x01finder"  # not paths that a mail folder can have
DISTINGUISHED = {
    "inbox": "Inbox",
    "sentitems": "Sent Items",
    "deleteditems": "Deleted Items",
    "drafts": "Drafts",
    "outbox": "Outbox",
    "calendar": "Calendar",
    "contacts": "Contacts",
    "tasks": "Tasks",
    "notes": "Notes",
    "journal": "Journal",
    "junkemail": "Junk E-Mail",
    "msgfolderroot": _TOP,
    "root": "",
    "searchfolders": _FINDER,
}
_CLASSES = {
    "Calendar": ("CalendarFolder", "IPF.Appointment"),
    "Contacts": ("ContactsFolder", "IPF.Contact"),
    "Tasks": ("TasksFolder", "IPF.Task"),
    "Notes": ("Folder", "IPF.StickyNote"),
    "Journal": ("Folder", "IPF.Journal"),
}


@dataclass(frozen=True)
class Folder:
    """`path` is the store's; the root has "", the top of the user's own folders `_TOP`."""

    path: str
    parent: str | None
    name: str
    tag: str
    folder_class: str


class FolderTree:
    """The folders of one mailbox at this moment."""

    def __init__(self, box: Mailbox, items: list[StoredItem]) -> None:
        self.box = box
        self.items: dict[str, list[StoredItem]] = {}
        for item in items:
            if item.folder != RECOVERABLE:
                self.items.setdefault(item.folder, []).append(item)
        self.folders: dict[str, Folder] = {
            "": Folder("", None, "Root", "Folder", ""),
            _TOP: Folder(_TOP, "", "Top of Information Store", "Folder", "IPF.Note"),
            _FINDER: Folder(_FINDER, "", "Finder", "Folder", ""),
            f"{_FINDER}/Unread": Folder(f"{_FINDER}/Unread", _FINDER, "Unread Mail", "SearchFolder", "IPF.Note"),
        }
        for path in [*(path for path in DISTINGUISHED.values() if path[:1] > "\x01"), *self.items]:
            self._add(path)

    def _add(self, path: str) -> None:
        if path in self.folders:
            return
        above, _, name = path.rpartition("/")
        if above:
            self._add(above)
        tag, folder_class = _CLASSES.get(path.partition("/")[0], ("Folder", "IPF.Note"))
        self.folders[path] = Folder(path, above or _TOP, name, tag, folder_class)

    def children(self, path: str) -> list[Folder]:
        return [folder for folder in self.folders.values() if folder.parent == path]

    def below(self, path: str) -> list[Folder]:
        folders = []
        for child in self.children(path):
            folders += [child, *self.below(child.path)]
        return folders

    def folder(self, path: str) -> Folder:
        if path not in self.folders:
            raise EwsError("ErrorFolderNotFound", "The specified folder could not be found in the store.")
        return self.folders[path]

    def identifier(self, path: str) -> str:
        return make_id("folder", self.box.address, path)

    def xml(self, folder: Folder, extended: list[Element]) -> str:
        """The folder with its counts, and the extended properties asked for (MAPI PR_MESSAGE_SIZE is known)."""
        items = self.items.get(folder.path, [])
        unread = "" if folder.tag in ("CalendarFolder", "ContactsFolder") else "<t:UnreadCount>0</t:UnreadCount>"
        parent = (
            ""
            if folder.parent is None
            else f'<t:ParentFolderId Id="{self.identifier(folder.parent)}" ChangeKey="AQ=="/>'
        )
        folder_class = f"<t:FolderClass>{folder.folder_class}</t:FolderClass>" if folder.folder_class else ""
        return (
            f'<t:{folder.tag}><t:FolderId Id="{self.identifier(folder.path)}" ChangeKey="AQ=="/>{parent}{folder_class}'
            f"<t:DisplayName>{text_of(shown_name(folder.name))}</t:DisplayName><t:TotalCount>{len(items)}</t:TotalCount>"
            f"<t:ChildFolderCount>{len(self.children(folder.path))}</t:ChildFolderCount>"
            f"{''.join(_extended(uri, items) for uri in extended)}{unread}</t:{folder.tag}>"
        )


def _extended(uri: Element, items: list[StoredItem]) -> str:
    if uri.get("PropertyTag", "").lower() not in ("0xe08", "0x0e08", "3592"):
        return ""
    kind = uri.get("PropertyType", "Integer")
    return (
        f'<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0xe08" PropertyType={attribute(kind)}/>'
        f"<t:Value>{sum(item.size for item in items)}</t:Value></t:ExtendedProperty>"
    )


def tree_of(session: Session, address: str | None) -> FolderTree:
    box = session.mailbox(address)
    return FolderTree(box, session.state.store.snapshot(box.address))


def resolve(session: Session, reference: Element, trees: dict[str, FolderTree]) -> tuple[FolderTree, Folder]:
    """The folder that a FolderId or DistinguishedFolderId names. `trees` are those built for this request."""
    if local(reference) == "DistinguishedFolderId":
        address = find(reference, "t:Mailbox/t:EmailAddress")
        owner = (address.text or "") if address is not None else session.acting
        name = reference.get("Id", "").lower()
        if name not in DISTINGUISHED:
            session.mailbox(owner)
            raise EwsError("ErrorFolderNotFound", "The specified folder could not be found in the store.")
        path = DISTINGUISHED[name]
    else:
        kind, owner, path = (*read_id(reference.get("Id", "")), "", "")[:3]
        if kind != "folder":
            raise EwsError("ErrorInvalidFolderId", "The Id is not of a folder.")
    box = session.mailbox(owner)
    if box.address not in trees:
        trees[box.address] = tree_of(session, box.address)
    return trees[box.address], trees[box.address].folder(path)


def get_folder(session: Session, request: Element) -> str:
    extended = request.findall("{*}FolderShape/{*}AdditionalProperties/{*}ExtendedFieldURI")
    trees: dict[str, FolderTree] = {}

    def folder_xml(reference: Element) -> str:
        tree, folder = resolve(session, reference, trees)
        return f"<m:Folders>{tree.xml(folder, extended)}</m:Folders>"

    return each("GetFolder", request.findall("{*}FolderIds/*"), folder_xml)


def find_folder(session: Session, request: Element) -> str:
    """Shallow or Deep; paged where the request pages (2010 and later)."""
    extended = request.findall("{*}FolderShape/{*}AdditionalProperties/{*}ExtendedFieldURI")
    view = request.find("{*}IndexedPageFolderView")
    offset = int(view.get("Offset", 0)) if view is not None else 0
    limit = int(view.get("MaxEntriesReturned", 1000)) if view is not None else 1000
    trees: dict[str, FolderTree] = {}

    def page_of(reference: Element) -> str:
        tree, folder = resolve(session, reference, trees)
        children = tree.below(folder.path) if request.get("Traversal") == "Deep" else tree.children(folder.path)
        page = children[offset : offset + limit]
        folders = "".join(tree.xml(folder, extended) for folder in page)
        return page_xml("Folders", folders, offset + len(page), len(children))

    return each("FindFolder", request.findall("{*}ParentFolderIds/*"), page_of)
