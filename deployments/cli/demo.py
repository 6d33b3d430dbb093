"""Run `mailmove rehearse`: one cutover in a lab on this machine, shown in the terminal."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live

from deployments.cli.output import versioned
from deployments.server.box import Box, using
from deployments.server.home import temporary_home
from deployments.server.kept_secrets import API_STRING
from deployments.server.proxies import forget_proxies

if TYPE_CHECKING:
    from deployments.display.mail_landing import MailLanding
    from deployments.display.rehearsal_view import Frame
    from lab.mail.accountant import Account
    from lab.rehearsal import Rehearsal
    from mailmove.changes import Change
    from mailmove.plan.mover import PlannedMover

ADDS_UP, DOES_NOT, NO_LAB = 0, 1, 2
"""Exit status of a rehearsal whose messages are all accounted for, of one where they are not, and without a lab."""
_STUCK_SECONDS = 900.0
"""Seconds without a completed step after which an unattended rehearsal is given up as stuck."""
_PART_SECONDS = 4.0
"""Seconds of one small bar in the picture of where mail lands."""
_OF_LAB = ("aiosmtpd", "moto", "flask", "psrpcore", "trustme")
"""Modules of the extra `lab`."""


@dataclass(frozen=True)
class Options:
    """What the command was asked for. home: folder for the server's data; None: a temporary one."""

    hands_on: bool = False
    users: int = 14
    shared: int = 3
    public_folders: int = 2
    messages: int = 3000
    mover: PlannedMover = "native"
    home: Path | None = None
    out: Path | None = None
    stay: bool = False
    changes: bool = False
    as_json: bool = False


def demo(options: Options) -> int:
    """Run the rehearsal; exit status 0 when every message is accounted for and nothing stopped the cutover."""
    console = Console(stderr=options.as_json)
    if os.name == "nt":
        console.print("A rehearsal needs Unix's process groups: run it in WSL, or in a container.", markup=False)
        return NO_LAB
    if missing := [name for name in _OF_LAB if find_spec(name) is None]:
        console.print(
            f"The lab is not installed ({', '.join(missing)} missing). Install it with Mailmove:", markup=False
        )
        console.print('  uvx "mailmove[lab]" rehearse    or    pip install "mailmove[lab]"', markup=False)
        return NO_LAB
    for number in (signal.SIGTERM, signal.Signals["SIGHUP"]):  # so that what was started is ended then, too
        if signal.getsignal(number) is not signal.SIG_IGN:  # by nohup
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    forget_proxies()
    with ExitStack() as house:
        folder = options.home or house.enter_context(temporary_home())
        with _sign_of_life(console, "Starting a Prefect server and a worker"):
            box = house.enter_context(Box(folder))
            os.environ["TMPDIR"] = box.env["TMPDIR"]
            tempfile.tempdir = None  # what the lab writes lies in the home, too, and goes with it
            # Prefect reads its settings when it is imported: only now.
            house.enter_context(using(box))
            rehearsal = _made(options, house)
        console.print(f"Prefect UI: {box.ui} (to sign in: what stands in {folder / API_STRING})", soft_wrap=True)
        try:
            return _rehearse(rehearsal, box, options, console)
        except KeyboardInterrupt:
            console.print("Stopped. Everything ran on this machine only and is gone.")
            return 130


def _made(options: Options, house: ExitStack) -> Rehearsal:
    from lab.dns.resolver import HONEST, Behaviour
    from lab.hostile import be_hostile, chosen
    from lab.rehearsal import Rehearsal
    from lab.town import Town

    keeps_long = Behaviour("keeps answers too long", min_ttl=10)
    lab = Town(
        users=options.users,
        shared=options.shared,
        public_folders=options.public_folders,
        messages=options.messages,
        mover=options.mover,
        ttl=20,
        resolvers=(HONEST, HONEST, HONEST, HONEST, HONEST, keeps_long),
    )
    be_hostile(lab.faults, chosen())
    return Rehearsal(house.enter_context(lab), hands_on=options.hands_on)


