"""The hostile tenant: traits of real tenants that a friendly lab would not have, each a switch with a name.

A part of the lab declares its own beside the place where it plays them: `declare(hostile_batch_rows="...")`. A switch
is a fault that does not pass. HOSTILE in the environment turns some on for the demo and the nights: `all`, or names
without the prefix, joined with commas.
"""

from __future__ import annotations

import os

from lab.faults import KNOWN, Faults

PREFIX = "hostile."


def switches() -> tuple[str, ...]:
    """Every switch that the parts imported so far have declared, in the order of their names."""
    return tuple(sorted(name.removeprefix(PREFIX) for name in KNOWN if name.startswith(PREFIX)))


def chosen(words: str | None = None) -> tuple[str, ...]:
    """The switches that `words` names (None: HOSTILE of the environment). ValueError: one that nobody declared."""
    words = os.environ.get("HOSTILE", "") if words is None else words
    named = tuple(word.strip() for word in words.split(",") if word.strip())
    if named == ("all",):
        return switches()
    unknown = [name for name in named if name not in switches()]
    if unknown:
        raise ValueError(f"HOSTILE: no switch is called {', '.join(unknown)}; there are: {', '.join(switches())}")
    return named


def be_hostile(faults: Faults, names: tuple[str, ...]) -> None:
    """Turn these switches on, until they are cleared."""
    for name in names:
        faults.set(PREFIX + name)
