"""What no process may do, whatever its luck: by the order in which acts, states, fences and entries were written down.

An act is a call that changes something outside. One is allowed although the run was taken away or rolled back: when its
process had passed the fence before that, for this one act; nobody can call that back.
"""

from __future__ import annotations

from lab.nights.shelf import Line, Shelf


def acts_of(shelf: Shelf, run: str | None = None) -> list[Line]:
    """Acts of cutovers (not of rollbacks), oldest first."""
    return [line for line in shelf.lines("act", run) if line["whose"] == "cutover"]


def sins_of(shelf: Shelf) -> list[str]:
    """Each kind of sin once, with the first and how many there were."""
    state: dict[str, tuple[int, Line]] = {}
    fences: dict[str, int] = {}
    rollbacks, begun = {line["key"] for line in shelf.lines("back")}, 0
    acted: list[str] = []
    sins: dict[str, list[str]] = {}
    for number, line in enumerate(shelf.everything(), 1):
        kind, key = line["kind"], line["key"]
        if kind == "state":
            state[key] = (number, line)
        elif kind == "fence":
            fences[key] = number
        elif kind == "table" and line["by"] in rollbacks and not begun:
            begun = number
        elif kind == "question" and begun and line["root"] not in rollbacks:
            text = line["text"].splitlines()[0]
            sins.setdefault("a cutover that is rolled back asks", []).append(f"{key}: {text}")
        elif kind == "act" and line["whose"] == "cutover":
            changed, current = state[key]
            passed = fences.get(line["fence"], 0)
            acted += [] if key in acted else [key]
            if begun and not 0 < passed < begun:
                sins.setdefault("an act of the cutover after its rollback began", []).append(line["label"])
            elif current["id"] != line["state"] and not 0 < passed < changed:
                sins.setdefault(f"an act of a process whose run is {current['name']}", []).append(line["label"])
    if len(acted) > 1:
        sins["two cutovers of one customer have acted"] = acted
    return [f"{what}: {seen[0]} ({len(seen)} in all)" for what, seen in sins.items()]