def _rehearse(rehearsal: Rehearsal, box: Box, options: Options, console: Console) -> int:
    started = time.monotonic()
    rehearsal.start()
    if trouble := _watch(rehearsal, box, started, console):
        console.print(trouble, markup=False, style="red")
        return DOES_NOT
    with _sign_of_life(console, "The cutover is over. The senders finish, then every message is counted"):
        account = rehearsal.account()
    code = _show_account(rehearsal, account, time.monotonic() - started, options, console)
    if options.stay:
        _stay(rehearsal, box, console)
    return code


@contextmanager
def _sign_of_life(console: Console, words: str) -> Iterator[None]:
    """A spinner with the seconds where somebody watches, one line where nobody does."""
    if not console.is_terminal:
        console.print(f"{words} ...")
        yield
        return
    over, started = threading.Event(), time.monotonic()
    with console.status(words) as status:

        def count_seconds() -> None:
            while not over.wait(1):
                status.update(f"{words}: {time.monotonic() - started:.0f} s")

        thread = threading.Thread(target=count_seconds, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _watch(rehearsal: Rehearsal, box: Box, started: float, console: Console) -> str | None:
    """Show it until it is over; why it cannot go on, else None."""
    from deployments.display.rehearsal_view import rehearsal_view
    from tasks.engine.prefect_internals import one_client

    frames = _Frames(rehearsal, box.ui, started)
    with one_client(), Live(console=console, auto_refresh=False) as live:
        for second in count():
            over = rehearsal.step()
            if over or second % 2 == 0:  # each request costs the cutover a tenth of a second
                frame = frames.next()
                live.update(rehearsal_view(frame), refresh=True)
                if not console.is_terminal:
                    for name in frames.completed_now:
                        console.print(f"{frame.seconds:5.0f} s  {name}", markup=False, highlight=False)
            if over:
                return None
            if trouble := box.ended_part():
                return trouble
            if time.monotonic() - started - frames.last > _STUCK_SECONDS and not rehearsal.hands_on:
                return f"Given up: no step was completed in the last {_STUCK_SECONDS:.0f} s."
            time.sleep(1)
    return None


class _Frames:
    """Pictures of one rehearsal, one after the other; what each step took is known from those before.

    last: seconds from the start to the last completed step.
    """

    def __init__(self, rehearsal: Rehearsal, ui: str, started: float) -> None:
        from deployments.display.rehearsal_view import steps_not_used
        from mailmove.plan.load import plan_from

        self._rehearsal, self._ui, self._started = rehearsal, ui, started
        self._unused = steps_not_used(plan_from(rehearsal.town.plan()))
        self._took: dict[str, float] = {}
        self.last, self._done = 0.0, 0
        self._mail = _mail_lands(rehearsal, started)
        self.completed_now: list[str] = []

    def next(self) -> Frame:
        from deployments.display.rehearsal_view import Frame
        from tasks.parking.poll import last_results
        from tasks.reporting.status import statuses

        cutover = next(iter(statuses(1)), None)
        seconds = time.monotonic() - self._started
        done = cutover.done if cutover else []
        self.completed_now = done[self._done :]
        if self.completed_now:
            worked = [name for name in self.completed_now if name not in self._unused]
            for name in worked:  # those between two pictures share the time between them
                self._took[name] = (seconds - self.last) / len(worked)
            self.last, self._done = seconds, len(done)
        waits = cutover is not None and cutover.parked is not None and cutover.parked.startswith("wait")
        asked_in = cutover.asked_in if cutover and waits else None
        poll = last_results([asked_in]).get(asked_in) if asked_in else None
        mail, you = next(self._mail), self._rehearsal.hands_on
        return Frame(cutover, mail, self._ui, seconds, poll, dict(self._took), self._unused, you)


def _mail_lands(rehearsal: Rehearsal, started: float) -> Iterator[MailLanding]:
    """Where mail has landed by now, each time that it is asked."""
    from datetime import UTC, datetime, timedelta

    from deployments.display.mail_landing import MailLanding

    places = rehearsal.town.places
    began = datetime.now(UTC) - timedelta(seconds=time.monotonic() - started)
    while True:
        messages = rehearsal.town.senders.records()
        parts = 1 + int((datetime.now(UTC) - began).total_seconds() / _PART_SECONDS)
        old, cloud = [0] * parts, [0] * parts
        for message in messages:
            if message.outcome != "delivered" or message.settled is None or message.settled < began:
                continue
            part = min(parts - 1, int((message.settled - began).total_seconds() / _PART_SECONDS))
            (cloud if message.server == places.cloud else old)[part] += 1
        waiting = sum(1 for message in messages if message.outcome == "queued" and message.attempts)
        yield MailLanding(old, cloud, len(messages), waiting)


def _show_account(rehearsal: Rehearsal, account: Account, seconds: float, options: Options, console: Console) -> int:
    from deployments.display.account_view import Ending, account_view

    good = rehearsal.ended_well and account.adds_up
    if options.as_json:
        content: dict[str, Any] = {**account.to_json(), "seconds": round(seconds), "troubles": rehearsal.troubles}
        sys.stdout.write(json.dumps(versioned(content), indent=2, ensure_ascii=False) + "\n")
    ending = Ending(
        account,
        _changes_of(rehearsal),
        good,
        seconds,
        troubles=rehearsal.troubles,
        report=_written_report(options, account, seconds, console),
        all_changes=options.changes,
        stays=options.stay,
    )
    console.print()
    console.print(account_view(ending), highlight=False)
    return ADDS_UP if good else DOES_NOT


def _changes_of(rehearsal: Rehearsal) -> dict[str, list[Change]]:
    from tasks.ledger.ledger import Ledger
    from tasks.runbook import STAGES

    assert rehearsal.cutover is not None
    ledger = Ledger(rehearsal.town.name, rehearsal.cutover)
    changed = {stage.name: ledger.receipt(stage.name).changes for stage in STAGES}
    return {name: changes for name, changes in changed.items() if changes}


def _written_report(options: Options, account: Account, seconds: float, console: Console) -> str:
    """Write the customer's report, if a file was named for it; its path, or "". As data, if it is named `.json`."""
    if options.out is None:
        return ""
    from mailmove.report.page import report_html
    from tasks.reporting.collect import report_of_customer

    report = report_of_customer("northwind")
    if options.out.suffix == ".json":
        data = {"seconds": round(seconds), "totals": account.totals, "report": report.model_dump(mode="json")}
        text = json.dumps(versioned(data), indent=1, ensure_ascii=False) + "\n"
    else:
        text = report_html(report)
    try:
        options.out.write_text(text, encoding="utf-8")
    except OSError as error:
        console.print(f"{options.out}: {error.strerror}; the report was not written", style="red", markup=False)
        return ""
    return str(options.out)


def _stay(rehearsal: Rehearsal, box: Box, console: Console) -> None:
    """Leave server and lab up until Ctrl-C, with a plan for the other commands."""
    import yaml

    plan = box.home / "plan.yaml"
    plan.write_text(yaml.safe_dump(rehearsal.town.plan(), sort_keys=False), encoding="utf-8")
    console.print(f"\nEverything stays up until Ctrl-C. Prefect UI: {box.ui}\nIn another terminal:", highlight=False)
    console.print(f"  export MAILMOVE_HOME={box.home}", highlight=False, soft_wrap=True)
    for command in ("status", "report northwind", f"rollback {plan}"):
        console.print(f"  mailmove {command}", highlight=False, soft_wrap=True)
    while (trouble := box.ended_part()) is None:
        time.sleep(2)
    console.print(trouble, markup=False, style="red")
