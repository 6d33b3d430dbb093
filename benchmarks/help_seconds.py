"""Measures how long `mailmove --help` takes, from the command to its end, beside Prefect's own (bar: 0.3 s)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench import Result, Size, grown, in_fresh_process

_ROOT = Path(__file__).parents[1]
_OURS = "from deployments.cli.main import app; app()"
_PREFECT = "from prefect.cli import app; app()"


def seconds(code: str, words: Sequence[str]) -> float:
    """Wall seconds of a new interpreter that runs a command line's program with these words."""
    command = [sys.executable, "-c", f"import sys; sys.argv = ['program', *{list(words)!r}]; {code}"]
    started = time.perf_counter()
    subprocess.run(command, cwd=_ROOT, stdout=subprocess.DEVNULL, check=True)  # noqa: S603  # our own words
    return time.perf_counter() - started


def commands(words: Sequence[str]) -> float:
    """Show the help in this process, whose memory is measured; how many commands it has lines for."""
    import contextlib
    import io

    import typer.main

    from deployments.cli.main import app

    group, sys.argv = typer.main.get_command(app), ["mailmove", *words]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        group(args=list(words), prog_name="mailmove")
    for word in words[:-1]:
        group = group.commands[word]  # type: ignore[attr-defined]
    return len(group.commands)  # type: ignore[attr-defined]


def run(tiny: bool) -> Result:
    """The best of some tries, in turn, so that a busy moment of the machine strikes both."""
    tries = 1 if tiny else 15
    sizes = [_compared([*group, "--help"], tries) for group in (["block"], [])]
    size = f"--help with {sizes[-1].n} commands, wall; smaller: that of `mailmove block`"
    return grown("help_seconds", size, sizes, "prefect --help", "s")


def _compared(words: Sequence[str], tries: int) -> Size:
    ours, rival = [], []
    for _ in range(tries):
        ours.append(seconds(_OURS, words))
        rival.append(seconds(_PREFECT, words[-1:]))
    shown = in_fresh_process("benchmarks.help_seconds:commands", words=words)
    return Size(int(shown.value), min(ours), min(rival), shown.peak_mb)
