"""Restore a home from a backup: all of it is checked before anything is moved, and what stood there is kept.

A database must never meet the `-wal` and `-shm` of another one: SQLite would write the old pages into the new file. So
everything of the old box goes aside first, into a folder of its own, and the new files come whole, by renaming.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deployments.server.backup import (
    DATABASE,
    FORMAT,
    MANIFEST,
    REPLACED,
    SEALED,
    UNFINISHED,
    cipher,
    digests_sealed_by,
    is_made_anew,
)
from deployments.server.home import HomeLock, prepare_home
from deployments.server.kept_secrets import BLOCK_KEY, write_private
from mailmove.errors import Blocked

_NEW = "restore-new"
"""Name of the folder in which a backup is unpacked, below the home."""


def restore(home: Path, file: Path, passphrase: str) -> Path | None:
    """Put a backup in place; the folder with what stood there before, or None where nothing did.

    Blocked: a server runs on this home, the file is not whole, or the passphrase is not its own: nothing has changed.
    """
    prepare_home(home)
    with HomeLock(home):
        new = home / _NEW
        shutil.rmtree(new, ignore_errors=True)
        try:
            keys = _unpacked(file, new, passphrase)
            _check_that_nobody_uses(home / DATABASE)
            return _put_in_place(home, new, keys)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def check_that_no_restore_was_cut_short(home: Path) -> None:
    """Blocked: a restore of this home ended in the middle; what is there is neither the old nor the new."""
    if (home / UNFINISHED).exists():
        raise _blocked(
            f"the box of {home}", "a restore that was cut short", "Run `mailmove restore` again; then start it."
        )


def _unpacked(file: Path, new: Path, passphrase: str) -> dict[str, str]:
    """Unpack into `new` and check everything; the sealed files, by name."""
    new.mkdir(mode=0o700)
    try:
        with tarfile.open(file, "r:gz") as archive:
            archive.extractall(new, filter="data")
        manifest: dict[str, Any] = json.loads((new / MANIFEST).read_text("utf-8"))
        if manifest["format"] != FORMAT:
            raise _blocked(
                f"a backup of format {FORMAT}",
                f"format {manifest['format']}",
                "Restore it by the Mailmove that made it.",
            )
        costs, sealed, members = manifest["scrypt"], manifest["sealed"], manifest["members"]
        secret = _unsealed(passphrase, costs, sealed)
        keys = {name: str(secret["keys"][name]) for name in SEALED if name in secret["keys"]}
        (new / MANIFEST).unlink()
        if secret["members"] != digests_sealed_by(members) or members != _digests(new):
            raise _blocked(f"{file} as it was made", "other files than those that were sealed", "Take another backup.")
    except (OSError, tarfile.TarError, EOFError, ValueError, KeyError, TypeError) as error:
        raise _blocked(f"to read {file} as a backup", type(error).__name__, "It is not one, or not whole.") from error
    _check_database(new / DATABASE, keys[BLOCK_KEY])
    return keys


def _unsealed(passphrase: str, costs: dict[str, Any], sealed: str) -> dict[str, Any]:
    from cryptography.fernet import InvalidToken

    try:
        opened = cipher(passphrase, bytes.fromhex(costs["salt"]), costs).decrypt(sealed.encode())
    except InvalidToken as error:
        raise _blocked("to open the backup", "another passphrase", "Give the one that it was made with.") from error
    return dict(json.loads(opened))


def _digests(folder: Path) -> dict[str, str]:
    digests = {}
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                digests[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _check_database(path: Path, key: str) -> None:
    """Blocked: SQLite finds a fault in it, or the key does not open what it encrypts."""
    from cryptography.fernet import Fernet, InvalidToken

    try:
        with closing(sqlite3.connect(path)) as database:
            (verdict,) = database.execute("PRAGMA integrity_check(1)").fetchone()
            row = database.execute("SELECT data FROM block_document WHERE data IS NOT NULL LIMIT 1").fetchone()
            if verdict == "ok" and row:
                Fernet(key.encode()).decrypt(json.loads(row[0]).encode())
    except (sqlite3.Error, ValueError) as error:
        raise _blocked("a whole database", str(error), "Take another backup; nothing has changed.") from error
    except InvalidToken as error:
        raise _blocked(
            "the key of its database", "a key that opens none of its blocks", "Take another backup."
        ) from error
    if verdict != "ok":
        raise _blocked("a whole database", str(verdict), "Take another backup; nothing has changed.")


def _check_that_nobody_uses(database: Path) -> None:
    """Blocked: a server has it open, though it has not locked the home. SQLite leaves WAL only for who is alone."""
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(database, timeout=2, isolation_level=None)) as alone:
            alone.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.OperationalError as error:
        raise _blocked(f"{database} for itself", str(error), "Stop the Prefect server that uses it.") from error
    except sqlite3.DatabaseError:
        return  # it is no database any more: that is why it is restored


def _put_in_place(home: Path, new: Path, keys: dict[str, str]) -> Path | None:
    """A kill between any two lines leaves the mark, with which no box starts; restoring again mends it."""
    (home / UNFINISHED).touch(mode=0o600)
    aside = home / f"{REPLACED}{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    aside.mkdir(mode=0o700)
    for old in sorted(home.iterdir()):
        goes = not is_made_anew(old.name) or old.name in (*SEALED, "memo_store.toml")
        if goes or old.name.startswith(f"{DATABASE}-"):
            old.rename(aside / old.name)
    for fresh in sorted(new.iterdir()):
        fresh.rename(home / fresh.name)
    for name, key in keys.items():
        write_private(home / name, key.encode())
    (home / UNFINISHED).unlink()
    if any(aside.iterdir()):
        return aside
    aside.rmdir()
    return None


def _blocked(wanted: str, seen: str, todo: str) -> Blocked:
    return Blocked("mailmove restore", wanted=wanted, seen=seen, todo=todo)
