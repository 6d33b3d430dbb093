"""The whole inventory of a company of 2,000 mailboxes, beside what is written first: a loop over the mailboxes.

The loop asks one session of the shell, one cmdlet a mailbox, for the same facts, and exchangelib, one mailbox after the
other, for large items. It is run on a sample of the mailboxes, and its time is told for all of them. The server is the
lab's, in a process of its own; a real one takes longer over each cmdlet, for both.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.bench import Result, Size, grown, in_fresh_process
from blocks.exchange.exchange_server import ExchangeServer
from mailmove.inventory.full import LARGEST_ITEM

_VERSION = "14.3.123.4"  # the first with inbox rules and archives: the most to ask
_EACH = ("Get-MailboxStatistics", "Get-MailboxFolderStatistics", "Get-MailboxPermission", "Get-ADPermission")


def run(tiny: bool) -> Result:
    mailboxes, sample = (60, 5) if tiny else (2000, 60)
    sizes = [_compared(count, sample) for count in ((mailboxes,) if tiny else (200, 600, mailboxes))]
    size = f"{mailboxes:,} mailboxes; the rival did {sample} of them, and its time is multiplied"
    return grown("inventory_2000", size, sizes, "one cmdlet a mailbox, one after the other", "s")


def _compared(mailboxes: int, sample: int) -> Size:
    with _server(mailboxes) as fields:
        mine = in_fresh_process("benchmarks.inventory_2000:whole", fields=fields, mailboxes=mailboxes)
        rival = in_fresh_process("benchmarks.inventory_2000:loop", fields=fields, mailboxes=mailboxes, sample=sample)
    return Size(mailboxes, mine.value, rival.value, mine.peak_mb)


def whole(fields: dict[str, Any], mailboxes: int) -> float:
    """Seconds for the whole inventory."""
    block = ExchangeServer.model_validate(fields)
    started = time.perf_counter()
    inventory = block.full_inventory()
    took = time.perf_counter() - started
    held = [box for box in inventory.mailboxes if box.kind != "public_folder"]
    if len(held) != mailboxes or len(inventory.folders) != mailboxes or not inventory.phones or inventory.not_read:
        raise RuntimeError(
            f"{len(held)} mailboxes, {len(inventory.folders)} with folders; not read: {inventory.not_read}"
        )
    return took


def loop(fields: dict[str, Any], mailboxes: int, sample: int) -> float:
    """Seconds that all mailboxes would take at the pace of the sample."""
    block = ExchangeServer.model_validate(fields)
    with block._shell() as shell, block._ews() as ews:
        addresses = [str(row["PrimarySmtpAddress"]) for row in shell.run("Get-Mailbox", ResultSize="Unlimited")]
        started = time.perf_counter()
        for address in addresses[:sample]:
            for cmdlet in _EACH:
                shell.run(cmdlet, Identity=address)
            for cmdlet in ("Get-InboxRule", "Get-ActiveSyncDeviceStatistics"):
                shell.run(cmdlet, Mailbox=address)
            list(ews.larger_than(address, LARGEST_ITEM))
        return (time.perf_counter() - started) / sample * mailboxes


@contextmanager
def _server(mailboxes: int) -> Iterator[dict[str, Any]]:
    """The old server in a process of its own; what a block for it needs."""
    command = [sys.executable, "-m", "lab.exchange.alone", _VERSION, str(mailboxes)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None and process.stdin is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()  # it ends when nobody listens any more
