"""200 resolvers that answer after 20 ms, as far ones do, beside the loop that everybody writes first."""

from __future__ import annotations

import asyncio
import time

import dns.message
import dns.query

from benchmarks.answerer import domains, slow
from benchmarks.bench import Result, Size, grown, in_fresh_process
from mailmove.dns.client.bulk_query import DnsQuestion, ask_many

_DELAY = 0.02  # seconds
_SEQUENTIAL = 200  # questions; their rate does not change with more of them


def run(tiny: bool) -> Result:
    resolvers, names, sequential = (4, 2, 8) if tiny else (200, 20, _SEQUENTIAL)
    sizes = [_compared(count, names, sequential) for count in ((2, 4) if tiny else (20, 60, resolvers))]
    size = f"{resolvers} resolvers x {names} domains, {_DELAY * 1000:.0f} ms away"
    rival = "dnspython, one after the other"
    return grown("sweep_vs_sequential", size, sizes, rival, "queries/s", more_is_better=True)


def _compared(resolvers: int, names: int, sequential: int) -> Size:
    with slow(resolvers, _DELAY) as servers:
        mine = in_fresh_process("benchmarks.sweep_vs_sequential:sweep", servers=servers, names=names)
        rival = in_fresh_process("benchmarks.sweep_vs_sequential:loop", servers=servers, count=sequential)
    return Size(resolvers * names, mine.value, rival.value, mine.peak_mb)


def sweep(servers: list[tuple[str, int]], names: int) -> float:
    """Queries a second of one sweep."""
    questions = [DnsQuestion((address, port), name, "MX") for name in domains(names) for address, port in servers]
    started = time.perf_counter()
    answers = asyncio.run(ask_many(questions, pace=None))
    took = time.perf_counter() - started
    if any(answer.error for answer in answers):
        raise RuntimeError(f"unanswered: {next(answer for answer in answers if answer.error)}")
    return len(questions) / took


def loop(servers: list[tuple[str, int]], count: int) -> float:
    """Queries a second, one after the other."""
    started = time.perf_counter()
    for index in range(count):
        address, port = servers[index % len(servers)]
        answer = dns.query.udp(dns.message.make_query(domains(1)[0], "MX"), address, timeout=5, port=port)
        if not answer.answer:
            raise RuntimeError("unanswered")
    return count / (time.perf_counter() - started)
