"""What it means that one folder could not be read: it is gone, it alone is unreadable, or the whole mailbox is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from blocks.exchange.ews.folder_reader import is_there
from blocks.exchange.ews.soap import EwsConnections
from mailmove.errors import FolderUnreadable, MailmoveError, SignInRefused, Throttled

R = TypeVar("R")


class FolderGone(Exception):
    """The folder is no longer in the mailbox's tree. For callers within this room; it does not leave it."""


def read_in_folder(ews: EwsConnections, mailbox: str, folder_id: str, names: list[str], read: Callable[[], R]) -> R:
    """What `read` gives; where it fails, the tree is asked for, and where the folder is still there, `read` once more.

    FolderGone: it was deleted meanwhile. FolderUnreadable: it alone cannot be read. Others: the mailbox or the server.
    """
    try:
        return read()
    except (SignInRefused, Throttled):
        raise
    except MailmoveError:
        if not is_there(ews, mailbox, folder_id):
            raise FolderGone from None
    try:
        return read()
    except (SignInRefused, Throttled):
        raise
    except MailmoveError as error:
        raise FolderUnreadable(
            error.who,
            wanted=error.wanted,
            seen=error.seen,
            todo="See the folder in Outlook and its permissions, or leave it out.",
            mailbox=mailbox,
            folder=names,
            code=error.code,
        ) from None
