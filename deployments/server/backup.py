"""Back a box up into one file, while it runs: the database as SQLite copies it, the files, and the keys, sealed.

The file is a gzipped tar, readable by its owner only:

    prefect.db     one snapshot of the database, folded into one file
    storage/ ...   whatever else lies in the home, but for what a start makes anew (`_MADE_ANEW`)
    manifest.json  last: digests of all members, and `sealed`: the keys of the blocks and of the ledger, and the digest
                   of those digests

`sealed` opens with the passphrase only (scrypt, then Fernet). So the file without the passphrase holds no credential
that can be read, and with it shows whether anything in it was changed. It holds the ledger: personal data.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from deployments.server.home import TEMPORARY
from deployments.server.kept_secrets import API_STRING, BLOCK_KEY, block_key
from mailmove.errors import Blocked

DATABASE = "prefect.db"
MANIFEST = "manifest.json"
FORMAT = 1
"""Version of the file's shape."""
SHORTEST_PASSPHRASE = 12
"""Characters of the shortest passphrase that is accepted."""
UNFINISHED = "restore-unfinished"
"""Name of the file that marks a home whose restore was cut short."""
REPLACED = "replaced-"
"""Beginning of the names of folders with what stood there before a restore."""

LEDGER_KEY = "ledger-key"
"""Name of the file with the key of the ledger's chain (tasks/ledger/ledger_key.py)."""
SEALED = (BLOCK_KEY, LEDGER_KEY)
"""Names of the files of the home that stand in the backup under the passphrase only."""

_MADE_ANEW = {
    "lock", TEMPORARY, "ui", "one-root.pem", "memo_store.toml", "profiles.toml", API_STRING, UNFINISHED, *SEALED,
}  # fmt: skip
_SCRYPT = {"n": 2**16, "r": 8, "p": 1}
_SQLITE = b"SQLite format 3\0"
_SQLITE_BESIDE = ("-wal", "-shm", "-journal")
"""Ends of the names of files that SQLite keeps beside a database; never copied."""


def back_up(home: Path, file: Path, passphrase: str) -> list[str]:
    """Write the backup; names of its members. Blocked: it cannot be made; then there is no file.

    A server may run meanwhile. The database is copied first: results are written before the states that name them.
    """
    database = home / DATABASE
    url = os.environ.get("PREFECT_SERVER_DATABASE_CONNECTION_URL", "")
    if not database.exists() or url.startswith("postgresql"):
        raise _blocked(f"a database at {database}", "none", "A PostgreSQL is backed up by pg_dump: docs/keeping.md.")
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise _blocked(
            "a passphrase", "a short one", f"Take {SHORTEST_PASSPHRASE} characters or more, and keep it elsewhere."
        )
    if file.exists():
        raise _blocked(f"to write {file}", "a file of that name", "Give another name; nothing is overwritten.")
    new = file.with_name(f"{file.name}.new")
    try:
        with suppress(FileNotFoundError):
            new.unlink()
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            names = _write(home, out, passphrase)
            out.flush()
            os.fsync(out.fileno())
        new.rename(file)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            new.unlink()
        raise _blocked(f"a backup at {file}", str(error), "Nothing was written.") from error
    return names


def is_made_anew(name: str) -> bool:
    """Whether this name in a home is made by a start, or belongs to this machine: neither backed up nor restored."""
    return name in _MADE_ANEW or name.endswith((".log", *_SQLITE_BESIDE)) or name.startswith((REPLACED, "restore-"))


def digests_sealed_by(members: dict[str, str]) -> str:
    """SHA-256 over the digests of all members."""
    return hashlib.sha256(json.dumps(members, sort_keys=True).encode()).hexdigest()


def cipher(passphrase: str, salt: bytes, costs: dict[str, int]) -> Any:
    """Fernet under a key that scrypt makes of the passphrase."""
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    key = Scrypt(salt=salt, length=32, n=costs["n"], r=costs["r"], p=costs["p"]).derive(passphrase.encode())
    return Fernet(base64.urlsafe_b64encode(key))


def copy_database(source: Path, target: Path) -> None:
    """Copy a SQLite database that others may be writing to: one snapshot, in one file, with nothing beside it."""
    with _closing(source) as read, _closing(target) as written:
        read.backup(written)  # all pages at once: nothing that is written meanwhile starts it anew
        written.execute("PRAGMA journal_mode=DELETE")


def _closing(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, timeout=60, isolation_level=None))


def _write(home: Path, out: Any, passphrase: str) -> list[str]:
    members: dict[str, str] = {}
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=3) as archive, tempfile.TemporaryDirectory() as folder:
        for name, path in _files(home):
            if content := _content(path, Path(folder) / "copy"):
                _add(archive, name, content, members)
        salt = os.urandom(16)
        secret = {"keys": _keys(home), "members": digests_sealed_by(members)}
        manifest = {
            "format": FORMAT,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "prefect": version("prefect"),
            "mailmove": version("mailmove"),
            "members": members,
            "scrypt": {**_SCRYPT, "salt": salt.hex()},
            "sealed": cipher(passphrase, salt, _SCRYPT).encrypt(json.dumps(secret).encode()).decode(),
        }
        _add(archive, MANIFEST, io.BytesIO(json.dumps(manifest, indent=1).encode()), {})
    return list(members)


def _keys(home: Path) -> dict[str, str]:
    """Name of the file -> key; a home without a cutover has no key of a ledger yet."""
    ledger = home / LEDGER_KEY
    return {BLOCK_KEY: block_key(home), **({LEDGER_KEY: ledger.read_text("ascii")} if ledger.exists() else {})}


def _files(home: Path) -> Iterator[tuple[str, Path]]:
    """(name in the archive, path) of each file, the database first. Links are not followed."""
    yield DATABASE, home / DATABASE
    for top in sorted(home.iterdir()):
        if is_made_anew(top.name) or top.name == DATABASE:
            continue
        for path in sorted(top.rglob("*")) if top.is_dir() and not top.is_symlink() else [top]:
            if path.is_file() and not path.is_symlink() and not path.name.endswith(_SQLITE_BESIDE):
                yield path.relative_to(home).as_posix(), path


def _content(path: Path, copy: Path) -> Any:
    """What to read a member from: a copy of a database, the file itself otherwise; None: it has gone meanwhile."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    if file.read(len(_SQLITE)) != _SQLITE:
        file.seek(0)
        return file
    file.close()
    copy.unlink(missing_ok=True)
    copy_database(path, copy)
    return copy.open("rb")


def _add(archive: tarfile.TarFile, name: str, content: Any, members: dict[str, str]) -> None:
    with content:
        size = content.seek(0, os.SEEK_END)
        content.seek(0)
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        reader = _Digesting(content, size)
        archive.addfile(entry, reader)  # type: ignore[arg-type]
        members[name] = reader.digest.hexdigest()


class _Digesting:
    """A file that is read once, with the SHA-256 of what was read; no more of it than it had at the beginning."""

    def __init__(self, content: Any, size: int) -> None:
        self._content, self._left, self.digest = content, size, hashlib.sha256()

    def read(self, size: int) -> bytes:
        read: bytes = self._content.read(min(size, self._left))
        self._left -= len(read)
        self.digest.update(read)
        return read


def _blocked(wanted: str, seen: str, todo: str) -> Blocked:
    return Blocked("mailmove backup", wanted=wanted, seen=seen, todo=todo)
