"""Paths of folders: one name for each folder on the way, never joined and split again.

A folder may be called "Kunden/Lieferanten" and stand beside Kunden, which has a folder Lieferanten below it.
"""

from __future__ import annotations

FolderPath = tuple[str, ...]
"""Names from the top of the mailbox down: ("Inbox", "Projects")."""

_BETWEEN = " > "


def shown(path: FolderPath) -> str:
    r"""A path for people: 'Inbox > Projects'. A '>' within a name is written '\>': no two paths look alike."""
    return _BETWEEN.join(name.replace("\\", "\\\\").replace(">", "\\>") for name in path)


def placed(path: FolderPath) -> str:
    r"""A path as a key, the same on both sides whatever the letters' case: 'inbox/projects', 'kunden\/lieferanten'."""
    return "/".join(name.casefold().replace("\\", "\\\\").replace("/", "\\/") for name in path)
