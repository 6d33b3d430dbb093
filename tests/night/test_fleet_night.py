"""Many customers in one night, on PostgreSQL, Redis, two API replicas and two workers, some of which die."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from big_box import BigBox, PostgreSql, redis
from wire_tap import tapped

from deployments.server.box import using

pytestmark = [
    pytest.mark.night,
    pytest.mark.timeout(4500),
    pytest.mark.skipif("SOAK" not in os.environ, reason="twenty minutes for thirty; `make fleet` runs it"),
]

CUSTOMERS = int(os.environ.get("FLEET", "6"))
ONCE = ("New-MigrationEndpoint", "New-MigrationBatch", "Remove-MigrationBatch", "Remove-MigrationEndpoint")


@pytest.fixture(scope="module")
def box() -> Iterator[BigBox]:
    with TemporaryDirectory(prefix="mailmove-") as home, ExitStack() as stack:
        folder = Path(home)
        folder.chmod(0o711)  # PostgreSQL's user must get through; pytest shuts its own folders each time that it starts
        database = PostgreSql(folder / "postgresql")
        stack.callback(database.stop)
        running = stack.enter_context(BigBox(folder / "box", database, stack.enter_context(redis(folder))))
        stack.enter_context(using(running))
        yield running


def test_many_customers_finish_although_a_worker_a_replica_and_the_database_die(box: BigBox) -> None:
    from lab.rehearsal import Rehearsal
    from lab.town import Town
    from tasks.parking.resume import parked_runs
    from tasks.reporting.status import statuses

    with ExitStack() as stack:
        heard = stack.enter_context(tapped())
        rehearsals = []
        for number in range(CUSTOMERS):
            town = stack.enter_context(
                Town(
                    name=f"customer-{number:02}", dns="rfc2136", users=1, shared=0, public_folders=0, messages=4, ttl=6,
                    senders=1, printers=0, mail_per_second=0.05, approve_after=1.0,
                )
            )  # fmt: skip
            rehearsals.append(Rehearsal(town))
            rehearsals[-1].start()

        def ended() -> int:
            return sum(status.ended for status in statuses(CUSTOMERS))

        def step_until(true: Callable[[], bool], seconds: float) -> None:
            deadline = time.monotonic() + seconds
            while not true():
                asked = parked_runs()  # once for all: the night needs both cores
                for rehearsal in rehearsals:
                    rehearsal.attend(asked)
                    assert rehearsal.troubles == []
                assert time.monotonic() < deadline, [
                    (status.customer, status.state, status.parked) for status in statuses(CUSTOMERS)
                ]
                time.sleep(5)

        step_until(lambda: sum(len(status.done) > 3 for status in statuses(CUSTOMERS)) >= CUSTOMERS // 3, 900)
        kill(box, "host-2")
        step_until(lambda: sum(len(status.done) > 6 for status in statuses(CUSTOMERS)) >= CUSTOMERS // 3, 900)
        kill(box, "api-1")
        box.database.restart()
        box.spawn_api("api-1", box.port, "--no-services")
        box.wait_until_healthy("api-1", box.port)
        box.start_worker_on("host-2", box.second)
        step_until(lambda: ended() == CUSTOMERS, 3600)

        assert Counter(status.state for status in statuses(CUSTOMERS)) == {"Completed": CUSTOMERS}
        calls = Counter(heard)
        assert {name: calls[name] for name in ONCE} == dict.fromkeys(ONCE, CUSTOMERS), "each once for each customer"
        for rehearsal in rehearsals:
            account = rehearsal.account()
            assert account.adds_up, "\n".join(account.summary())


def kill(box: BigBox, name: str) -> None:
    """kill -9 of that one process."""
    os.kill(box.parts[name].pid, signal.SIGKILL)
    box.parts[name].wait(10)
