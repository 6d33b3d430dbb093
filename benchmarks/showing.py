"""The table that `make bench` prints."""

from __future__ import annotations

from rich.table import Table

from benchmarks.bench import Result
from benchmarks.history import WORSE, change


def table(results: list[Result], before: dict[str, float]) -> Table:
    """One row for each benchmark, and under it the other sizes. before: the last ratio of each, by name."""
    shown = Table(
        "benchmark",
        "size",
        "ours",
        "rival",
        "rival is",
        "unit",
        "ratio",
        "since last",
        "peak MiB",
        caption="ratio above 1: we are ahead; since last: how the ratio has changed",
    )
    for result in results:
        figures = (_number(result.ours), _number(result.rival), result.rival_name, result.unit, f"{result.ratio:.2f}")
        shown.add_row(result.name, result.size, *figures, _since(result, before), f"{result.peak_mb:.0f}")
        for size in result.sizes[:-1]:
            both = (_number(size.ours), _number(size.rival))
            shown.add_row("", f"at {size.n:,}", *both, "", "", "", "", f"{size.peak_mb:.0f}", style="dim")
    return shown


def _since(result: Result, before: dict[str, float]) -> str:
    changed = change(result, before)
    if changed is None:
        return "new"
    return f"[red]{changed:+.0%} worse[/]" if changed < -WORSE else f"{changed:+.0%}"


def _number(figure: float) -> str:
    """Small figures keep their digits."""
    return f"{figure:,.1f}" if figure >= 10 else f"{figure:.3g}"
