"""Look at everything that is parked, of every customer, and wake what is due. It acts on what it finds."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import StateType

from tasks.notifications.deliver import Records, tell_news
from tasks.parking.detect_zombies import call_crashed, silent
from tasks.parking.due_polls import Looks, asks_anew, due, expired_gates, keep_looks, known_looks, look_at_all, renewed
from tasks.parking.gate_questions import UNANSWERED
from tasks.parking.poll import tells_nothing_new
from tasks.parking.restart_crashed import revive, to_be_revived
from tasks.parking.wake import Parked, mend, moved_lately, parked_runs, wake_all

STEP_SECONDS = 2.0
SOON_SECONDS = 50.0
NEWS_SECONDS = 10.0
READING_SECONDS = 10.0
READING_SHARE = 19
"""A reading of everything that is parked is followed by so many times its own length without one."""
_CLOCKS_APART = timedelta(minutes=1)


@flow
def watch(stay_seconds: float = 300.0, rest_seconds: float = 60.0) -> int:
    """Returns how many were woken.

    It stays while something is due soon, to ask exactly then: a new start costs seconds in which nobody looks.
    stay_seconds: but no longer than this. rest_seconds: between two looks at a wait that cannot say when it will be
    done.
    """
    log = get_run_logger()
    end = time.monotonic() + stay_seconds
    woken = 0
    parked: list[Parked] = []
    own: Looks = {}
    looks: Looks = {}
    told: Records = {}
    next_reading = next_glance = next_news = 0.0
    read_at = datetime.now(UTC)
    while True:
        fresh: list[Parked] = []
        if time.monotonic() >= next_reading:
            began, read_at = time.monotonic(), datetime.now(UTC)
            for said in bring_back_the_dead():
                log.warning("%s", said)
            fresh = parked_runs(StateType.PAUSED, StateType.RUNNING)
            parked, looks = [], {}
            # The server has most of its time for others, however long a reading takes.
            next_reading = time.monotonic() + max(READING_SECONDS, READING_SHARE * (time.monotonic() - began))
            next_glance = time.monotonic() + STEP_SECONDS
        elif time.monotonic() >= next_glance:
            fresh = moved_lately(read_at - _CLOCKS_APART)
            next_glance = time.monotonic() + STEP_SECONDS
        if fresh:
            parked = renewed(parked, fresh)
            looks |= known_looks(fresh, own)
            for one in fresh:
                if mended := mend(one):
                    log.info("%s, %s: %s", one.customer, one.what, mended)
        unanswered = expired_gates(parked, datetime.now(UTC))
        for one in unanswered:
            log.info("%s, %s: nobody has answered in time; it is asked anew", one.customer, one.what)
        wake_all(unanswered, UNANSWERED)
        seen = asyncio.run(look_at_all(due(parked, datetime.now(UTC), rest_seconds, looks).now))
        new = [(one, look) for one, look in seen if not tells_nothing_new(look, looks.get(one.run.id))]
        for one, look in new:
            log.info("%s, %s: %s", one.customer, one.what, look.summary)
        keep_looks(new)
        seen_now = {one.run.id: look for one, look in seen}
        own |= seen_now
        looks |= seen_now
        come = [one for one, look in seen if look.done or asks_anew(one, look)]
        wake_all(come)
        gone = {one.run.id for one in unanswered + come}
        own = {run: look for run, look in own.items() if run not in gone}  # now the sub-flow itself says what is seen
        woken += len(gone)
        if time.monotonic() >= next_news:
            for line in tell_news(parked, looks, told):
                log.info("%s", line)
            next_news = time.monotonic() + NEWS_SECONDS
        parked = [one for one in parked if one.run.id not in gone]
        pause = due(parked, datetime.now(UTC), rest_seconds, looks).seconds_to_next
        if pause > SOON_SECONDS or time.monotonic() + pause > end:
            return woken
        time.sleep(min(pause, STEP_SECONDS))  # something else may park meanwhile


def bring_back_the_dead() -> list[str]:
    """Cutovers that were cut short, and those whose process and host have died without a word; lines for the log."""
    told = [(run, call_crashed(run)) for run in silent()]
    told += [(run, revive(run)) for run in to_be_revived()]
    return [f"{run.name}: {said}" for run, said in told if said]
