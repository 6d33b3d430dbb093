"""Spoil JSON: a property dropped, doubled, emptied, of another type, in another order."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from answers import JUNK, Answer, Mutation, Shape

Place = tuple[Any, Any, str]
"""The object or list that holds a value, its key or index, and the path, for people."""


def _places(value: Any, path: str = "$") -> Iterator[Place]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        below = f"{path}[{key}]" if isinstance(value, list) else f"{path}.{key}"
        yield value, key, below
        yield from _places(inner, below)


def _name(path: str) -> str:
    return path.rpartition(".")[2].partition("[")[0]


def _emptied(value: Any) -> Any:
    return {str: "", list: [], dict: {}, bool: False, int: 0, float: 0.0}.get(type(value))


def _retyped(dice: random.Random, value: Any) -> Any:
    others: list[Any] = [None, dice.choice(JUNK), 7, -1, 1.5, True, False, [], {}, [None], {"": None}, [[]], ["x"],
                         {"value": "x"}, 10**30]  # fmt: skip
    fitting = [other for other in others if type(other) is not type(value)]
    return dice.choice(fitting)


def json_mutation(dice: random.Random, body: bytes, shape: Shape) -> Mutation | None:
    try:
        tree = json.loads(body)
    except ValueError:
        return None
    places = list(_places(tree))
    if not places:
        return None
    holder, key, path = dice.choice(places)
    name, in_list = _name(path), isinstance(holder, list)
    kind = dice.choice(("dropped", "emptied", "retyped", "doubled", "reordered", "renamed"))
    honest = False
    if kind == "dropped":
        honest = in_list and name not in shape.counted
        del holder[key]
    elif kind == "emptied":
        honest = isinstance(holder[key], list) and name not in shape.counted
        holder[key] = _emptied(holder[key])
    elif kind == "retyped":
        holder[key] = _retyped(dice, holder[key])
        honest = holder[key] is None and name in shape.nullable
    elif kind == "doubled":
        if in_list:
            holder.insert(key, holder[key])
        else:  # twice in one object: the last counts, or a reader says no
            spoiled = _doubled_key(tree, holder, key, _retyped(dice, holder[key]))
            return Mutation("doubled", path, Answer(spoiled), name)
    elif kind == "reordered":
        if in_list:
            dice.shuffle(holder)
        else:
            pairs = list(holder.items())
            dice.shuffle(pairs)
            holder.clear()
            holder.update(pairs)
    else:
        if in_list:
            return None
        holder[f"{key}X" if dice.random() < 0.5 else str(key).upper()] = holder.pop(key)
    return Mutation(kind, path, Answer(json.dumps(tree).encode()), name, honest)


def _doubled_key(tree: Any, holder: Any, key: Any, other: Any) -> bytes:
    """The same object with its property once more before it, of another value."""
    mark = "\x00twice\x00"
    holder_copy = dict(holder)
    holder.clear()
    for known, value in holder_copy.items():
        if known == key:
            holder[mark] = other
        holder[known] = value
    return json.dumps(tree).replace(json.dumps(mark), json.dumps(str(key))).encode()
