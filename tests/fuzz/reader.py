"""A reader of strangers' answers, and what it makes of one spoiled answer."""

from __future__ import annotations

import dataclasses
import random
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mutate_http
from answers import Answer, Mutation, Mutator, Shape
from pydantic import BaseModel

from mailmove.errors import MailmoveError

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("mailmove", "blocks", "tasks", "flows", "deployments")
Measure = Callable[[Any], Counter[str]]
"""What came out -> name of each thing in it and how much it is (bytes, or 1)."""


PLAIN = Shape()
NAMED = "named"
"""In what a measure counts: things of which the product itself says that they could not be read."""


class AsksWithoutEnd(Exception):
    """The reader asked the tape hundreds of times for what it had."""


def count_all(value: Any) -> Counter[str]:
    """Records and bytes of any value: the length of every list in it, by path."""
    counted: Counter[str] = Counter()
    for path, amount in _amounts(value, ""):
        counted[path] += amount
    return counted


def _amounts(value: Any, path: str) -> Iterator[tuple[str, int]]:
    if isinstance(value, bytes):
        yield f"{path} bytes", len(value)
    elif isinstance(value, BaseModel):
        yield from _amounts({name: getattr(value, name) for name in type(value).model_fields}, path)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from _amounts({each.name: getattr(value, each.name) for each in dataclasses.fields(value)}, path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _amounts(inner, f"{path}.{key}")
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield f"{path}[]", len(value)
        for inner in value:
            yield from _amounts(inner, f"{path}[]")


@dataclass(frozen=True)
class Case:
    """Answers that were recorded for one reading. read: feeds them (or spoiled ones) to the product's own reader."""

    name: str
    answers: Sequence[Answer]
    read: Callable[[Sequence[Answer]], Any]


@dataclass(frozen=True)
class Reader:
    """name: for people. mutators: for its bodies. measure: what came out. optional: names of elements and properties
    without which an answer is whole, and says less. raises: what may leave besides MailmoveError, where the next
    function above, in the same room, names the item for it."""

    name: str
    cases: Sequence[Case]
    mutators: Sequence[Mutator]
    shape: Shape = PLAIN
    measure: Measure = count_all
    optional: frozenset[str] = frozenset()
    raises: tuple[type[Exception], ...] = ()


@dataclass(frozen=True)
class Failure:
    reader: str
    seed: int
    case: str
    mutation: Mutation
    what: str
    where: str
    whole: bool = False
    """Is the whole answer shown?"""

    @property
    def kind(self) -> str:
        """The same for what one line of the product does wrong."""
        return f"{self.what.partition(':')[0]} at {self.where}"

    def __str__(self) -> str:
        spoiled, shown = self.mutation, 5000 if self.whole else 200
        http = f" status {spoiled.answer.status}, {spoiled.answer.headers}" if spoiled.answer.status else ""
        return (
            f"{self.reader}, seed {self.seed}: {self.what[:300]}\n  at {self.where}\n"
            f"  case {self.case}: {spoiled.kind} {spoiled.where}\n {http} {spoiled.answer.body[:shown]!r}\n"
            f"  again: make fuzz READER='{self.reader}' SEED={self.seed}"
        )


def spoil(dice: random.Random, answer: Answer, reader: Reader) -> Mutation | None:
    """One mutation of one answer; the ways around a body are less frequent than those in it."""
    draw = dice.random()
    around = (mutate_http.cut, mutate_http.charset, mutate_http.status, mutate_http.header, mutate_http.other)
    if draw > 0.65:
        return dice.choice(around)(dice, answer)
    mutation = dice.choice(list(reader.mutators))(dice, answer.body, reader.shape)
    return mutation and replace(mutation, answer=replace(answer, body=mutation.answer.body))


def play(reader: Reader, seed: int, whole: dict[str, Any]) -> Failure | None:
    """Spoil one answer of one case and read. whole: case -> what it holds unspoiled."""
    dice = random.Random(f"{reader.name} {seed}")
    case = dice.choice(list(reader.cases))
    mutation, place = None, 0
    while mutation is None or mutation.answer == case.answers[place]:
        place = dice.randrange(len(case.answers))
        mutation = spoil(dice, case.answers[place], reader)
    answers = [mutation.answer if at == place else answer for at, answer in enumerate(case.answers)]
    try:
        result = case.read(answers)
        measured = reader.measure(result)
    except (MailmoveError, *reader.raises):
        return None
    except Exception as error:  # noqa: BLE001  # it is what is looked for
        return Failure(reader.name, seed, case.name, mutation, f"{type(error).__name__}: {error}", _place(error))
    before: Counter[str] | None = whole[case.name]
    if before is None or mutation.honest or mutation.name in reader.optional:
        return None
    if measured[NAMED] > before[NAMED]:
        return None
    lost = before - measured
    if lost:
        shown = ", ".join(f"{name} ({measured[name]} of {before[name]})" for name in sorted(lost)[:5])
        what = f"success with less content: {shown}"
        return Failure(reader.name, seed, case.name, mutation, what, f"{mutation.kind} {mutation.name}")
    return None


def in_peace(reader: Reader, case: Case) -> Counter[str] | None:
    """What a case holds when nothing is spoiled; None: the act ends in an error of ours all the same."""
    try:
        return reader.measure(case.read(case.answers))
    except (MailmoveError, *reader.raises):
        return None


def _place(error: Exception) -> str:
    """The last line of the product that the exception came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if any(f"{ROOT}/{room}/" in frame.filename for room in ROOMS)]
    frame = (ours or frames)[-1]
    return f"{frame.filename.removeprefix(f'{ROOT}/')}:{frame.lineno} ({frame.name})"
