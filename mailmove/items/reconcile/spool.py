"""The spool: both sides of one mailbox in SQLite on the worker's disk, so that they need not fit into memory.

A page's rows and the state to continue from are written in one transaction, so that kill -9 between any two lines
costs at most a page. The file can always be built again from the two servers: it saves time. Only items that were at
the target and are gone since are known from here alone (and, for some weeks, from the target's recoverable items).

One folder that cannot be read keeps no other back: it is named, and asked for once more when the others are done.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mailmove.errors import MailmoveError, Transient
from mailmove.items.each_folder import each_folder
from mailmove.items.identity import compared, holds
from mailmove.items.item import Item
from mailmove.items.reconcile.changes import Folder, MailboxChanges, Page, Side, StateLost, Unread, Unreadable

SOURCE, TARGET = 1, -1
VERSION = 2
"""Number of the shape below; a file of another shape is begun anew."""
_PROVABLE = ("message", "event", "contact")
"""Kinds of items that Graph lists; it lists no tasks, notes and journal entries."""
_ONE = 1 << 44  # above every number of a place, so that a sum of weights is 0 only where counts and places agree
_CACHE_KB = 16_384
_SCHEMA = """
CREATE TABLE IF NOT EXISTS folder (
    number INTEGER PRIMARY KEY, side INTEGER, id TEXT, path TEXT, place TEXT, standing TEXT, state TEXT,
    UNIQUE (side, id));
CREATE TABLE IF NOT EXISTS item (
    name BLOB, weight INTEGER, holds INTEGER, folder INTEGER, kind TEXT, id TEXT, named TEXT, by_message_id INTEGER,
    subject TEXT, received INTEGER, sent INTEGER, size INTEGER);
CREATE TABLE IF NOT EXISTS gone (
    name BLOB, side INTEGER, path TEXT, kind TEXT, id TEXT, named TEXT, by_message_id INTEGER, subject TEXT,
    received INTEGER, sent INTEGER, size INTEGER, at INTEGER);
