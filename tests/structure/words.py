"""One word, one meaning: the words that production code does not use, and where each is allowed all the same.

`python tests/structure/words.py ROOM ...` lists every place; `test_words.py` runs it over all rooms. In the rooms of
NAMES_ONLY the story's words are allowed: there it lists empty names only.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("flows", "tasks", "blocks", "mailmove", "deployments")
NAMES_ONLY = ("lab", "benchmarks")
"""Rooms that are checked for empty names only."""

EMPTY_NAMES = {"one", "found", "said", "told", "seen", "there", "here"}
"""Names of variables that say nothing; the thing has a noun. Fields called `seen` (errors, findings) are meant."""

WORD_PARTS = {
    "night": "cutover", "nights": "cutovers", "town": "rehearsal", "towns": "rehearsals",
    "door": "port 25", "doors": "port 25",
    "wake": "resume", "wakes": "resumes", "waking": "resume", "woken": "resumed", "woke": "resumed",
    "look": "check or poll", "looks": "polls", "looked": "polled", "looking": "polling",
    "glance": "poll", "glances": "polls",
    "straggler": "missing item", "stragglers": "missing items", "twin": "same Message-ID", "twins": "same Message-ID",
    "amiss": "finding", "news": "notification", "tell": "notify or show", "tells": "notifies or shows",
    "telling": "notifying", "told": "shown, written", "said": "answered, written",
    "revive": "restart", "revived": "restarted", "reviving": "restarting", "dead": "zombie",
    "witness": "evidence", "witnessed": "evidence", "turn": "attempt", "turns": "attempts",
    "behind": "completed, or inside", "held": "interrupted, or a noun", "passed": "completed", "unseen": "not shown",
}  # fmt: skip
"""Part of an identifier -> what to say instead."""

TEXT = {
    r"\bnights?\b": "cutover (the story in docs/ may say night)",
    r"\btowns?\b": "lab, rehearsal",
    r"\bway back\b": "rollback",
    r"\bamiss\b": "finding, or wrong",
    r"\bnews\b": "notification",
    r"\b(wakes?|waking|woken|woke)\b": "resume",
    r"\bglances?\b": "poll",
    r"\bstragglers?\b": "missing items",
    r"\btwins?\b": "messages of one Message-ID",
    r"\breviv(e|es|ed|ing|al)\b": "restart",
    r"\btaken over\b": "zombie run, fenced",
    r"\bthe dead\b": "zombie or crashed runs",
    r"\bsilent machines?\b": "infrequent sender",
    r"\bbehind the (closed )?door\b": "inside sender",
    r"\bdoors?\b": "port 25 closed, refused, dropped",
    r"\bwitness(ed|es)?\b": "evidence",
    r"\b(bring|brings|bringing|brought) back\b": "return to source, put back, restart",
    r"\bmakes? sure\b": "verify",
    r"\baffair\b": "say who does it",
}
"""What no docstring, comment or string of production code says -> what to say instead."""

EXCEPTIONS: dict[str, set[str]] = {}
"""Path, or folder with a last slash -> identifiers and texts that are allowed in it."""


def places(name: str, source: str) -> Iterator[str]:
    """Each use in a file (its path from the root) of a word that is not used, as `path:line: word -> instead`."""
    allowed = {
        word
        for where, words in EXCEPTIONS.items()
        if name == where or (where[-1] == "/" and name.startswith(where))
        for word in words
    }
    names_only = name.partition("/")[0] in NAMES_ONLY
    for line, word in identifiers(ast.parse(source)):
        if word in allowed:
            continue
        if word in EMPTY_NAMES:
            yield f"{name}:{line}: name {word} -> a noun"
        if names_only:
            continue
        for part in re.findall(r"[a-z]+|[A-Z][a-z]*", word):
            if part.lower() in WORD_PARTS and part not in allowed and word not in EMPTY_NAMES:
                yield f"{name}:{line}: {word} -> {WORD_PARTS[part.lower()]}"
    for line, text in texts(source) if not names_only else ():
        for pattern, instead in TEXT.items():
            for use in re.finditer(pattern, text, re.IGNORECASE):
                if use.group(0).lower() not in allowed:
                    yield f"{name}:{line}: '{use.group(0)}' -> {instead}"


def identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of everything that the file gives a name to; fields of classes called `seen` are left out."""
    fields = {
        id(item.target)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for item in node.body
        if isinstance(item, ast.AnnAssign)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            if not (id(node) in fields and node.id == "seen"):
                yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            if node.arg != "seen":
                yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each string and comment."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT) or token.type == getattr(tokenize, "FSTRING_MIDDLE", -1):
            for offset, line in enumerate(token.string.splitlines()):
                yield token.start[0] + offset, line


def all_places(*rooms: str) -> list[str]:
    return [
        place
        for room in rooms
        for path in sorted((ROOT / room).rglob("*.py"))
        for place in places(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    ]


if __name__ == "__main__":
    uses = all_places(*(sys.argv[1:] or (*ROOMS, *NAMES_ONLY)))
    print("\n".join(uses))
    print(f"{len(uses)} places")
