"""Look-ups at recursive resolvers, each name and type asked once and then remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

from mailmove.dns.client.ask_lane import LaneAsker
from mailmove.dns.client.lanes import Lane, Standing, Ways, in_order, lanes_of
from mailmove.dns.client.messages import QuestionCodec
from mailmove.dns.client.query import Answer, Server

Lookup = Callable[[str, str], Awaitable[Answer]]
"""`await lookup(name, rtype)`: the answer of a recursive resolver; trouble on the network is `Answer.error`."""

_HEDGE = 0.25  # seconds until more lanes are asked as well, each time twice as many
_SILENT_AFTER = 0.75  # seconds without an answer after which a lane that another overtakes counts as silent
_SCOUTS = 3  # lanes asked at once while nothing is known
_SCOUTING = 2.5  # seconds that other questions wait for the first one to show who answers
_SETTLING = 0.15  # seconds for the other scouts to answer, too: then the questions have several lanes
_ENOUGH = 3  # error codes after which a question is given up, where others were answered
_OTHERS = 1.0  # seconds for others to answer, after somebody with a zone of his own has
_LAST_RESORT = 4  # silent lanes that a question is tried at, where there is no other


class Lookups:
    """Recursive resolvers behind one cache: the first answer without an error is kept for the next caller.

    `async with Lookups(resolvers) as lookups: await lookups.get("contoso.com.", "MX")`.

    The first question shows who answers, by port 53 or by HTTPS; the others follow it there. Who is silent is asked
    last from then on, in the whole process. timeout: seconds for each lane.
    """

    def __init__(self, resolvers: Sequence[Server], *, timeout: float = 3.0, ways: Ways | None = None) -> None:
        self.resolvers = list(resolvers)
        self.ways = ways or Ways()
        self._lanes = lanes_of(self.resolvers, self.ways.doh)
        self.asker = LaneAsker(self.ways, timeout)
        self._asked: dict[tuple[str, str], asyncio.Task[Answer]] = {}
        self._scouts: dict[asyncio.Task[Answer], Lane] = {}
        self._scouted: asyncio.Event | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def get(self, name: str, rtype: str) -> Answer:
        """The answer for a name and type; a `Lookup`."""
        key = (name.rstrip(".").lower() + ".", rtype)
        if key not in self._asked:
            self._asked[key] = asyncio.create_task(self._answer(*key))
        # One caller that gives up must not take the answer from the others.
        return await asyncio.shield(self._asked[key])

    async def everybody(self, name: str, rtypes: Sequence[str]) -> list[list[Answer]]:
        """The answers of every resolver at port 53 that was not silent, at once: one list each, in the given order."""
        answers: Sequence[list[Answer]] = await asyncio.gather(
            *(
                self._each(lane, name, rtypes)
                for lane in (Lane(server) for server in self.resolvers)
                if self.ways.memory.standing(lane) != Standing.SILENT
            )
        )
        return list(answers)

    async def _each(self, lane: Lane, name: str, rtypes: Sequence[str]) -> list[Answer]:
        codecs = [(QuestionCodec(name, rtype, recursive=True), rtype) for rtype in rtypes]
        return list(await asyncio.gather(*(self.asker.ask(lane, codec, name, rtype) for codec, rtype in codecs)))

    @property
    def best(self) -> list[Lane]:
        """The lanes, those that answered well first."""
        return in_order(self._lanes, self.ways)

    async def close(self) -> None:
        """Cancel the questions that nobody waits for any more."""
        tasks = [*self._asked.values(), *self._scouts]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.asker.close()

    async def _answer(self, name: str, rtype: str) -> Answer:
        try:
            codec = QuestionCodec(name, rtype, recursive=True)
        except ValueError as error:  # a name that no message can hold (RFC 1035 section 2.3.4)
            return Answer(server="no resolver", name=name, type=rtype, error=f"malformed name ({error})")
        if self._scouted is None:
            self._scouted = asyncio.Event()
            if not any(self.ways.memory.standing(lane) == Standing.ANSWERS for lane in self._lanes):
                try:
                    return await self._race(codec, name, rtype, scouting=True)
                finally:
                    await self._settle()
            self._scouted.set()
        try:
            async with asyncio.timeout(_SCOUTING):
                await self._scouted.wait()
        except TimeoutError:
            pass  # nobody has answered so far: then this question is tried for itself
        return await self._race(codec, name, rtype)

    async def _settle(self) -> None:
        """Give the other scouts a moment, then let the questions go that have waited."""
        assert self._scouted is not None
        try:
            if self._scouts:
                await asyncio.wait(self._scouts, timeout=_SETTLING)
        finally:
            self._scouted.set()

    async def _race(self, codec: QuestionCodec, name: str, rtype: str, *, scouting: bool = False) -> Answer:
        race = _Race(self.asker, self._lanes, codec, name, rtype)
        try:
            return await race.run(_SCOUTS if scouting else 1)
        finally:
            for task, (lane, since) in race.running.items():
                waited = self.ways.clock() - since
                if waited >= _SILENT_AFTER:
                    self._note_overtaken(lane, waited)
                if scouting and waited < _SILENT_AFTER:
                    self._scouts[task] = lane
                    task.add_done_callback(self._learn_from_scout)
                else:
                    task.cancel()

    def _note_overtaken(self, lane: Lane, waited: float) -> None:
        memory = self.ways.memory
        answers = memory.standing(lane) == Standing.ANSWERS
        memory.note(lane, Standing.ANSWERS if answers else Standing.SILENT, waited)

    def _learn_from_scout(self, task: asyncio.Task[Answer]) -> None:
        lane = self._scouts.pop(task)
        if not task.cancelled() and task.exception() is None:
            learn(self.ways, lane, task.result())


class _Race:
    """One question to several lanes: the best first, then more and more of them, until one answers.

    Who claims authority for what he was asked as a resolver has a zone of his own, as inside servers of a company do:
    what he says, or does not have, counts where nobody else answers soon.
    """

    def __init__(self, asker: LaneAsker, lanes: Sequence[Lane], codec: QuestionCodec, name: str, rtype: str) -> None:
        self._asker, self._untried = asker, list(lanes)
        self._question = codec, name, rtype
        self.running: dict[asyncio.Task[Answer], tuple[Lane, float]] = {}
        self._last = Answer(server="no resolver", name=name, type=rtype, error="no resolver to ask")
        self._own: Answer | None = None
        self._own_until = 0.0
        self._failed: list[Lane] = []
        self._silent_tried = 0

    async def run(self, width: int) -> Answer:
        while True:
            delay = self._start(width)
            if not self.running:
                return self._own or self._last
            timeout = _HEDGE + delay if self._untried else None
            if self._own:
                left = max(0.0, self._own_until - self._asker.ways.clock())
                timeout = left if timeout is None else min(timeout, left)
            done, _ = await asyncio.wait(self.running, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                lane, _ = self.running.pop(task)
                answer = task.result()
                learn(self._asker.ways, lane, answer)
                if not answer.error and not answer.authoritative:
                    return answer
                if not answer.error:
                    if self._own is None:
                        self._own, self._own_until = answer, self._asker.ways.clock() + _OTHERS
                    continue
                if answer.rcode is not None:
                    self._failed.append(lane)
                if answer.rcode is not None or self._last.rcode is None:
                    self._last = answer
            if len(self._failed) >= _ENOUGH and not self._any_other():
                if not self._any_answers(lane for lane, _ in self.running.values()):
                    return self._own or self._last
                self._untried.clear()  # one that answers others is still asked: only that is waited for
            if self._own and (self._asker.ways.clock() >= self._own_until or not self._others()):
                return self._own
            width = min(2 * width, 16) if not done or not self._any_answers(self._untried) else 1

    def _start(self, width: int) -> float:
        """Ask up to `width` more lanes; the seconds until the first of them may be asked at all."""
        ways, delays = self._asker.ways, []
        for lane in in_order(self._untried, ways)[:width]:
            if ways.memory.standing(lane) == Standing.SILENT:
                if self._silent_tried >= _LAST_RESORT:
                    self._untried.clear()
                    break
                self._silent_tried += 1
            self._untried.remove(lane)
            delays.append(ways.pace.wait(lane.server, ways.memory.waiting[lane.server]))
            self.running[self._asker.start(lane, *self._question)] = lane, ways.clock() + delays[-1]
        return min(delays, default=0.0)

    def _any_answers(self, lanes: Iterable[Lane]) -> bool:
        """Is one of them known to answer?"""
        return any(self._asker.ways.memory.standing(lane) == Standing.ANSWERS for lane in lanes)

    def _others(self) -> bool:
        """May anybody else still answer?"""
        lanes = [*self._untried, *(lane for lane, _ in self.running.values())]
        return any(self._asker.ways.memory.standing(lane) != Standing.SILENT for lane in lanes)

    def _any_other(self) -> bool:
        """May one of those that were not tried know more? Not after error codes of several that answer otherwise."""
        standings = {self._asker.ways.memory.standing(lane) for lane in self._untried}
        return Standing.UNKNOWN in standings and not self._any_answers(self._failed)


def learn(ways: Ways, lane: Lane, answer: Answer) -> None:
    """Note what an answer shows of the lane that it came by."""
    if answer.rcode is None:
        answered = ways.memory.standing(lane) == Standing.ANSWERS  # the name's own servers may be at fault, once
        ways.memory.note(lane, Standing.UNKNOWN if answered else Standing.SILENT)
        ways.memory.by_tcp.discard(lane)
    elif answer.error:
        ways.memory.note(lane, Standing.FAILS)
    else:
        ways.memory.note(lane, Standing.ANSWERS, answer.elapsed)