CREATE INDEX IF NOT EXISTS gone_name ON gone (name);
CREATE TABLE IF NOT EXISTS unreadable (folder INTEGER, id TEXT, named TEXT, why TEXT);
"""
_COLUMNS = "kind, id, named, by_message_id, subject, received, sent, size"


class Spool:
    """`with Spool(path) as spool:`; one process at a time. A corrupt file, or one of another version, is replaced by an
    empty one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._open()
            readable = self._version() == VERSION
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # a full disk, not a torn file
                self._db.close()
                raise
            readable = False
        if not readable:
            self._db.close()
            for end in ("", "-wal", "-shm"):
                Path(f"{path}{end}").unlink(missing_ok=True)
            self._open()
        self._db.executescript(_SCHEMA)
        self._db.execute(f"PRAGMA user_version = {VERSION}")

    def _open(self) -> None:
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))  # subjects are nobody else's business
        self._db = sqlite3.connect(self.path, isolation_level=None, timeout=60)
        self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-{_CACHE_KB};")
        self._db.create_function("compared", 1, compared, deterministic=True)

    def _version(self) -> int:
        """Version of the file's shape; an empty file has ours."""
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        return int(version) if tables else VERSION

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def update(self, side: int, changes: MailboxChanges, mailbox: str) -> list[Unread]:
        """Bring one side up to date, reading only changes; the folders and single items that cannot be read.

        Raised, to be called again: errors of the mailbox as a whole, and an error that every folder has.
        """
        folders = changes.folders(mailbox)
        self._settle_folders(side, folders)
        failed = self._try(side, changes, mailbox, folders)
        named: Side = "source" if side == SOURCE else "target"
        if not failed:
            return self._unreadable(side, named)
        # A second look: a folder that its user has deleted meanwhile is gone, and nothing is wrong.
        there = changes.folders(mailbox)
        self._settle_folders(side, there)
        again = self._try(side, changes, mailbox, [folder for folder in there if folder.id in failed])
        if again and len(again) == len(there):
            raise next(iter(again.values()))
        closed = [
            Unread(named, folder.path, error.seen, folder.id, folder.place, isinstance(error, Transient))
            for folder in there
            if (error := again.get(folder.id)) is not None
        ]
        return [*closed, *self._unreadable(side, named)]

    def _unreadable(self, side: int, named: Side) -> list[Unread]:
        """Single items that this side has and does not give out."""
        rows = self._db.execute(
            "SELECT path, why, folder.id, place, named FROM unreadable JOIN folder ON folder = number WHERE side = ?",
            (side,),
        )
        return [
            Unread(named, tuple(json.loads(path)), why, folder_id, place, item=item)
            for path, why, folder_id, place, item in rows
        ]

    def _try(
        self, side: int, changes: MailboxChanges, mailbox: str, folders: Iterable[Folder]
    ) -> dict[str, MailmoveError]:
        """Read each of these folders; the error of each that cannot be read, by its id."""
        return each_folder(folders, lambda folder: self._bring(side, changes, mailbox, folder))

    def _bring(self, side: int, changes: MailboxChanges, mailbox: str, folder: Folder) -> None:
        number, state = self._db.execute(
            "SELECT number, state FROM folder WHERE side = ? AND id = ?", (side, folder.id)
        ).fetchone()
        try:
            self._read(side, folder, number, changes.changes(mailbox, folder, state), fresh=state is None)
        except StateLost:
            self._forget(number)
            self._read(side, folder, number, changes.changes(mailbox, folder, None), fresh=True)

    def _settle_folders(self, side: int, folders: list[Folder]) -> None:
        known = {
            folder_id: (number, place, tuple(json.loads(path)))
            for folder_id, number, place, path in self._db.execute(
                "SELECT id, number, place, path FROM folder WHERE side = ?", (side,)
            )
        }
        now_there = {folder.id for folder in folders}
        # None of them there: the mailbox is another one now. Nobody has deleted anything.
        replaced = bool(known) and not now_there & set(known)
        with self._transaction():
            for folder_id in known.keys() - now_there:
                number = known[folder_id][0]
                if not replaced:
                    self._bury(side, "folder = ?", (number,))
                for table in ("item", "unreadable"):
                    self._db.execute(f"DELETE FROM {table} WHERE folder = ?", (number,))  # noqa: S608
                self._db.execute("DELETE FROM folder WHERE number = ?", (number,))
            for folder in folders:
                if folder.id not in known:
                    self._db.execute(
                        "INSERT INTO folder (side, id, path, place, standing) VALUES (?, ?, ?, ?, ?)",
                        (side, folder.id, json.dumps(folder.path), folder.place, folder.standing),
                    )
                elif known[folder.id][1:] != (folder.place, folder.path):
                    number = known[folder.id][0]
                    self._db.execute(
                        "UPDATE folder SET path = ?, place = ?, standing = ? WHERE number = ?",
                        (json.dumps(folder.path), folder.place, folder.standing, number),
                    )
                    self._db.execute("UPDATE item SET weight = ? WHERE folder = ?", (weight(side, folder), number))

    def _read(self, side: int, folder: Folder, number: int, pages: Iterable[Page], *, fresh: bool) -> None:
        """Write pages into a folder. fresh: the pages start at the beginning, and no row of the folder is kept."""
        inserted: set[int] = set()
        heavy = weight(side, folder)
        self._db.execute("DROP TABLE IF EXISTS temp.incoming")
        unreadable: list[Unreadable] = []
        anew = fresh
        for page in pages:
            if page.whole:
                self._gather(page, heavy, number)
                unreadable += page.unreadable
                if page.last:
                    self._swap(side, number, unreadable)
                continue
            with self._transaction():
                self._note(number, page.unreadable, [*page.removed, *(item.id for item in page.items)], fresh=anew)
                anew = False
                self._remove(side, number, page.removed)
                again = [item.id for item in page.items if not fresh or hash(item.id) in inserted]
                inserted.update(hash(item.id) for item in page.items if fresh)
                self._drop(number, again)
                self._insert("item", page.items, heavy, number)
                self._db.execute("UPDATE folder SET state = ? WHERE number = ?", (page.state, number))

    def _gather(self, page: Page, heavy: int, number: int) -> None:
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS incoming AS SELECT * FROM item WHERE 0")
        self._insert("temp.incoming", page.items, heavy, number)

    def _note(self, number: int, unreadable: Iterable[Unreadable], known: list[str], *, fresh: bool) -> None:
        """Write down what cannot be read; what is known now is no longer among it. fresh: nor is anything of before."""
        stale = self._db.execute("SELECT 1 FROM unreadable WHERE folder = ? LIMIT 1", (number,)).fetchone()
        if stale and fresh:
            self._db.execute("DELETE FROM unreadable WHERE folder = ?", (number,))
        elif stale:
            self._db.executemany("DELETE FROM unreadable WHERE folder = ? AND id = ?", ((number, one) for one in known))
        for item in unreadable:
            self._db.execute("DELETE FROM unreadable WHERE folder = ? AND id = ? AND id <> ''", (number, item.id))
            self._db.execute("INSERT INTO unreadable VALUES (?, ?, ?, ?)", (number, item.id, item.named, item.why))

    def _swap(self, side: int, number: int, unreadable: Iterable[Unreadable]) -> None:
        """Replace the folder's items by those gathered; items that are missing now are recorded as gone.

        While something cannot be read, nothing is: what is missing may be just that.
        """
        unreadable = list(unreadable)
        self._db.execute("CREATE INDEX temp.incoming_id ON incoming (id)")
        with self._transaction():
            self._db.execute("DELETE FROM unreadable WHERE folder = ?", (number,))
            self._note(number, unreadable, [], fresh=False)
            if not unreadable:
                self._bury(side, "folder = ? AND id NOT IN (SELECT id FROM temp.incoming)", (number,))
            self._db.execute("DELETE FROM item WHERE folder = ?", (number,))
            self._db.execute("INSERT INTO item SELECT * FROM temp.incoming GROUP BY id")
        self._db.execute("DROP TABLE temp.incoming")

    def _insert(self, table: str, items: list[Item], heavy: int, number: int) -> None:
        self._db.executemany(
            f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (_row(item, heavy, number) for item in _last_of_each(items)),
        )

    def _forget(self, number: int) -> None:
        with self._transaction():
            self._db.execute("DELETE FROM item WHERE folder = ?", (number,))
            self._db.execute("UPDATE folder SET state = NULL WHERE number = ?", (number,))

    def _remove(self, side: int, number: int, ids: list[str]) -> None:
        if ids:
            self._index()
        for item_id in ids:
            self._bury(side, "folder = ? AND id = ?", (number, item_id))
            self._db.execute("DELETE FROM item WHERE folder = ? AND id = ?", (number, item_id))

    def _drop(self, number: int, ids: list[str]) -> None:
        if ids:
            self._index()
            self._db.executemany("DELETE FROM item WHERE folder = ? AND id = ?", ((number, item_id) for item_id in ids))

    def _bury(self, side: int, where: str, values: tuple[Any, ...]) -> None:
        self._db.execute(
            f"INSERT INTO gone SELECT name, ?, (SELECT path FROM folder WHERE number = item.folder), {_COLUMNS}, ? "  # noqa: S608
            f"FROM item WHERE {where}",
            (side, _now(), *values),
        )

    def _index(self) -> None:
        """Create the index when first needed: the first update only appends, and is twice as fast without it."""
        self._db.execute("CREATE INDEX IF NOT EXISTS item_id ON item (folder, id)")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows of a query, for the comparison."""
        yield from self._db.execute(query, values)

    def run(self, statement: str) -> None:
        self._db.execute(statement)

    def put(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Rows of a temporary table."""
        self._db.executemany(statement, rows)


