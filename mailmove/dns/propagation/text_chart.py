"""Draw propagation over time as text: a bar for each server, from its answers and its forecast."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from mailmove.dns.propagation.resolver_view import RecordState, ServerView
from mailmove.plan.public_resolvers import operator_of

_WIDTH = 48
_SIGNS: dict[RecordState, str] = {"old": "█", "new": "·", "mixed": "?", "failing": "x"}
_FORECAST, _UNKNOWN = "▒", " "
_LEGEND = "█ old   ▒ old, by forecast   · new   ? not for certain   x fails"


def picture(authorities: Sequence[ServerView], resolvers: Sequence[ServerView], at: datetime) -> str:
    """A Markdown code block, from the first poll until the last forecast; times are UTC. "" if nobody was asked."""
    views = [*authorities, *resolvers]
    if not views:
        return ""
    start = min(change for view in views for change, _ in view.changes)
    end = max([at, *(view.clear_at for view in views if view.clear_at)])
    step = max((end - start) / _WIDTH, timedelta(milliseconds=1))
    names = [f"{view.server} (zone)" for view in authorities] + [_name(view) for view in resolvers]
    margin = max(len(name) for name in names)
    left, right = f"{start:%H:%M:%S}", f"{end:%H:%M:%S}"
    lines = [f"{'':{margin}}  {left}{right:>{_WIDTH - len(left)}}"]
    for name, view in zip(names, views, strict=True):
        bar = "".join(_sign(view, start + step * column, at, step) for column in range(_WIDTH))
        lines.append(f"{name:{margin}}  {bar}  {_summary(view)}")
    return "\n".join(["```", *lines, _LEGEND, "```"])


def _sign(view: ServerView, column: datetime, at: datetime, step: timedelta) -> str:
    """The sign for the time from `column` to the next one."""
    until = column + step
    if column > at:
        return _FORECAST if view.sees != "new" and view.clear_at and column < view.clear_at else _UNKNOWN
    states = [state for since, state in view.changes if since <= until]
    return _SIGNS[states[-1]] if states else _UNKNOWN


def _summary(view: ServerView) -> str:
    if view.sees == "new":
        return f"new at {view.changes[-1][0]:%H:%M:%S}"
    if view.left_out:
        return f"left out: {view.tells}"
    if view.sees in ("old", "mixed") and view.clear_at:
        return f"clear at {view.clear_at:%H:%M:%S}"
    return view.error or view.sees


def _name(view: ServerView) -> str:
    operator = operator_of(view.address)
    return view.server if operator in view.server else f"{view.server} {operator}"
