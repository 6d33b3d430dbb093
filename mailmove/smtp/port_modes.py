"""How a closed mail port is met by a late sender, and what follows for the mail."""

from __future__ import annotations

from mailmove.errors import Blocked
from mailmove.plan.values import Mode
from mailmove.smtp.port_check import PortLook

_KINDEST: tuple[Mode, ...] = ("refuse", "drop", "reject")

_SEEN: dict[Mode, tuple[str, ...]] = {
    "refuse": ("refused", "unreachable"),
    "reject": ("rejecting",),
    "drop": ("silent",),
}


def shut(look: PortLook, mode: Mode) -> bool:
    """Does nobody get mail in? A 5xx counts only where it is wanted: otherwise it is a fault of the server's."""
    return look.closed or (mode == "reject" and look.state == "rejecting")


def told(look: PortLook, mode: Mode) -> str:
    """What was seen, and whether it is what the plan promised."""
    if look.state in _SEEN[mode]:
        return str(look)
    return f"{look} (closed, but not as the plan says: {mode})"


def mode_for(who: str, modes: frozenset[Mode], mode: Mode | None) -> Mode:
    """The mode asked for; None: the kindest there is. Blocked: this firewall cannot close a port so."""
    if mode is None:
        return next(one for one in _KINDEST if one in modes)
    if mode not in modes:
        raise Blocked(
            who,
            wanted=f"to close a port in mode {mode}",
            seen=f"it can only {' or '.join(sorted(modes))}",
            todo=f"Set firewall.mode in the plan to {' or '.join(sorted(modes))}, or close the port elsewhere.",
        )
    return mode
