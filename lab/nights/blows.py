"""Play the bad luck of a night (`lab.nights.bad_luck`) when its moment has come, and judge what was done afterwards.

A process that stands still is stopped by the kernel (SIGSTOP): it has not been told of anything, and goes on later as
if no time had passed. What it meets meanwhile happens in other processes, of a second nursery.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lab.nights.bad_luck import PARKED, Blow
from lab.nights.nursery import Nursery, Second
from lab.nights.run_states import press, set_state, state_of
from lab.nights.verdict import acts_of, sins_of

if TYPE_CHECKING:
    from lab.nights.night import Night

COMPLETED, PARKS, FAILED, FENCED, KILLED = 0, 75, 70, 76, -signal.SIGKILL
_MOST_LIVES = 60
"""Lives of one rollback; more of them would never end."""


class Blows:
    """What is still to strike, and what has struck."""

    def __init__(self, night: Night, blows: list[Blow], nursery: Nursery, second: Second | None) -> None:
        assert second or not blows, "bad luck needs a nursery beside the cutover's own"
        self._night, self._due, self._nursery, self._second = night, list(blows), nursery, second
        self._other: dict[str, Any] | None = None
        self.struck: list[str] = []

    # Moments.

    def next_hold(self) -> dict[str, Any] | None:
        """Where the cutover's next life is to stand still."""
        blow = self._next_running()
        return {"step": blow.step, "nth": blow.nth, "armed": blow.step in self._night.steps} if blow else None

    def parked_due(self) -> Blow | None:
        """What strikes while it is parked, as it is now."""
        if self._night.back:
            return None
        return next((blow for blow in self._due if blow.nth == PARKED and blow.step in self._night.steps), None)

    def _next_running(self) -> Blow | None:
        return None if self._night.back else next((blow for blow in self._due if blow.nth != PARKED), None)

    # Strikes.

    def strike(self, process: int) -> int | None:
        """The cutover's process stands still. Returns its status, when it has met its end meanwhile."""
        blow = self._next_running()
        assert blow, "nothing else stops a process"
        if not _stopped(process):
            return None
        self._begin(blow)
        if blow.what == "power cut":
            os.kill(process, signal.SIGKILL)
            return None
        if blow.what == "rollback":
            return self._roll_back(blow, process)
        status = self._second_start() if blow.what == "double start" else self._retry()
        own = self._go_on(process)
        if blow.what == "double start" or own not in (FENCED, KILLED):
            return own
        return status  # the run is the retry's

    def strike_parked(self) -> bool:
        """The cutover is parked, without a process. True: something has struck."""
        blow = self.parked_due()
        if not blow:
            return False
        self._begin(blow)
        if blow.what == "rollback":
            self._roll_back(blow, None)
        elif blow.what == "double start":
            self._second_start()
        return True  # a retry is another life without an answer; the power has failed, and nobody was there

    def after_the_end(self) -> None:
        """Retry of a cutover that is finished, where retries were drawn: it does nothing any more."""
        if any("retry" in line for line in self.struck):
            before = len(acts_of(self._night.shelf))
            self._press(["retry"])
            more = acts_of(self._night.shelf)[before:]
            self._night.outcome.wrong += [f"acts after the end of the night: {act['label']}" for act in more]

    def _begin(self, blow: Blow) -> None:
        self._due.remove(blow)
        self.struck.append(blow.line().strip())
        self._night.shelf.put("blow", blow.what, text=blow.line())

    def _beside(self) -> Nursery:
        assert self._second
        return self._second()

    def _go_on(self, process: int) -> int:
        os.kill(process, signal.SIGCONT)
        return self._night.follow(self._nursery, process)

    def _retry(self) -> int:
        """Somebody presses Retry while a process of the run lives: a worker starts another one."""
        set_state(self._night.shelf, self._night.spec["run"], "AwaitingRetry")
        return self._night.lead(self._beside(), self._night.spec)

    # Two starts.

    def _second_start(self) -> int:
        other = self._other = {**self._night.spec, "run": str(uuid4()), "scope": "second/"}
        status = self._night.lead(self._beside(), other)
        self._night.shelf.put("second", other["run"], status=status)
        return status

    def other_goes_on(self) -> bool:
        """The cutover was refused, or failed, and there is another one of the same customer: its turn."""
        shelf, other = self._night.shelf, self._other
        if not other or acts_of(shelf, self._night.spec["run"]) or state_of(shelf, other["run"])[1] == "Refused":
            return False
        self._night.spec, self._other = other, self._night.spec
        return len(self._night.shelf.lines("failed")) < 12

    # A rollback, and what is pressed afterwards.

    def _roll_back(self, blow: Blow, process: int | None) -> int | None:
        night, seen = self._night, []

        def meet(rollback: int) -> int | None:
            """The rollback stands still in its midst."""
            if not _stopped(rollback):
                return None
            if blow.cut:
                for pid in (rollback, *([process] if process else [])):
                    os.kill(pid, signal.SIGKILL)
                if process:
                    seen.append(night.follow(self._nursery, process))
                return None
            if process:
                seen.append(self._go_on(process))
            else:
                self._press(blow.buttons[:1])
            os.kill(rollback, signal.SIGCONT)
            return None

        night.back = str(uuid4())
        night.shelf.put("back", night.back)
        lives = 0
        while night.outcome.ended == "never" and not night.outcome.wrong:
            hold = {"step": "", "nth": blow.meanwhile, "armed": True} if blow.meanwhile and not lives else None
            status = self._life_of_rollback(hold, meet)
            lives += 1
            if status == COMPLETED:
                night.outcome.ended = "rolled back"
            elif status == PARKS:
                night.attend(night.back)
            elif status == KILLED and blow.cut and lives == 1:
                if process and not seen:  # the rollback met its own death before the power failed
                    os.kill(process, signal.SIGKILL)
                    seen.append(night.follow(self._nursery, process))
                self._press(blow.buttons[:1])  # the cutover comes up before the rollback does
            elif status != KILLED:
                words = [line["text"] for line in night.shelf.lines("failed", night.back)]
                night.outcome.wrong.append(f"the rollback ended with {status}: {words[-1:]}")
            if lives > _MOST_LIVES or time.monotonic() > night.give_up_at:
                night.outcome.wrong.append("a rollback without end")
        if process and not seen:
            seen.append(self._go_on(process))
        if night.outcome.ended == "rolled back":
            self._press(blow.buttons)
        return seen[0] if seen else KILLED

    def _life_of_rollback(self, hold: dict[str, Any] | None, meet: Callable[[int], int | None]) -> int:
        night = self._night
        spec = {**night.spec, "run": night.back, "of": night.spec["run"], "hold": hold}
        return night.lead(self._beside(), spec, held=meet, naps=True)

    def _press(self, buttons: list[Any]) -> None:
        night = self._night
        run = night.spec["run"]
        for button in buttons:
            if button == "answer":
                self._answer(run)
            started = press(night.shelf, run, button)
            night.shelf.put("pressed", button, state=state_of(night.shelf, run)[1])
            for _ in range(3 if started else 0):
                if night.lead(self._nursery, night.spec) != KILLED:  # a death that was drawn; the watch starts it again
                    break

    def _answer(self, run: str) -> None:
        """Yes to whatever is asked, as somebody who has not heard of the rollback would say."""
        asked = [line for line in self._night.shelf.lines("question") if line["root"] == run]
        if asked:
            flow = asked[-1]["key"].rpartition("/")[2].partition("[")[0]
            yes = {"gate": {"approve": True}, "wait": {"go_on_anyway": True}}.get(flow, {})
            values = {**yes, "name": "anna", "reason": "go"}
            self._night.shelf.put("answer", asked[-1]["key"], number=asked[-1]["number"], values=values)

    def sins(self) -> list[str]:
        """What was done that nobody may do after such luck."""
        return sins_of(self._night.shelf)


def _stopped(process: int) -> bool:
    """Return when the kernel has stopped it. False: another of its threads met a death in that moment."""
    stat = Path(f"/proc/{process}/stat")
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            state = stat.read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):  # gone before the file was opened, or while it was read
            return False
        if state in ("T", "t"):
            return True
        time.sleep(0.005)
    raise RuntimeError(f"{process} does not stand still")
