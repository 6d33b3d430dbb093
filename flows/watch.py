"""Poll everything that is parked, of every customer, and resume what is due. It acts on what it finds."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from prefect import flow, get_run_logger

from mailmove.clock import clock, now
from tasks.notifications.deliver import Records, notify_all
from tasks.parking.detect_zombies import mark_crashed, zombie_cutovers
from tasks.parking.due_polls import Results, due, expired_gates, is_to_resume, known_results, renewed
from tasks.parking.gate_questions import UNANSWERED
from tasks.parking.halted import mend_halted
from tasks.parking.one_run import adopt
from tasks.parking.poll import is_to_remember, says_nothing_new
from tasks.parking.restart_crashed import cutovers_to_restart, restart
from tasks.parking.resume import Parked, mend, resume_all
from tasks.parking.rolled_back import keep_rolled_back, without_rolled_back
from tasks.parking.start_stuck import start_stuck
from tasks.parking.watcher import Watcher
from tasks.retention.watch_runs import thin_out

_CLOCKS_APART = timedelta(minutes=1)

Log = logging.Logger | logging.LoggerAdapter[Any]


@flow
def watch(stay_seconds: float = 300.0, rest_seconds: float = 60.0) -> int:
    """Returns how many were resumed.

    It stays while something is due soon, to poll exactly then: a new start costs seconds in which nobody polls.
    stay_seconds: but no longer than this. rest_seconds: between two polls of a wait that cannot say when it will be
    done.
    """
    thin_out()
    return keep_watch(Watcher(), get_run_logger(), stay_seconds=stay_seconds, rest_seconds=rest_seconds)


def keep_watch(watcher: Watcher, log: Log, *, stay_seconds: float, rest_seconds: float) -> int:
    """What `watch` does, by a watcher that is handed in."""
    end = clock().monotonic() + stay_seconds
    resumed = 0
    parked: list[Parked] = []
    own: Results = {}
    results: Results = {}
    notified: Records = {}
    next_reading = next_step = next_notices = 0.0
    read_at = now()
    while True:
        fresh: list[Parked] = []
        if clock().monotonic() >= next_reading:
            began, read_at = clock().monotonic(), now()
            for line in [*keep_rolled_back(), *restart_zombies()]:
                log.warning("%s", line)
            fresh = _of_living(watcher.read_all(), log)
            for line in [*mend_halted(fresh), *adopt(fresh)]:
                log.warning("%s", line)
            parked, results = [], {}
            # The server has most of its time for others, however long a reading takes.
            next_reading = clock().monotonic() + max(
                watcher.reading_seconds, watcher.reading_share * (clock().monotonic() - began)
            )
            next_step = clock().monotonic() + watcher.step_seconds
        elif clock().monotonic() >= next_step:
            fresh = _of_living(watcher.read_lately(read_at - _CLOCKS_APART), log)
            next_step = clock().monotonic() + watcher.step_seconds
        if fresh:
            parked = renewed(parked, fresh)
            results |= known_results(fresh, own)
            for question in fresh:
                if mended := mend(question):
                    log.info("%s, %s: %s", question.customer, question.title, mended)
        unanswered = expired_gates(parked, now())
        for question in unanswered:
            log.info("%s, %s: nobody has answered in time; it is asked anew", question.customer, question.title)
        resume_all(unanswered, UNANSWERED)
        polled = watcher.poll(due(parked, now(), rest_seconds, results).now)
        new = [(wait, result) for wait, result in polled if not says_nothing_new(result, results.get(wait.run.id))]
        for wait, result in new:
            (log.error if result.faults else log.info)("%s, %s: %s", wait.customer, wait.title, result.summary)
        watcher.keep(new)
        written = {wait.run.id for wait, _ in new}
        watcher.remember(
            [
                (wait, result)
                for wait, result in polled
                if wait.run.id not in written and is_to_remember(result, results.get(wait.run.id))
            ]
        )
        latest = {wait.run.id: result for wait, result in polled}
        own |= latest
        results |= latest
        ready = [wait for wait, result in polled if is_to_resume(result)]
        resume_all(ready)
        gone = {question.run.id for question in unanswered + ready}
        own = {run: result for run, result in own.items() if run not in gone}  # now the sub-flow itself polls
        resumed += len(gone)
        if clock().monotonic() >= next_notices:
            for line in notify_all(parked, results, notified):
                log.info("%s", line)
            next_notices = clock().monotonic() + watcher.notify_seconds
        parked = [question for question in parked if question.run.id not in gone]
        pause = due(parked, now(), rest_seconds, results).seconds_to_next
        if pause > watcher.soon_seconds or clock().monotonic() + pause > end:
            return resumed
        clock().sleep(min(pause, watcher.step_seconds))  # something else may park meanwhile


def _of_living(read: list[Parked], log: Log) -> list[Parked]:
    """Questions whose cutover was not rolled back; the other ones are closed, and said so."""
    living, lines = without_rolled_back(read)
    for line in lines:
        log.warning("%s", line)
    return living


def restart_zombies() -> list[str]:
    """Restart runs that were cut short, or whose process and host have died without a word; lines for the log.

    So are those that a worker took and never started.
    """
    stuck = start_stuck()
    done = [(run, mark_crashed(run)) for run in zombie_cutovers()]
    done += [(run, restart(run)) for run in cutovers_to_restart()]
    return [*stuck, *(f"{run.name}: {words}" for run, words in done if words)]
