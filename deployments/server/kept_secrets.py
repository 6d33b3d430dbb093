"""The two secrets of a box, each in a file of its home that only its owner reads: made once, then read.

| file | what it is | who gets it |
|---|---|---|
| `block-key` | encrypts the secrets of block documents | the server's process, and nobody else |
| `api-string` | `user:password` of the Prefect API | server, worker, flow runs, commands, and the person at the UI |

They travel in environments of processes, which only the same user can read; never in arguments, which everybody can.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

BLOCK_KEY = "block-key"
"""File name of the key, below the home of a box."""
API_STRING = "api-string"
"""File name of the sign-in of the API, below the home of a box."""


def block_key(home: Path) -> str:
    """Read the key that encrypts the secrets of block documents.

    Without it Prefect makes one and keeps it beside what it encrypts, in the same database. One that was begun so,
    by `prefect server start`, has its key taken out: into the file first, then away.
    """
    database = home / "prefect.db"
    made = not (home / BLOCK_KEY).exists()
    key = _kept(home / BLOCK_KEY, lambda: _key_in(database) or _new_key())
    if made and _key_in(database) == key:
        with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as open_database:
            open_database.execute("PRAGMA secure_delete=ON")  # overwritten, not only forgotten
            open_database.execute("DELETE FROM configuration WHERE key = 'ENCRYPTION_KEY'")
            open_database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return key


def api_string(home: Path) -> str:
    """Read what whoever speaks to the API of this box must send, as `user:password`."""
    return _kept(home / API_STRING, lambda: f"mailmove:{secrets.token_urlsafe(32)}")


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads: whole or not at all, and on disk when this returns."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)  # one that was left, with rights that are not ours
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        write_private(path, make().encode())
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return path.read_text("ascii").strip()


def _key_in(database: Path) -> str | None:
    """The key that Prefect keeps in a database of SQLite; None: there is no such database, or no key in it."""
    if not database.exists():
        return None
    with closing(sqlite3.connect(database, timeout=60)) as read:
        try:
            row = read.execute("SELECT value FROM configuration WHERE key = 'ENCRYPTION_KEY'").fetchone()
        except sqlite3.OperationalError:  # a database without tables
            return None
    return str(json.loads(row[0])["fernet_key"]) if row else None


def _new_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()
