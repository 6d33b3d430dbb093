"""Measures a whole cutover in the lab, beside the waiting in it that no program can avoid.

Server, worker, watch and lab are real, as in `make demo`, and so is the cost of parking: at each wait the process ends,
and another is started. The rival is a cutover by somebody who needs no time at all: the old TTL runs out, the resolvers
keep the switched records for the low TTL, the old server must be quiet for as long as the plan says, before its port 25
is closed and after it, the cloud makes the last sync, the customer takes a while to accept, and the operator to
read each question. What may go on side by side is counted once: the customer's acceptance within the old TTL. The lab's
own work is on the same cores.

In life these waits are hours and days, and our seconds stay what they are: it is shown with longer and longer TTLs.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.bench import Result, Size, grown, memory_mb
from deployments.server.box import Box, using

_QUIET, _LOW_TTL, _CYCLE, _THINKS = 6.0, 2.0, 3.0, 1.0
"""Seconds, as `Town.plan()`, `Town` and the rehearsal's operator have them."""
_GATES = 2
"""Number of gates: the mail is switched, and port 25 is closed."""
_LONGEST = 1200.0


def run(tiny: bool) -> Result:
    ttls = (2,) if tiny else (20, 60, 180)
    sizes = []
    for ttl in ttls:
        took, peak = _night(ttl)
        sizes.append(Size(ttl, took, ttl + _LOW_TTL + 2 * _QUIET + _CYCLE + _GATES * _THINKS, peak))
    over = ", ".join(f"{size.ours - size.rival:.0f} s over at a TTL of {size.n} s" for size in sizes)
    return grown("night_overhead", f"3 mailboxes, 40 messages, {over}", sizes, "the unavoidable waiting", "s")


def _night(ttl: int) -> tuple[float, float]:
    """(seconds from the start of the cutover to its end, most MiB of server, worker and flows together)."""
    from lab.rehearsal import Rehearsal
    from lab.town import Town

    with (
        tempfile.TemporaryDirectory(prefix="mailmove-") as folder,
        Box(Path(folder) / "box") as box,
        using(box),
        Town(users=2, shared=1, public_folders=0, messages=40, ttl=ttl, printers=0, mail_per_second=1) as town,
    ):
        night, peak = Rehearsal(town), 0.0
        started = time.monotonic()
        night.start()
        while not night.step():
            peak = max(peak, sum(_held(process.pid) for process in box.parts.values()))
            if time.monotonic() - started > _LONGEST:
                raise RuntimeError("the cutover does not end")
            time.sleep(1)
        took = time.monotonic() - started
        if not night.ended_well or not night.account().adds_up:
            raise RuntimeError(f"the cutover did not end well: {night.troubles}")
        return took, peak


def _held(pid: int) -> float:
    """MiB of a process and of all that it has started; what has ended meanwhile holds nothing."""
    try:
        own = memory_mb(pid)
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text(encoding="ascii").split()]
    except (OSError, StopIteration):
        return 0.0
    return own + sum(_held(child) for child in children)
