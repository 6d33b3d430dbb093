"""When has the world noticed a change of a record set?

Every resolver is given a forecast from the TTL that it shows, and is asked again exactly then (`views.py`). A promise
counts only from the moment when every authoritative server served the new set: before that, a resolver may honestly
fetch the old one again. So authorities are asked first, then resolvers. 8.74 % of 8,524 resolvers measured extend
TTLs ("TTL Violation of DNS Resolvers in the Wild", PAM 2023); each that is caught is named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from mailmove.dns.client.query import Server, ask_all
from mailmove.dns.propagation.resolver_view import (
    AUTHORITY_AGAIN,
    Sees,
    View,
    held,
    last_honest,
    remembered,
    twice,
    view_of,
)
from mailmove.dns.propagation.text_chart import picture
from mailmove.dns.zone.authority import Authority, ask_authorities
from mailmove.evidence import PollResult
from mailmove.plan.quorum import Policy, as_policy
from mailmove.records import RRset

__all__ = ["Sees", "Sweep", "View", "forecast", "judge", "look", "next_poll", "old_ttl_over", "sweep"]

_SOONEST = timedelta(seconds=0.5)
_AGAIN = timedelta(seconds=5)
_MOMENT = 0.7  # seconds between two questions to one resolver: it may have served stale, and be fetching meanwhile
_ENOUGH = 1e-6  # shares are sums of floating point numbers


class Sweep(BaseModel):
    """One look at everybody. JSON-able; the next sweep takes it as `previous`."""

    at: datetime
    authorities: list[View]
    resolvers: list[View]
    served_since: datetime | None = Field(
        default=None, description="Since when every authority is known to serve the new set"
    )


async def sweep(
    before: RRset | None,
    after: RRset | None,
    authorities: Sequence[Authority],
    resolvers: Sequence[Server],
    *,
    previous: Sweep | None = None,
    dns_port: int = 53,
    timeout: float = 5.0,
) -> Sweep:
    """Ask every authority, then every resolver, for the set that goes from `before` to `after`.

    None stands for "no such set". If only the TTL differs, a resolver is "new" as soon as what it holds will be gone
    within the new TTL. Raises nothing for trouble on the network: such a view is "failing".
    """
    present = after or before
    assert present is not None, "one of before and after must be a record set"
    said = await ask_authorities(authorities, present.name, present.type, dns_port=dns_port, timeout=timeout)
    bosses = [view_of(answer, before, after, cached=False) for answer in said]
    served_since = _served_since(bosses, previous)
    earlier = {view.server: view for view in previous.resolvers} if previous else {}
    known_bosses = {view.server: view for view in previous.authorities} if previous else {}
    bosses = [remembered(view, known_bosses.get(view.server)) for view in bosses]

    async def ask(servers: Sequence[Server]) -> list[View]:
        answers = await ask_all(servers, present.name, present.type, recursive=True, timeout=timeout)
        return [view_of(answer, before, after, cached=True) for answer in answers]

    views = await ask(resolvers)
    doubtful = [index for index, view in enumerate(views) if _doubtful(view, earlier.get(view.server), before)]
    if doubtful and served_since:
        await asyncio.sleep(_MOMENT)
        for index, second in zip(doubtful, await ask([resolvers[index] for index in doubtful]), strict=True):
            known = earlier.get(second.server)
            views[index] = twice(views[index], second, known.promised if known else None)
    views = [held(view, earlier.get(view.server), served_since, before, after) for view in views]
    return Sweep(
        at=max([view.at for view in (*bosses, *views)]), authorities=bosses, resolvers=views, served_since=served_since
    )


def judge(seen: Sweep, policy: Policy | float) -> bool:
    """Has the world noticed? Every authority serves the new set, and so much of the resolvers' weight has it.

    policy: a number is a quorum of that share. A resolver that never answered is left out, unless most did not.
    """
    served = bool(seen.authorities) and all(view.sees == "new" for view in seen.authorities)
    counted = _counted(seen, as_policy(policy))
    return served and sum(weight for view, weight in counted if view.sees == "new") + _ENOUGH >= _needed(
        counted, policy
    )


def old_ttl_over(seen: Sweep, before: RRset) -> datetime | None:
    """When nobody honest can still hold `before`: its whole TTL after the last authority served the new set."""
    return last_honest(seen.served_since, before)


def forecast(seen: Sweep, policy: Policy | float) -> datetime | None:
    """When `judge` should say yes, UTC; None while it cannot be told (an authority lags, too many fail)."""
    if seen.served_since is None:
        return None
    counted = _counted(seen, as_policy(policy))
    clear = [(seen.at if view.sees == "new" else view.clear_at, weight) for view, weight in counted]
    needed, have = _needed(counted, policy), 0.0
    for time, weight in sorted((time, weight) for time, weight in clear if time):
        have += weight
        if have + _ENOUGH >= needed:
            return time
    return None


def next_poll(seen: Sweep, policy: Policy | float) -> datetime | None:
    """When the next answer can differ: the soonest time at which anyone is due. None: it is done."""
    if judge(seen, policy):
        return None
    due = [view.look_at for view in seen.resolvers if view.look_at and not view.out_of_reach]
    if seen.served_since is None:
        due = [seen.at + AUTHORITY_AGAIN]  # resolvers do not matter yet
    return max(min(due, default=seen.at + _AGAIN), seen.at + _SOONEST)


def look(seen: Sweep, policy: Policy | float) -> PollResult:
    """The sweep as an administrator wants to read it."""
    new = sum(1 for view in seen.resolvers if view.sees == "new")
    served = sum(1 for view in seen.authorities if view.sees == "new")
    summary = f"{served} of {len(seen.authorities)} name servers and {new} of {len(seen.resolvers)} resolvers have it"
    slow = [f"authoritative {view}" for view in seen.authorities if view.sees != "new"]
    slow += [str(view) for view in seen.resolvers if view.sees != "new" or view.extends or view.habit]
    return PollResult(
        done=judge(seen, policy),
        summary=summary,
        forecast=forecast(seen, policy),
        next_poll=next_poll(seen, policy),
        details=slow,
        picture=picture(seen.authorities, seen.resolvers, seen.at),
    )


def _counted(seen: Sweep, policy: Policy) -> list[tuple[View, float]]:
    """The resolvers that count, with their weights. If most are out of reach, they all count: that proves nothing."""
    reached = [view for view in seen.resolvers if not view.out_of_reach]
    if 2 * len(reached) < len(seen.resolvers):
        reached = seen.resolvers
    return list(zip(reached, policy.weights_of([view.server for view in reached]), strict=True))


def _needed(counted: Sequence[tuple[View, float]], policy: Policy | float) -> float:
    return as_policy(policy).needed() if counted else 0.0


def _doubtful(view: View, earlier: View | None, before: RRset | None) -> bool:
    """Is a second answer worth while? The old set is seen for the first time, or after it should be gone."""
    if view.sees != "old" or before is None:
        return False
    promised = earlier.promised if earlier else None
    return promised is None or (view.at > promised and earlier is not None and earlier.overdue == 0)


def _served_since(bosses: Sequence[View], previous: Sweep | None) -> datetime | None:
    """Since when all serve the new set. One that only fails to answer now has not stopped serving it."""
    known = previous.served_since if previous else None
    if not bosses or any(view.sees in ("old", "mixed") for view in bosses):
        return None
    if all(view.sees == "new" for view in bosses):
        return known or max(view.at for view in bosses)
    return known
