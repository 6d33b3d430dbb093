"""Folders of a mailbox by their class: which kind of item a folder is for, whatever lies in it.

A folder's class is fixed when it is made (graph/api/mailbox-post-folders); items of another class may lie in it, as a
deleted contact does in Deleted Items, and no list of folders of that other class shows it for that.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.cloud.tenant import Tenant
from lab.mail_store import RECOVERABLE, StoredItem

CLASSES = {
    "message": "IPF.Note", "event": "IPF.Appointment", "contact": "IPF.Contact", "task": "IPF.Task",
    "note": "IPF.StickyNote", "journal": "IPF.Journal",
}  # fmt: skip
"""Kind -> class of its folders."""
ALWAYS = {
    "message": ("Inbox", "Drafts", "Sent Items", "Deleted Items", "Junk Email", "Outbox", "Archive"),
    "event": ("Calendar",), "contact": ("Contacts",), "task": ("Tasks",), "note": ("Notes",), "journal": ("Journal",),
}  # fmt: skip
"""Kind -> folders that every mailbox has; the first is the default one."""
_LIE_IN = {"list": "contact"}


def kind_of_class(folder_class: str) -> str:
    """By IPF.Note and the like; of a class below it, that; mail of any other."""
    name = folder_class.lower()
    return next((kind for kind, known in CLASSES.items() if f"{name}.".startswith(f"{known.lower()}.")), "message")


def known_kind(tenant: Tenant, address: str, path: str) -> str:
    """The kind of a folder that was made as such or is always there; "" any other."""
    for kind, paths in ALWAYS.items():
        if path in paths or path in tenant.folders.get((address, kind), ()):
            return kind
    return ""


def homes(tenant: Tenant, address: str, kind: str, items: Iterable[StoredItem]) -> list[StoredItem]:
    """The items of that kind by whose folders, where nobody made them, a folder of the kind is known to be."""
    return [
        item
        for item in items
        if _LIE_IN.get(item.kind, item.kind) == kind
        and item.folder != RECOVERABLE
        and known_kind(tenant, address, item.folder) in ("", kind)
    ]


def paths(tenant: Tenant, address: str, kind: str) -> set[str]:
    """All folders of a kind."""
    shown = {*ALWAYS[kind], *tenant.folders.get((address, kind), ())}
    for item in homes(tenant, address, kind, tenant.store.snapshot(address)):
        parts = item.folder.split("/")
        shown |= {"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
    return shown


def kinds_by_path(tenant: Tenant, address: str) -> dict[str, str]:
    """Path -> kind, of every folder of the mailbox."""
    every: dict[str, str] = {}
    for kind in CLASSES:
        for path in sorted(paths(tenant, address, kind)):
            if known_kind(tenant, address, path) in ("", kind):
                every.setdefault(path, kind)
    return every
