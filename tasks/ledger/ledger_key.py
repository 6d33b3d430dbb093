"""The key that seals the ledger, and what this worker has written to it: both on the worker's disk, not at Prefect.

Whoever can write by Prefect's API can write artifacts, and read every block; so neither is kept there. The key is
`ledger-key` in Prefect's home, made once, readable by its owner only. What was written stands beside it, a line for
each entry, so that the last entries of a ledger cannot be taken away unseen: a chain alone does not know its end.
`MAILMOVE_LEDGER_HOME` names another folder for both, for workers that must share them.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from uuid import UUID

from prefect.settings import get_current_settings

from mailmove.errors import Blocked
from tasks.ledger.chain import Break, ChainFault, Key, Row, link_of, words_of

SETTING = "MAILMOVE_LEDGER_HOME"
_BYTES = 32
"""Length of a key; a file that holds less is none."""


def key_here() -> Key | None:
    """The key of this machine; None: it has none. Blocked: the file holds no key."""
    path = _path()
    return _read(path) if path.exists() else None


def key_to_seal() -> Key:
    """The key of this machine, made when there is none. Blocked: the file holds no key."""
    path = _path()
    if not path.exists():
        _make(path)
    return _read(path)


def note_written(customer: str, row: Row) -> None:
    """Remember that this worker wrote an entry. A line is one write to a file opened for appending."""
    link = row["link"]
    line = {"writer": link["writer"], "number": link["number"], "seal": link["seal"], "words": words_of(0, row)}
    path = _notes(customer, row["cutover"])
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, (json.dumps(line) + "\n").encode())
    finally:
        os.close(file)


def entries_gone(customer: str, cutover: UUID, rows: Iterable[Row]) -> list[ChainFault]:
    """Entries that this worker wrote, and that are not there any more."""
    path = _notes(customer, str(cutover))
    if not path.exists():
        return []
    there = {link.seal for row in rows if (link := link_of(row))}
    notes = [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("}\n")]
    gone = [note for note in notes if note["seal"] not in there]
    return [
        ChainFault(
            Break.MISSING,
            str(note["words"]).replace("entry 0", f"entry {note['number']} of writer {note['writer']}"),
            "this worker wrote it, and it is not there any more",
            note["seal"],
        )
        for note in gone
    ]


def _home() -> Path:
    named = os.environ.get(SETTING)
    return Path(named) if named else get_current_settings().home


def _path() -> Path:
    return _home() / "ledger-key"


def _notes(customer: str, cutover: str) -> Path:
    return _home() / "mailmove-ledger" / customer / cutover


def _make(path: Path) -> None:
    """Whole or not at all; of two that make one at the same time, the first one's counts."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, secrets.token_hex(_BYTES).encode())
        os.fsync(file)
    finally:
        os.close(file)
    try:
        os.link(new, path)
    except FileExistsError:
        pass
    finally:
        new.unlink()


@cache
def _key_of(text: str) -> Key:
    return Key(text.encode())


def _read(path: Path) -> Key:
    text = path.read_text("ascii", "replace").strip()
    if len(text) < _BYTES:
        raise _no_key(path, f"{len(text)} characters")
    return _key_of(text)


def _no_key(path: Path, seen: str) -> Blocked:
    return Blocked(
        "ledger", wanted=f"a key of {_BYTES} characters or more in {path}", seen=seen, todo="See docs/keeping.md."
    )
