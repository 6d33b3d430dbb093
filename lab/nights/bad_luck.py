"""What bad luck adds to a drawn night, from the same seed: rollbacks, second starts, power cuts, Retry on any run.

Each blow has its moment: at a call of the process within a step (the process stands still there, as a laptop that
sleeps, while the blow is played), or while the cutover is parked after that step has begun.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

What = Literal["rollback", "double start", "power cut", "retry"]
Button = Literal["retry", "resume", "cancel", "delete", "answer", "restart", "watch"]

BUTTONS: tuple[Button, ...] = ("retry", "resume", "cancel", "delete", "answer", "restart", "watch")
"""What a person can press on the cutover's run and on its open question, and what the watch does by itself."""

PARKED = -1
"""Instead of a call's number: while it is parked."""


@dataclass
class Blow:
    """One piece of bad luck.

    step, nth: the moment; at the first chance after the nth call of that step, or PARKED.
    For a rollback: meanwhile: how many calls it makes before the process that it met goes on; 0: all of them.
    cut: at that call the power fails for both. buttons: what is pressed on the cutover afterwards, in this order.
    """

    what: What
    step: str
    nth: int
    meanwhile: int = 0
    cut: bool = False
    buttons: list[Button] = field(default_factory=list)

    def line(self) -> str:
        """For people."""
        moment = "parked after" if self.nth == PARKED else f"call {self.nth} of"
        line = f"  {self.what}, {moment} {self.step}"
        if self.what == "rollback":
            line += f", meets the process after {self.meanwhile or 'all'} of its calls"
            line += ", the power fails there" if self.cut else ""
            line += f", then {', '.join(self.buttons)}"
        return line


def draw_bad_luck(seed: int, steps: tuple[str, ...], *, always: bool) -> list[Blow]:
    """In the order in which they are to strike; none in a third of the nights. always: at least one."""
    luck = random.Random(f"bad luck {seed}")
    if luck.random() < 1 / 3 and not always:
        return []
    kinds: tuple[What, ...] = ("rollback", "double start", "power cut", "retry")
    chosen = [what for what in kinds if luck.random() < (0.6 if what == "rollback" else 0.4)] or [luck.choice(kinds)]
    chosen += [what for what in chosen if what in ("power cut", "retry") and luck.random() < 0.3]
    return sorted((_blow(luck, what, steps) for what in chosen), key=lambda blow: steps.index(blow.step))


def _blow(luck: random.Random, what: What, steps: tuple[str, ...]) -> Blow:
    step = luck.choice(steps)
    if what == "double start" and luck.random() < 0.5:
        step = steps[0]  # at once
    blow = Blow(what, step, luck.choice((0, 1, 2, 3, 5, 8, 13, 21, PARKED, PARKED)))
    if what == "rollback":
        blow.meanwhile = luck.choice((0, 0, 1, 2, 4, 8, 16, 32, 64))
        blow.cut = blow.meanwhile > 0 and luck.random() < 0.4
        # Whoever answers presses Retry afterwards: the answer alone starts nothing that has ended.
        pressed = luck.sample(BUTTONS, luck.randint(1, 4))
        blow.buttons = [*pressed, "retry"] if "delete" not in pressed else [*pressed]
    return blow
