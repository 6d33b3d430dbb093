"""Ask resolvers for a record set, and ask again where one answer does not tell enough."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from mailmove.dns.client.answer import Answer, Server
from mailmove.dns.propagation.resolver_history import old_set_expiry, second_answer, with_history
from mailmove.dns.propagation.resolver_view import ServerView, changed, view_of
from mailmove.dns.propagation.several_caches import has_new_set, more_questions, take_in
from mailmove.records import RRset

Ask = Callable[[Sequence[Server]], Awaitable[list[Answer]]]
"""Asks each of the servers once for the set; a server may be named several times."""
Pause = Callable[[float], Awaitable[None]]

_MOMENT = 0.7  # seconds before an old set is asked for again: it may have been served stale, and be fetched meanwhile
_LONGEST = timedelta(seconds=5)  # of one look; who has not answered often enough by then is asked on at the next one


async def views_of_resolvers(
    ask: Ask,
    resolvers: Sequence[Server],
    earlier: Mapping[str, ServerView],
    served_since: datetime | None,
    before: RRset | None,
    after: RRset | None,
    *,
    pause: Pause = asyncio.sleep,
) -> list[ServerView]:
    """The view of every resolver, in order, with its history. earlier: ip:port -> its view of the look before.

    served_since: when every authority served the new set; None: they do not yet, and nobody is asked twice.
    """
    bound = old_set_expiry(served_since, before)

    async def answers_of(servers: Sequence[Server]) -> list[ServerView]:
        return [view_of(answer, before, after, cached=True) for answer in await ask(servers)]

    firsts = await answers_of(resolvers)
    known = [earlier.get(view.server) for view in firsts]
    views = [take_in(known_view, view) for known_view, view in zip(known, firsts, strict=True)]
    counts, paused, unwilling = [1] * len(views), False, set[int]()
    started = latest = max((view.at for view in firsts), default=served_since)
    while served_since:
        numbers = [
            more_questions(view, bound, known_view, count)
            for view, known_view, count in zip(views, known, counts, strict=True)
        ]
        again = [index for index, number in enumerate(numbers) if index not in unwilling for _ in range(number)]
        if not again or (latest and started and latest - started > _LONGEST):
            break
        if not paused and any(views[index].last == "old" for index in again):
            paused = True
            await pause(_MOMENT)
        for index, view in zip(again, await answers_of([resolvers[index] for index in again]), strict=True):
            counts[index] += 1
            latest = max(latest or view.at, view.at)
            if view.last is None:  # it answers no more, and is left in peace until the next look
                unwilling.add(index)
            views[index] = _one_more(views[index], view, known[index])
    if served_since:
        views = [_judged(view, known_view, bound) for view, known_view in zip(views, known, strict=True)]
    return [
        with_history(view, known_view, served_since, before, after)
        for view, known_view in zip(views, known, strict=True)
    ]


def _one_more(view: ServerView, answer: ServerView, earlier: ServerView | None) -> ServerView:
    """The view with one more answer of the same look; one that tells nothing does not count beside those that did."""
    if answer.last is None:
        return changed(view, sees=answer.sees, error=answer.error, at=answer.at) if view.last is None else view
    taken = take_in(view, answer)
    if taken.several:
        return taken
    taken = changed(taken, habit=view.habit, caught=view.caught, overdue=view.overdue)
    return second_answer(view, taken, earlier.promised if earlier else None)


def _judged(view: ServerView, earlier: ServerView | None, bound: datetime | None) -> ServerView:
    """The view whose `sees` counts all its caches: mixed where some may have the old set, and some have the new one."""
    if view.sees == "new" and not has_new_set(view, bound, earlier):
        return changed(view, sees="mixed")
    return changed(view, sees="mixed") if view.sees == "old" and view.flips else view
