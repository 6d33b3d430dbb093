"""The modes in which a mail port is closed, and whether a checked port is closed in the planned mode."""

from __future__ import annotations

from mailmove.errors import Blocked
from mailmove.plan.values import Mode
from mailmove.smtp.port_check import PortCheck

_KINDEST: tuple[Mode, ...] = ("refuse", "drop", "reject")

_SEEN: dict[Mode, tuple[str, ...]] = {
    "refuse": ("refused", "unreachable"),
    "reject": ("rejecting",),
    "drop": ("silent",),
}


def shut(check: PortCheck, mode: Mode) -> bool:
    """Is the port closed for mail? A 5xx counts only in mode `reject`; in another mode it is a fault of the server."""
    return check.closed or (mode == "reject" and check.state == "rejecting")


def port_state_text(check: PortCheck, mode: Mode) -> str:
    """The checked state of a port, and whether it is the mode of the plan."""
    if check.state in _SEEN[mode]:
        return str(check)
    return f"{check} (closed, but not as the plan says: {mode})"


def mode_for(who: str, modes: frozenset[Mode], mode: Mode | None) -> Mode:
    """The mode asked for; None: the first of refuse, drop and reject that the firewall has. Blocked: it has not this
    mode."""
    if mode is None:
        return next(candidate for candidate in _KINDEST if candidate in modes)
    if mode not in modes:
        raise Blocked(
            who,
            wanted=f"to close a port in mode {mode}",
            seen=f"it can only {' or '.join(sorted(modes))}",
            todo=f"Set firewall.mode in the plan to {' or '.join(sorted(modes))}, or close the port elsewhere.",
        )
    return mode
