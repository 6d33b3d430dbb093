"""Every place in the product that sends something to Microsoft, found in its source; and which of them were at work."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import blocks.microsoft365
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.http import JsonClient

ROOT = Path(blocks.microsoft365.__file__).parents[1]
WIRE = {"blocks.microsoft365.http", "blocks.microsoft365.exchange_admin"}
"""Whoever imports one of these can send."""
_SENDS = {"call", "get", "pages", "text", "run", "of_one", "read_many"}
_CMDLET = re.compile(
    r"^(Add|Complete|Disable|Enable|Export|Get|Import|Invoke|New|Remove|Resume|Search|Set|Start|Stop|Suspend|Test|Undo|"
    r"Update)-[A-Z][A-Za-z0-9]+$"
)


@dataclass(frozen=True)
class Place:
    """A call that sends. cmdlet, parameters: as far as they are written there."""

    file: Path
    first: int
    last: int
    cmdlet: str = ""
    parameters: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.file.name}:{self.first} {self.cmdlet}".strip()


def sources(root: Path = ROOT) -> Iterator[tuple[Path, ast.Module]]:
    """The modules that can send, but for the clients themselves."""
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {one.module for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)}
        if imported & WIRE and path.name not in ("http.py", "exchange_admin.py", "exchange_powershell.py"):
            yield path, tree


def places(root: Path = ROOT) -> list[Place]:
    """Both clients want `wanted=` with everything that they send, so that is what a sending call is known by."""
    found = []
    for path, tree in sources(root):
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in _SENDS
                and any(keyword.arg == "wanted" for keyword in node.keywords)
            ):
                cmdlet = _text(node.args[0]) if node.func.attr in ("run", "of_one", "read_many") and node.args else ""
                given = node.args[1] if node.func.attr == "run" and len(node.args) > 1 else None
                keys = tuple(_text(key) for key in given.keys if key) if isinstance(given, ast.Dict) else ()
                found.append(Place(path, node.lineno, node.end_lineno or node.lineno, cmdlet, keys))
    return found


def cmdlets_named(root: Path = ROOT) -> dict[str, str]:
    """Every text in those modules that looks like a cmdlet's name -> where it stands."""
    return {
        node.value: f"{path.name}:{node.lineno}"
        for path, tree in sources(root)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _CMDLET.match(node.value)
    }


def _text(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@contextmanager
def watched() -> Iterator[set[tuple[str, int]]]:
    """(file, line) from which anything was sent meanwhile."""
    seen: set[tuple[str, int]] = set()

    def noting(method: Callable[..., Any]) -> Callable[..., Any]:
        def note(*given: Any, **named: Any) -> Any:
            caller = sys._getframe(1)
            seen.add((caller.f_code.co_filename, caller.f_lineno))
            return method(*given, **named)

        return note

    patched = pytest.MonkeyPatch()
    for kind, names in (
        (JsonClient, ("call", "get", "pages", "text")),
        (ExchangeAdmin, ("run", "of_one", "read_many")),
    ):
        for name in names:
            patched.setattr(kind, name, noting(getattr(kind, name)))
    try:
        yield seen
    finally:
        patched.undo()


def at_work(place: Place, seen: set[tuple[str, int]]) -> bool:
    return any(file == str(place.file) and place.first <= line <= place.last for file, line in seen)
