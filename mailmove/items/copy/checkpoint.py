"""How far a mailbox's copy is, written so that kill -9 between any two lines loses nothing and doubles nothing.

Before items are sent their digests are written down ("sent"), and after the answer again ("done"). What was sent and
not done is in doubt: the target is asked for each before it is sent again. A lost journal costs time, not truth: the
target's folders are then compared with the source's, item by item.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path

_WIDTH = 12  # bytes of a digest: two of a million items are alike with a chance of 1 in 10**17
_SENT, _DONE, _OPENED = "s", "d", "o"


class Journal(ABC):
    """Lines of ASCII, only ever appended."""

    @abstractmethod
    def lines(self) -> Iterator[str]:
        """What was appended, oldest first; a line that a crash cut short is left out."""

    @abstractmethod
    def append(self, line: str, *, safe: bool) -> None:
        """Returns when it would outlive this process; with `safe`, when it would outlive the machine's power."""

    @abstractmethod
    def close(self) -> None:
        """Give up what it holds open."""


class MemoryJournal(Journal):
    """For copies so short that they are begun anew after a crash."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def lines(self) -> Iterator[str]:
        yield from list(self._lines)

    def append(self, line: str, *, safe: bool) -> None:
        self._lines.append(line)

    def close(self) -> None:
        """It holds nothing open."""


class FileJournal(Journal):
    """A file, made when the first line comes."""

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
    """What one mailbox's journal says. Safe for threads. About 100 bytes of memory an item."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self._lock = journal, threading.Lock()
        self._done: set[bytes] = set()
        self._doubtful: set[bytes] = set()
        self._opened: set[str] = set()
        for line in journal.lines():
            self._read(line)

    def _read(self, line: str) -> None:
        kind, _, rest = line.partition(" ")
        if kind == _OPENED:
            self._opened.add(rest)
        elif kind in (_SENT, _DONE):
            try:
                found = {bytes.fromhex(word) for word in rest.split()}
            except ValueError:
                return  # half a line, from before a crash
            found = {one for one in found if len(one) == _WIDTH}
            if kind == _SENT:
                self._doubtful |= found - self._done
            else:
                self._done |= found
                self._doubtful -= found

    def is_done(self, item_id: str) -> bool:
        return _digest(item_id) in self._done

    def is_doubtful(self, item_id: str) -> bool:
        return _digest(item_id) in self._doubtful

    def knows(self, path: str) -> bool:
        """Was the folder compared with the target's before anything was sent there?"""
        return _digest(path).hex() in self._opened

    def opened(self, path: str) -> None:
        word = _digest(path).hex()
        self._journal.append(f"{_OPENED} {word}", safe=True)
        self._opened.add(word)

    def sent(self, item_ids: Iterable[str]) -> None:
        """About to be sent. After this returns it may be done to the target."""
        digests = [_digest(one) for one in item_ids]
        self._journal.append(f"{_SENT} {' '.join(one.hex() for one in digests)}", safe=True)
        with self._lock:
            self._doubtful.update(digests)

    def done(self, item_ids: Iterable[str]) -> None:
        digests = [_digest(one) for one in item_ids]
        if not digests:
            return
        # Losing this line to a power cut costs a look-up.
        self._journal.append(f"{_DONE} {' '.join(one.hex() for one in digests)}", safe=False)
        with self._lock:
            self._done.update(digests)
            self._doubtful.difference_update(digests)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_WIDTH).digest()