def weight(side: int, folder: Folder) -> int:
    """A number whose sum over a name's items is 0 only when both sides hold as many in the same places.

    Collisions: once in 10**12 names that differ.
    """
    place = int.from_bytes(blake2b(folder.place.encode("utf-8", "surrogatepass"), digest_size=5).digest())
    return side * (_ONE + place)


def name_of(item: Item) -> bytes | None:
    """Digest of an item's identity on both sides; None: it has no identity, or Graph does not list such items."""
    identity = item.identity
    if not identity or item.kind not in _PROVABLE:
        return None
    return digest(identity)


def digest(identity: str) -> bytes:
    """An identity as the spool keeps it."""
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _holds(item: Item, heavy: int) -> int:
    """A number whose sum over a name's items is 0 only when both sides hold the same messages."""
    if item.kind != "message":
        return 0
    subject, second = holds(item)
    text = f"{subject}\n{second}".encode("utf-8", "surrogatepass")
    number = int.from_bytes(blake2b(text, digest_size=5).digest())
    return number if heavy > 0 else -number


def _row(item: Item, heavy: int, folder: int) -> tuple[Any, ...]:
    return (
        name_of(item),
        heavy,
        _holds(item, heavy),
        folder,
        item.kind,
        item.id,
        item.message_id or item.key,
        item.message_id is not None,
        item.subject,
        int(item.received.timestamp()) if item.received else None,
        int(item.sent.timestamp()) if item.sent else None,
        item.size,
    )


def _last_of_each(items: list[Item]) -> Iterable[Item]:
    by_id = {item.id: item for item in items}
    return items if len(by_id) == len(items) else by_id.values()


def item_of(path: str, columns: tuple[Any, ...]) -> Item:
    """The item of a row. path: as it is stored. columns: as in `_COLUMNS`."""
    kind, identity, named, by_message_id, subject, received, sent, size = columns
    return Item(
        id=identity,
        folder=tuple(json.loads(path)),
        kind=kind,
        message_id=named if by_message_id else None,
        key="" if by_message_id else named,
        subject=subject,
        received=datetime.fromtimestamp(received, UTC) if received is not None else None,
        sent=datetime.fromtimestamp(sent, UTC) if sent is not None else None,
        size=size,
    )


def _now() -> int:
    return int(datetime.now(UTC).timestamp())
