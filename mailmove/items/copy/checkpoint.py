"""The journal of a mailbox's copy: kill -9 between any two lines loses no item and copies none twice.

Before items are sent, their digests are appended as "sent"; after the answer, as "done". An item sent and not done is
in doubt: the target is asked for it before it is sent again. A lost journal costs time only: the target's folders are
then compared with the source's, item by item.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import get_args

from mailmove.items.copy.interfaces import Way

_WIDTH = 12  # bytes of a digest: two of a million items are alike with a chance of 1 in 10**17
_SENT, _DONE, _OPENED, _VERSION, _WENT = "s", "d", "o", "v", "w"
VERSION = "2"
"""Number of the shape: folders are known by id. Lines of another shape count for nothing; the folders are compared."""


class Journal(ABC):
    """An append-only log of ASCII lines."""

    @abstractmethod
    def lines(self) -> Iterator[str]:
        """Every complete line, oldest first; a line that a crash cut short is left out."""

    @abstractmethod
    def append(self, line: str, *, safe: bool) -> None:
        """Append a line; durable over the end of this process, with `safe` over a power cut too."""

    @abstractmethod
    def close(self) -> None:
        """Release the file, if one is open."""


class MemoryJournal(Journal):
    """A journal in memory, for copies so short that they start anew after a crash."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def lines(self) -> Iterator[str]:
        yield from list(self._lines)

    def append(self, line: str, *, safe: bool) -> None:
        self._lines.append(line)

    def close(self) -> None:
        """Do nothing: no file is open."""


class FileJournal(Journal):
    """A journal in a file, which is created by the first line."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._file: int | None = None
        self._cut = False

    def lines(self) -> Iterator[str]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1].decode("ascii", "replace")

    def append(self, line: str, *, safe: bool) -> None:
        with self._lock:
            if self._file is None:
                self._file = self._open()
            whole = (b"\n" if self._cut else b"") + line.encode("ascii") + b"\n"
            self._cut = os.write(self._file, whole) < len(whole)
            if self._cut:  # the disk is full; without an end, the next line would be taken for a part of this one
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        if safe:
            os.fdatasync(self._file)

    def _open(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            os.write(file, b"\n")  # ends the line that a crash cut short; what it says is not believed
        return file

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None


def journal_name(mailbox: str) -> str:
    """File name for a mailbox; two addresses never share one."""
    name = mailbox.lower()
    return f"{re.sub(r'[^a-z0-9@.-]', '_', name)}-{blake2b(name.encode(), digest_size=4).hexdigest()}"


class Checkpoint:
    """State of each item of one mailbox, from its journal. Safe for threads. About 100 bytes of memory an item."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self._lock = journal, threading.Lock()
        self._done: set[bytes] = set()
        self._doubtful: set[bytes] = set()
        self._opened: set[str] = set()
        self._version: str | None = None
        self.by_way: Counter[tuple[Way, str]] = Counter()
        """(way, family of classes) -> count of items that are known to have gone so."""
        for line in journal.lines():
            self._read(line)
        self._written = self._version == VERSION

    def _read(self, line: str) -> None:
        kind, _, rest = line.partition(" ")
        if kind == _VERSION:
            self._version = rest
        if self._version != VERSION:
            return
        if kind == _OPENED:
            self._opened.add(rest)
        elif kind == _WENT:
            self._read_way(*rest.split(" "))
        elif kind in (_SENT, _DONE):
            try:
                digests = {bytes.fromhex(word) for word in rest.split()}
            except ValueError:
                return  # half a line, from before a crash
            digests = {digest for digest in digests if len(digest) == _WIDTH}
            if kind == _SENT:
                self._doubtful |= digests - self._done
            else:
                self._done |= digests
                self._doubtful -= digests

    def _read_way(self, way: str = "", family: str = "", count: str = "") -> None:
        """Half a line, from before a crash, or a way of a later version counts nothing."""
        for known in get_args(Way):
            if way == known and family and count.isdecimal():
                self.by_way[known, family] += int(count)

    def is_done(self, item_id: str) -> bool:
        return _digest(item_id) in self._done

    def is_doubtful(self, item_id: str) -> bool:
        return _digest(item_id) in self._doubtful

    def knows(self, folder_id: str) -> bool:
        """Has this folder been compared with the target's, before the first item was sent to it?"""
        return _digest(folder_id).hex() in self._opened

    def opened(self, folder_id: str) -> None:
        """Record that a folder has been compared."""
        word = _digest(folder_id).hex()
        self._append(f"{_OPENED} {word}", safe=True)
        self._opened.add(word)

    def sent(self, item_ids: Iterable[str]) -> None:
        """Record items as about to be sent; only after this returns may they be sent."""
        digests = [_digest(item_id) for item_id in item_ids]
        self._append(f"{_SENT} {' '.join(digest.hex() for digest in digests)}", safe=True)
        with self._lock:
            self._doubtful.update(digests)

    def done(self, item_ids: Iterable[str], way: Way | None = None, family: str = "") -> None:
        """Record items as stored at the target. way: None: found there. family: of their classes, without blanks."""
        digests = [_digest(item_id) for item_id in item_ids]
        if not digests:
            return
        # Losing this line to a power cut costs a look-up.
        self._append(f"{_DONE} {' '.join(digest.hex() for digest in digests)}", safe=False)
        if way is not None:
            self._append(f"{_WENT} {way} {family} {len(digests)}", safe=False)
        with self._lock:
            self._done.update(digests)
            self._doubtful.difference_update(digests)
            if way is not None:
                self.by_way[way, family] += len(digests)

    def _append(self, line: str, *, safe: bool) -> None:
        """Append a line; before the first of ours, the version of what follows."""
        with self._lock:
            if not self._written:
                self._journal.append(f"{_VERSION} {VERSION}", safe=False)
                self._written = True
        self._journal.append(line, safe=safe)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_WIDTH).digest()
