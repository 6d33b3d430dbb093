"""Run `mailmove rehearse`: one cutover in a lab on this machine, shown in the terminal."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape

from deployments.cli.output import versioned
from deployments.server.box import Box
from deployments.server.home import temporary_home
from deployments.server.kept_secrets import API_STRING
from deployments.server.proxies import forget_proxies

if TYPE_CHECKING:
    from lab.mail.accountant import Account
    from lab.rehearsal import Rehearsal

ADDS_UP, DOES_NOT = 0, 1
"""Exit status of a rehearsal whose messages are all accounted for, and of one where they are not."""
_LONGEST_SECONDS = 900.0
"""Seconds after which an unattended rehearsal is given up as stuck."""


def demo(
    *, hands_on: bool, users: int, shared: int, public_folders: int, messages: int, home: Path | None, as_json: bool
) -> int:
    """Run the rehearsal; exit status 0 when every message is accounted for and nothing stopped the cutover."""
    console = Console(stderr=as_json)
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that what was started is ended then, too
        if signal.getsignal(number) is not signal.SIG_IGN:  # by nohup
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    forget_proxies()
    with ExitStack() as house:
        folder = home or house.enter_context(temporary_home())
        console.print("Starting a Prefect server and a worker (about 20 s) ...")
        box = house.enter_context(Box(folder))
        os.environ.update({name: value for name, value in box.env.items() if name.startswith(("PREFECT_", "TMPDIR"))})
        tempfile.tempdir = None  # what the lab writes lies in the home, too, and goes with it
        # Prefect reads its settings when it is imported: only now.
        from lab.rehearsal import Rehearsal
        from lab.town import Town

        console.print(f"Prefect UI: {box.ui} (to sign in: what stands in {folder / API_STRING})", soft_wrap=True)
        lab = house.enter_context(
            Town(users=users, shared=shared, public_folders=public_folders, messages=messages, ttl=20)
        )
        rehearsal = Rehearsal(lab, hands_on=hands_on)
        started = time.monotonic()
        rehearsal.start()
        try:
            if words := _watch(rehearsal, box, started, console):
                console.print(f"[bold red]The rehearsal cannot go on:[/] {escape(words)}")
                return DOES_NOT
            console.print("The cutover is over; letting the senders finish and counting every message ...")
            account = rehearsal.account()
            return _show_account(rehearsal, account, time.monotonic() - started, console, as_json)
        except KeyboardInterrupt:
            console.print("Stopped. Everything ran on this machine only and is gone.")
            return 130


def _watch(rehearsal: Rehearsal, box: Box, started: float, console: Console) -> str | None:
    """Show the cutover until it is over; what stands in the way when server or worker has ended by itself."""
    from deployments.display.render import rehearsal_view
    from tasks.engine.prefect_internals import one_client
    from tasks.reporting.status import statuses

    with one_client(), Live(console=console, refresh_per_second=4, transient=False) as live:
        for second in count():
            if words := box.ended_part():
                return words
            over = rehearsal.step()
            seconds = time.monotonic() - started
            if over or second % 2 == 0:  # each request costs the cutover a tenth of a second
                live.update(rehearsal_view(next(iter(statuses(1)), None), _counters(rehearsal), box.ui, seconds))
            if over or (seconds > _LONGEST_SECONDS and not rehearsal.hands_on):
                return None
            time.sleep(1)
    return None


def _counters(rehearsal: Rehearsal) -> dict[str, int]:
    sent = rehearsal.town.senders.records()
    return {
        "mail sent": len(sent),
        "at the old server": sum(len(box.items) for box in list(rehearsal.town.old.store.mailboxes.values())),
        "in the cloud": sum(len(box.items) for box in list(rehearsal.town.cloud.store.mailboxes.values())),
        "waiting at its sender": sum(1 for message in sent if message.outcome == "queued"),
    }


def _show_account(rehearsal: Rehearsal, account: Account, seconds: float, console: Console, as_json: bool) -> int:
    from tasks.ledger.ledger import Ledger
    from tasks.parking.question_text import line_of
    from tasks.runbook import STAGES

    assert rehearsal.cutover is not None
    if as_json:
        content: dict[str, Any] = {**account.to_json(), "seconds": round(seconds), "troubles": rehearsal.troubles}
        sys.stdout.write(json.dumps(versioned(content), indent=2, ensure_ascii=False) + "\n")
    console.print("\n[bold]Every message of the cutover[/] (counted by the lab, not by Mailmove)")
    for line in account.summary():
        console.print(f"  {line}", highlight=False)
    console.print("\n[bold]What was changed[/], each with what stood there before; `mailmove rollback` puts it back")
    ledger = Ledger("northwind", rehearsal.cutover)
    for stage in STAGES:
        for change in ledger.receipt(stage.name).changes:
            console.print(f"  {stage.name}: {line_of(change)}", highlight=False, overflow="ellipsis", no_wrap=True)
    for trouble in rehearsal.troubles:
        console.print(f"[bold red]Held up:[/] {trouble}")
    good = rehearsal.ended_well and account.adds_up
    console.print(f"\n{'[bold green]It adds up' if good else '[bold red]It does not add up'}[/] after {seconds:.0f} s.")
    return ADDS_UP if good else DOES_NOT
