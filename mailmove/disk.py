"""A worker's disk that is full: it is told as what it is, and what needed it is tried again."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailmove.errors import Transient

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def room_in(folder: Path) -> Iterator[None]:
    """Transient instead of what the system, or SQLite, says of a disk or a quota that is full."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        code = error.errno if isinstance(error, OSError) else error.sqlite_errorcode
        if code not in (_FULL if isinstance(error, OSError) else (sqlite3.SQLITE_FULL,)):
            raise
        raise Transient(
            "the worker's disk", wanted=f"room in {folder}", seen=str(error), todo="Make room; it is tried again."
        ) from None
