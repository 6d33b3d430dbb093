"""Places where code would decide by words that are for people: an error's, a ledger's facts, a change's, a question's.

`python tests/structure/decisions_by_words.py` lists every place; `test_decisions.py` runs it over all rooms.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("flows", "tasks", "blocks", "mailmove")
FOR_PEOPLE = {"words", "facts", "question", "summary", "seen", "todo"}
"""Attributes that hold text for people."""
TAKES_APART = {"removeprefix", "removesuffix", "startswith", "endswith", "partition", "rpartition", "split", "index"}
"""Methods of a text that read it."""
ALLOWED: dict[str, set[str]] = {
    "tasks/parking/question_text.py": {"summary"},  # a full stop is taken off, and another put: it is shown
    "tasks/dns/mail_policies.py": {"facts"},  # of an assessment: a table by name
    "mailmove/dns/assessment/advice.py": {"facts"},  # the same
}
"""Path -> attributes that are read there all the same, and why."""


def decisions(path: Path, root: Path = ROOT) -> Iterator[str]:
    """Each place, as `path:line: code`."""
    source = path.read_text("utf-8")
    name = path.relative_to(root).as_posix()
    texts = FOR_PEOPLE - ALLOWED.get(name, set())
    for node in ast.walk(ast.parse(source)):
        if _decides(node, texts):
            yield f"{name}:{node.lineno}: {ast.get_source_segment(source, node)}"  # type: ignore[attr-defined]


def _decides(node: ast.AST, texts: set[str]) -> bool:
    if isinstance(node, ast.Compare):
        return _compares(node, texts)
    if isinstance(node, ast.Subscript):
        return _text(node.value) in texts & {"facts"} and not _is_name(node) and not isinstance(node.slice, ast.Slice)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TAKES_APART:
        return _text(node.func.value) in texts
    return False


def _compares(node: ast.Compare, texts: set[str]) -> bool:
    """`x in error.seen`, `entry.facts == [...]`, `"..." in change.words`; whether there is any text may be asked."""
    sides = [node.left, *node.comparators]
    for operator, (left, right) in zip(node.ops, pairwise(sides), strict=True):
        if isinstance(operator, ast.In | ast.NotIn) and _text(right) in texts - {"question", "summary"}:
            return True
        if isinstance(operator, ast.Eq | ast.NotEq) and {_text(left), _text(right)} & texts & {"facts", "words"}:
            return True
    return False


def _text(node: ast.AST) -> str:
    """The attribute that is read, through an index: `entry.facts`, `entry.facts[0]` -> "facts"; "": none."""
    while isinstance(node, ast.Subscript) and not _is_name(node):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else ""


def _is_name(node: ast.Subscript) -> bool:
    """`facts["policy"]`: a table by name, not a list of sentences."""
    return isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)


def all_decisions(*rooms: str) -> list[str]:
    return [
        place for room in rooms or ROOMS for path in sorted((ROOT / room).rglob("*.py")) for place in decisions(path)
    ]


if __name__ == "__main__":
    places = all_decisions()
    print("\n".join(places))
    print(f"{len(places)} places")
