"""200 resolvers x 100 domains in one process, beside dnsperf with as many questions to the same server process.

dnsperf asks one address at a time, so it asks one of the same NSD process's addresses. Both wait for every answer.
Each asker has one core, and NSD the other.
Ours builds and checks an `Answer` for each; dnsperf, in C, only matches ids.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import tempfile
import time

from benchmarks.answerer import domains, nsd, program
from benchmarks.bench import Result, Size, grown, in_fresh_process, on_core
from mailmove.dns.client.bulk_query import DnsQuestion, ask_many

_BEST_OF = 5


def run(tiny: bool) -> Result:
    resolvers, names, turns = (4, 5, 1) if tiny else (200, 100, _BEST_OF)
    dnsperf = program("dnsperf", "dnsperf")
    sizes = [_compared(dnsperf, count, names, turns) for count in ((2, 4) if tiny else (20, 60, resolvers))]
    size = f"{resolvers} resolvers x {names} domains"
    return grown("sweep_vs_dnsperf", size, sizes, "dnsperf", "queries/s", more_is_better=True)


def _compared(dnsperf: str, resolvers: int, names: int, turns: int) -> Size:
    with nsd(resolvers, names) as servers:
        rival, ours, peak = 0.0, 0.0, 0.0
        for _ in range(turns):  # in turn, so that a busy moment of the machine strikes both
            mine = in_fresh_process("benchmarks.sweep_vs_dnsperf:sweep", core=1, servers=servers, names=names)
            ours, peak = max(ours, mine.value), max(peak, mine.peak_mb)
            rival = max(rival, _dnsperf(dnsperf, servers[0], names, resolvers))
    return Size(resolvers * names, ours, rival, peak)


def sweep(servers: list[tuple[str, int]], names: int) -> float:
    """Queries a second of one sweep."""
    questions = [DnsQuestion((address, port), name, "MX") for name in domains(names) for address, port in servers]
    started = time.perf_counter()
    answers = asyncio.run(ask_many(questions, pace=None))
    took = time.perf_counter() - started
    wrong = [answer for answer in answers if len(answer.values) != 1 or answer.error]
    if len(answers) != len(questions) or wrong:
        raise RuntimeError(f"{len(wrong)} of {len(questions)} unanswered, such as {wrong[:1]}")
    return len(questions) / took


def _dnsperf(path: str, server: tuple[str, int], names: int, times: int) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(f"{name} MX\n" for name in domains(names)))
        file.flush()
        command = [path, "-s", server[0], "-p", str(server[1]), "-d", file.name, "-n", str(times), "-e"]
        keep = on_core(1)
        output = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=keep).stdout  # noqa: S603
    rate = re.search(r"Queries per second:\s+([\d.]+)", output)
    if not rate:
        raise RuntimeError(f"dnsperf says no rate: {output[-1000:]}")
    return float(rate.group(1))
