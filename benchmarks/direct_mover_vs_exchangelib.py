"""Small items from one server to another: the direct mover, killed -9 again and again, beside a loop with exchangelib.

Both servers are the lab's, each in a process of its own, and 10 ms away from either: an office line and a near data
centre are 20 to 50. (With no way at all between them, which nobody has, the ratio is 3.8: then it is a comparison of
parsers, and the servers' own work is on the same cores.) Microsoft's limits of a mailbox
(10,000 requests in ten minutes) are switched off on our side: on a real tenant they, not we, set the pace. The rival
is the loop that everybody writes first: read a message, save it in the other mailbox. Its rate is measured on a
sample, half of it before our part and half after, so that a machine with other things to do is the same for both.
Ours counts every second that the mover is at work from its first question to its last, in all its lives,
looking again after a kill included.

`python -m benchmarks.direct_mover_vs_exchangelib 100000 10` chooses the number of items and of kills.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.bench import Result, Size, grown, in_fresh_process
from lab.move_town import Served, addresses, both

_VERSION = "8.3.83.6"  # SBS 2008: no streams, so messages travel as MIME
_AWAY = 0.01  # seconds for a question and its answer
_SETTLE = 2.0  # seconds; the lab's cloud shows what it holds sooner than Microsoft's


def run(tiny: bool) -> Result:
    if tiny:
        return compare(100, 1, 20)
    return compare(100_000, 10, 400, smaller=((1_000, 1, 80), (10_000, 3, 400)))


def compare(items: int, kills: int, sample: int, smaller: tuple[tuple[int, int, int], ...] = ()) -> Result:
    """smaller: (items, kills, sample) of other sizes, to show how it grows."""
    sizes = [_compared(*measure) for measure in (*smaller, (items, kills, sample))]
    size = (
        f"{items:,} items in {_boxes(items)} mailboxes, {_AWAY * 1000:.0f} ms away, killed {kills} times; "
        f"the rival did {sample}"
    )
    rival = "exchangelib, item by item"
    return grown("direct_mover_vs_exchangelib", size, sizes, rival, "items/s", more_is_better=True)


def _boxes(items: int) -> int:
    return 2 if items < 1000 else 10


def _compared(items: int, kills: int, sample: int) -> Size:
    boxes = _boxes(items)
    with both(_VERSION, boxes, items // boxes, away=_AWAY) as (old, cloud), tempfile.TemporaryDirectory() as folder:
        seconds = _rival(old, sample // 2)
        took, peak = killed_again_and_again(old, cloud, boxes, Path(folder), kills, items)
        if old.contents() != cloud.contents():
            raise RuntimeError("the copy is not what the original is")
        seconds += _rival(old, sample // 2)
    return Size(items, items / took, sample // 2 * 2 / seconds, peak)


def _rival(old: Served, count: int) -> float:
    """Seconds that the rival's loop takes."""
    with Served("old", version="14.3.123.4", boxes=1, each=0, away=_AWAY) as other:
        where = "benchmarks.direct_mover_vs_exchangelib:loop"
        return count / in_fresh_process(where, source=old.fields, target=other.fields, count=count).value


def killed_again_and_again(
    old: Served, cloud: Served, boxes: int, folder: Path, kills: int, items: int
) -> tuple[float, float]:
    """(seconds, most MiB of memory of any of the processes)."""
    dice = random.Random(boxes)  # noqa: S311
    arguments = {"source": old.fields, "target": cloud.fields, "boxes": boxes, "folder": str(folder)}
    command = [sys.executable, "-m", "benchmarks.direct_mover_vs_exchangelib", "move", json.dumps(arguments)]
    peak, took = 0.0, 0.0
    for turn in range(kills + 1):
        process = subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE)  # noqa: S603
        assert process.stdout is not None
        process.stdout.readline()  # Python and Prefect have been imported, seconds that are no copying
        started = time.perf_counter()
        if turn < kills:
            # Killed when another share of the items has arrived, at a random place in it.
            goal = int(items * (turn + dice.random()) / (kills + 1))
            while process.poll() is None and arrived(folder) < goal:
                time.sleep(0.02)
            os.kill(process.pid, signal.SIGKILL)
        _, status, usage = os.wait4(process.pid, 0)
        took += time.perf_counter() - started
        process.stdout.close()
        process.returncode = status
        peak = max(peak, usage.ru_maxrss / 1024)
        if turn == kills and status:
            raise RuntimeError(f"the last run ended with {status}")
    return took, peak


def arrived(folder: Path) -> int:
    """Items that the journals call done: 24 hex digits and a space each."""
    return sum(
        (len(line) - 2) // 25 for path in folder.glob("*.journal") for line in path.open("rb") if line[:1] == b"d"
    )


def move(source: dict[str, Any], target: dict[str, Any], boxes: int, folder: str) -> None:
    from blocks.exchange.exchange_server import ExchangeServer
    from blocks.microsoft365.microsoft365 import Microsoft365
    from mailmove.items.copy.mailbox import Manners
    from mailmove.items.copy.mover import DirectMover, in_folder
    from mailmove.items.copy.rate_limits import UNLIMITED

    mover = DirectMover(
        ExchangeServer.model_validate(source).origin(),
        Microsoft365.model_validate(target).items.destination(UNLIMITED),
        in_folder(Path(folder)),
        Manners(lanes=1, settle=_SETTLE),
    )
    print("ready", flush=True)
    left = [item for moved in mover.move(addresses(boxes)) for item in moved.left]
    if left:
        raise RuntimeError(f"{len(left)} items were not copied, such as {left[0]}")


def loop(source: dict[str, Any], target: dict[str, Any], count: int) -> float:
    """Items a second of the rival's loop."""
    import exchangelib
    from exchangelib.protocol import BaseProtocol

    from blocks.tls_roots import ContextAdapter, tls_context

    def account(fields: dict[str, Any]) -> Any:
        class Adapter(ContextAdapter):
            def __init__(self, *_: Any, **__: Any) -> None:
                super().__init__(tls_context(fields["extra_ca"]))

        BaseProtocol.HTTP_ADAPTER_CLS = Adapter
        config = exchangelib.Configuration(
            service_endpoint=fields["ews_url"],
            credentials=exchangelib.Credentials(fields["username"], fields["password"]),
            auth_type=exchangelib.BASIC,
        )
        opened = exchangelib.Account(addresses(1)[0], config=config, access_type=exchangelib.DELEGATE)
        opened.inbox.total_count  # noqa: B018  # signs in, with this server's certificate
        return opened

    theirs, ours = account(source), account(target)
    started, done = time.perf_counter(), 0
    for item in theirs.inbox.all().only("mime_content")[:count]:
        exchangelib.Message(account=ours, folder=ours.inbox, mime_content=item.mime_content).save()
        done += 1
    if done < count:
        raise RuntimeError(f"{done} of {count} copied: no more messages in the Inbox")
    return done / (time.perf_counter() - started)


if __name__ == "__main__":
    if sys.argv[1] == "move":
        move(**json.loads(sys.argv[2]))
    else:
        print(compare(int(sys.argv[1]), int(sys.argv[2]), 400))
