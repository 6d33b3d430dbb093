"""The one error of this room: an item that cannot be written whole."""

from __future__ import annotations

from mailmove.errors import ItemUnwritable


def unwritable(wanted: str, seen: str, code: str) -> ItemUnwritable:
    """wanted: what would have to be written. seen: why it is not. code: for programs, 'ValueOutOfRange'.

    A person's own words do not belong into `seen`: it is shown in reports.
    """
    return ItemUnwritable(
        "the item stream",
        wanted=wanted,
        seen=seen,
        todo="The item is left and named; see it in Outlook, and save it there anew or leave it out.",
        code=code,
    )
