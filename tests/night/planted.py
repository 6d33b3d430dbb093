"""The secrets of a night, and where they must not be found: files, tables, what the API tells, what `ps` shows."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from urllib.parse import quote

from prefect.blocks.core import Block
from pydantic import BaseModel, SecretBytes, SecretStr

Places = dict[str, list[str]]
"""Name of a secret -> where it was seen."""


def secrets_of(name: str, block: BaseModel) -> dict[str, str]:
    """'exchange-server/northwind.password' -> the secret, of a block and of the blocks within it."""
    found: dict[str, str] = {}
    for field in type(block).model_fields:
        value = getattr(block, field)
        if isinstance(value, SecretStr | SecretBytes):
            plain = value.get_secret_value()
            found[f"{name}.{field}"] = plain if isinstance(plain, str) else plain.decode()
        elif isinstance(value, Block):
            found |= secrets_of(f"{name}.{field}", value)
    return {where: plain for where, plain in found.items() if plain}


def needles(secret: str) -> set[bytes]:
    """What gives it away: the longest line of it, as it is and as JSON, addresses and base64 write it."""
    line = max((line for line in secret.splitlines() if not line.startswith("-----")), key=len)
    shapes = {line, json.dumps(line)[1:-1], quote(line, safe=""), base64.b64encode(line.encode()).decode()}
    return {shape.encode() for shape in shapes}


def seen_in(texts: Iterable[tuple[str, bytes]], secrets: dict[str, str]) -> Places:
    """texts: (where, what stands there)."""
    wanted = {name: needles(secret) for name, secret in secrets.items()}
    found: Places = {}
    for where, text in texts:
        for name, shapes in wanted.items():
            if any(shape in text for shape in shapes):
                found.setdefault(name, []).append(where)
    return found


def files_of(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Databases with their journals, results, logs, reports."""
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                yield str(file.relative_to(folder)), file.read_bytes()


@contextmanager
def command_lines(every_seconds: float = 1.0) -> Iterator[set[bytes]]:
    """What `ps` would have shown of every process meanwhile."""
    seen: set[bytes] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(every_seconds):
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(entry.read_bytes())
                except OSError:
                    continue  # it has ended meanwhile

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


@contextmanager
def nothing_in_clear(*folders: Path, secrets: dict[str, str]) -> Iterator[None]:
    """Fails, at its end, with the name of each secret that a file there or a command line meanwhile gave away."""
    with command_lines() as shown:
        yield
    assert shown, "nobody looked"
    texts = chain(((f"ps: {line[:200]!r}", line) for line in shown), files_of(*folders))
    assert not seen_in(texts, secrets)
