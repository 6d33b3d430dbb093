"""How a closed mail port is met by a late sender, and what follows for the mail."""

from __future__ import annotations

from typing import Literal

from mailmove.errors import Blocked
from mailmove.mail_port import PortLook

Mode = Literal["refuse", "reject", "drop"]
"""refuse: TCP reset or ICMP unreachable. reject: an SMTP answer 5xx that says where the mail went. drop: silence."""

CONSEQUENCES: dict[Mode, str] = {
    "refuse": "A late sender is refused at once: it queues the message, looks the MX up again at its next try and "
    "delivers to the cloud. Nothing bounces before its patience ends: 12 to 24 hours at Microsoft, up to 5 days "
    "elsewhere (RFC 5321, 4.5.4.1).",
    "reject": "A late sender gets a 5xx and bounces the message at once; its writer reads where the mail went and must "
    "send it again. What is bounced does not come by itself.",
    "drop": "A late sender gets no answer: each try costs it its whole timeout (up to 5 minutes), then it queues, "
    "looks the MX up again and delivers to the cloud. Its patience ends as with a refusal, after 12 hours to 5 days, "
    "but it tries more rarely; a machine that sends one message after the other stands still meanwhile.",
}
"""What a person must know before the door is closed so."""

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
