"""Resolvers of several caches behind one address, simulated on a clock of their own: RFC 1034 caching, nothing else.

A cache serves what it has until its TTL has run out, then it asks the zone. Which cache a question reaches is drawn,
goes round, or goes round with other people's questions in between.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from mailmove.dns.client.answer import Answer, Server
from mailmove.dns.propagation.measure import PropagationSweep, forecast, judge, next_poll
from mailmove.dns.propagation.repeated_questions import views_of_resolvers
from mailmove.dns.propagation.resolver_view import ServerView
from mailmove.records import RRset

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
"""When every authority serves the new set."""
Choice = Literal["random", "round-robin", "busy"]


@dataclass
class SimulatedResolver:
    """caches: when the copy of each expires, seconds from NOON, and whether it is the old set. ttl: of both sets."""

    caches: list[tuple[float, bool]]
    choice: Choice
    ttl: int
    draw: random.Random
    shown_until: float = 1e9
    """Seconds from NOON that no TTL reaches beyond: who keeps the old set longer shows 0 then."""
    turn: int = 0
    asked: int = 0

    def answer(self, at: float) -> tuple[bool, int]:
        """(is it the old set, remaining TTL) of one question."""
        self.asked += 1
        self.turn += 1 if self.choice == "round-robin" else self.draw.randrange(1, 4)
        count = len(self.caches)
        index = self.draw.randrange(count) if self.choice == "random" else self.turn % count
        if self.caches[index][0] <= at:
            self.caches[index] = (at + self.ttl, False)
        expires, old = self.caches[index]
        return old, max(0, int(min(expires, self.shown_until if old else expires) - at))

    def holds_old(self, at: float) -> bool:
        return any(old and expires > at for expires, old in self.caches)


@dataclass
class Wait:
    """A wait for propagation at simulated resolvers, from `at` seconds after NOON on."""

    resolvers: dict[Server, SimulatedResolver]
    before: RRset
    after: RRset
    at: float = 0.0
    sweeps: list[PropagationSweep] = field(default_factory=list)
    silent: set[Server] = field(default_factory=set)
    """Resolvers that do not answer: that is known after 5 seconds."""
    patient: int = 10**6
    """Questions of one look that a resolver answers; it is silent to more."""

    @property
    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.at)

    async def ask(self, servers: Sequence[Server]) -> list[Answer]:
        self.at += 0.03
        answers, tired = [], [server for server in servers if self.resolvers[server].asked >= self.patient]
        for server in servers:
            if server in self.silent or server in tired:
                at = self.now + timedelta(seconds=5)
                answers.append(
                    Answer(f"{server[0]}:{server[1]}", self.after.name, self.after.type, error="timeout", at=at)
                )
                continue
            old, left = self.resolvers[server].answer(self.at)
            rrset = self.before if old else self.after
            at, text = self.now, f"{server[0]}:{server[1]}"
            answers.append(Answer(text, rrset.name, rrset.type, "NOERROR", rrset.values, left, at=at))
        self.at += 5 if tired or self.silent & {*servers} else 0
        return answers

    async def pause(self, seconds: float) -> None:
        self.at += seconds

    def look(self) -> PropagationSweep:
        earlier = {view.server: view for view in self.sweeps[-1].resolvers} if self.sweeps else {}
        asking = views_of_resolvers(
            self.ask, list(self.resolvers), earlier, NOON, self.before, self.after, pause=self.pause
        )
        zone = ServerView(server="192.0.2.9:53", sees="new", at=self.now)
        views = asyncio.run(asking)
        sweep = PropagationSweep(at=self.now, authorities=[zone], resolvers=views, served_since=NOON)
        self.sweeps.append(PropagationSweep.model_validate_json(sweep.model_dump_json()))
        return self.sweeps[-1]

    def until_done(self, seconds: float) -> float:
        """Seconds from NOON at which it is declared done, looking when `next_poll` says."""
        while not judge(self.look(), 1.0):
            due = next_poll(self.sweeps[-1], 1.0)
            assert due is not None
            assert self.at < seconds, self.sweeps[-1]
            self.at = max(self.at, (due - NOON).total_seconds())
        return self.at

    @property
    def first_forecast(self) -> datetime | None:
        return forecast(self.sweeps[0], 1.0)
