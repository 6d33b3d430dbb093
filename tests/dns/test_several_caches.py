"""Several caches behind one address: never done while one of them has the old set, and never later than need be."""

from __future__ import annotations

import random

import pytest
from dns_town import ZONE
from simulated_resolvers import Choice, SimulatedResolver, Wait

from lab.dns.zone_data import rrset
from mailmove.dns.propagation.several_caches import ENOUGH

TTL = 60
OLD = rrset(ZONE, "MX", TTL, "10 mail.contoso.test.")
NEW = rrset(ZONE, "MX", TTL, "0 contoso-test.j-v1.mx.microsoft.")
SERVER = ("192.0.2.53", 53)
LOOK = 1.6
"""Seconds by which a wait may end after the last cache has the new set: a look, and TTLs in whole seconds."""


def drawn(seed: int) -> SimulatedResolver:
    """One to nine caches, of which some hold the old set, each since a time of its own."""
    draw = random.Random(seed)
    count, share = draw.randint(1, 9), draw.choice((0.15, 0.5, 1.0))
    caches = [(draw.uniform(0, TTL) if draw.random() < share else 0.0, True) for _ in range(count)]
    choices: tuple[Choice, ...] = ("random", "round-robin", "busy")
    return SimulatedResolver(caches, draw.choice(choices), TTL, draw)


def test_none_of_200_is_done_while_a_cache_has_the_old_set_or_after_the_last_possible_moment() -> None:
    early, late = [], []
    for seed in range(200):
        resolver = drawn(seed)
        wait = Wait({SERVER: resolver}, OLD, NEW)
        done = wait.until_done(2 * TTL)
        early += [(seed, done)] if resolver.holds_old(done) else []
        late += [(seed, done)] if done > TTL + LOOK else []
    assert (early, late) == ([], [])


@pytest.mark.parametrize("left", [0.0, 3.0, 21.4, 59.0])
def test_a_single_cache_is_done_when_its_own_ttl_has_run_out(left: float) -> None:
    resolver = SimulatedResolver([(left, True)], "random", TTL, random.Random(1))
    wait = Wait({SERVER: resolver}, OLD, NEW)
    done = wait.until_done(2 * TTL)
    assert left <= done <= left + LOOK
    first = wait.first_forecast
    assert first is not None and abs((first - wait.sweeps[-1].at).total_seconds()) < LOOK
    assert all(not view.several and view.habit is None for sweep in wait.sweeps for view in sweep.resolvers)
    assert len(wait.sweeps) <= 3 and resolver.asked <= ENOUGH + 20


def test_a_resolver_that_flips_is_mixed_until_its_oldest_answer_is_gone() -> None:
    resolver = SimulatedResolver([(0.0, True), (48.0, True)], "round-robin", TTL, random.Random(1))
    wait = Wait({SERVER: resolver}, OLD, NEW)
    [view] = wait.look().resolvers
    assert view.sees == "mixed" and view.flips and not view.left_out
    assert "is several caches" in str(view) and view.clear_at is not None
    assert 48 <= wait.until_done(2 * TTL) <= TTL + LOOK
    [view] = wait.sweeps[-1].resolvers
    assert view.habit is None, "nobody is slandered: each of its caches keeps to the TTL"


def test_who_was_seen_with_the_new_set_alone_goes_back_to_mixed_when_an_old_one_comes() -> None:
    resolver = SimulatedResolver([(0.0, True)], "random", TTL, random.Random(1))
    wait = Wait({SERVER: resolver}, OLD, NEW)
    assert wait.look().resolvers[0].sees == "new"
    resolver.caches, wait.at = [(55.0, True)], 10.0  # a balancer that sent us to one cache, and now to another
    assert wait.look().resolvers[0].sees == "mixed"
    resolver.caches.append((70.0, False))
    assert wait.look().resolvers[0].sees == "mixed"
    assert wait.until_done(2 * TTL) >= 55


def test_a_silent_neighbour_keeps_nobody_from_being_asked_often_enough() -> None:
    resolver, dead = (SimulatedResolver([(0.0, True)], "random", TTL, random.Random(1)) for _ in range(2))
    wait = Wait({SERVER: resolver, ("192.0.2.54", 53): dead}, OLD, NEW, silent={("192.0.2.54", 53)})
    assert [view.sees for view in wait.look().resolvers] == ["new", "failing"]


def test_who_answers_a_few_questions_only_is_left_in_peace_for_this_look() -> None:
    resolver = SimulatedResolver([(0.0, True)], "random", TTL, random.Random(1))
    wait = Wait({SERVER: resolver}, OLD, NEW, patient=20)
    [view] = wait.look().resolvers
    assert (view.sees, view.fresh) == ("mixed", 25) and "25 answers in a row" in str(view) and wait.at < 6
    resolver.asked = 0  # it takes questions again
    wait.at = TTL + 1.5
    assert wait.look().resolvers[0].sees == "new" and resolver.asked == 1


def test_after_the_last_possible_moment_one_of_several_that_extends_ttls_is_still_found() -> None:
    """The cache that extends shows 0, 0, 0 until it lets go: by TTLs nobody could have the old set any more."""
    resolver = SimulatedResolver([(0.0, True), (5.0, True), (TTL + 25.0, True)], "random", TTL, random.Random(3))
    resolver.shown_until = TTL
    done = Wait({SERVER: resolver}, OLD, NEW).until_done(3 * TTL)
    assert TTL + 25 <= done <= TTL + 40
