"""Look at everything that is parked, of every customer, and wake what is due. It acts on what it finds."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from uuid import UUID

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import StateType

from tasks.asking import UNANSWERED
from tasks.looking import show_look, tells_nothing_new
from tasks.reviving import revive, to_be_revived
from tasks.silence import call_crashed, silent
from tasks.telling import tell_news
from tasks.waking import mend, parked_runs, wake
from tasks.watching import Looks, asks_anew, due, expired_gates, known_looks, look_at_all

STEP_SECONDS = 2.0
NEWS_SECONDS = 10.0


@flow
def watch(stay_seconds: float = 50.0, rest_seconds: float = 60.0) -> int:
    """Returns how many were woken.

    stay_seconds: it stays so long while something is due soon, to ask exactly then. rest_seconds: between two looks
    at a wait that cannot say when it will be done.
    """
    log = get_run_logger()
    end = time.monotonic() + stay_seconds
    woken: set[UUID] = set()
    own: Looks = {}
    next_news = 0.0
    while True:
        began = time.monotonic()
        for run in silent():
            if said := call_crashed(run):
                log.warning("%s: %s", run.name, said)
        for run in to_be_revived():
            if revived := revive(run):
                log.info("%s: %s", run.name, revived)
        parked = parked_runs(StateType.PAUSED, StateType.RUNNING)
        for one in parked:
            if mended := mend(one):
                log.info("%s, %s: %s", one.customer, one.what, mended)
        for one in expired_gates(parked, datetime.now(UTC)):
            log.info("%s, %s: nobody has answered in time; it is asked anew", one.customer, one.what)
            wake(one, UNANSWERED)
            woken.add(one.run.id)
        looks = known_looks(parked, own)
        waits = due(parked, datetime.now(UTC), rest_seconds, looks)
        for one, seen in asyncio.run(look_at_all(waits.now)):
            if not tells_nothing_new(seen, looks.get(one.run.id)):
                show_look(one.run.id, seen)
                log.info("%s, %s: %s", one.customer, one.what, seen.summary)
            own[one.run.id] = looks[one.run.id] = seen
            if seen.done or asks_anew(one, seen):
                wake(one)
                woken.add(one.run.id)
                del own[one.run.id]  # from now on the sub-flow itself says what is seen
        if time.monotonic() >= next_news:
            for line in tell_news(parked, looks):
                log.info("%s", line)
            next_news = time.monotonic() + NEWS_SECONDS
        asleep = [one for one in parked if one.run.id not in woken]
        pause = due(asleep, datetime.now(UTC), rest_seconds, looks).seconds_to_next
        if time.monotonic() + pause > end:
            return len(woken)
        # Something else may park meanwhile; and the server has half of its time for others, however long a look takes.
        time.sleep(max(min(pause, STEP_SECONDS), time.monotonic() - began))
