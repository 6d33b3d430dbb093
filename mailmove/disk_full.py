"""Turn the errors of a full disk on the worker into Transient, so that the work is retried."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailmove.errors import Transient


@contextmanager
def room_in(folder: Path) -> Iterator[None]:
    """Raise Transient where the system or SQLite reports a full disk or quota; other errors pass unchanged."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if not _is_full(error):
            raise
        raise Transient(
            "the worker's disk", wanted=f"room in {folder}", seen=str(error), todo="Make room; it is tried again."
        ) from None


def _is_full(error: OSError | sqlite3.OperationalError) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return error.sqlite_errorcode == sqlite3.SQLITE_FULL
