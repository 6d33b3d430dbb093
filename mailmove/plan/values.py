"""Values shared by the plan and the stages: addresses, the MX TTL ceiling, modes of a closed port."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal

from mailmove.domain_names import to_ascii

MX_TTL_CEILING = 21_600
"""Seconds; highest TTL that Exchange Online supports on an MX record (MC346908)."""

Mode = Literal["refuse", "reject", "drop"]
"""Mode of a closed port. refuse: TCP reset or ICMP unreachable. reject: an SMTP answer 5xx that says where the mail
went. drop: silence."""

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
"""Consequences of each mode, shown to a person before port 25 is closed."""


_LABEL = re.compile(r"^(?!-)[a-z0-9_-]{1,63}(?<!-)$")
_URL = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def host_name(value: str) -> str:
    """A DNS name of two labels or more, lower case, without the last dot; letters outside ASCII become `xn--`.

    ValueError: it is none, and what it seems to be instead.
    """
    written = value.strip()
    try:
        name = to_ascii(written).rstrip(".")
    except ValueError as error:
        raise ValueError(f"{value!r} is not a DNS name: {_instead(written) or error}") from None
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(_LABEL.match(label) for label in labels):
        instead = _instead(written) or (f"write {written}.com, or whatever it ends in" if len(labels) < 2 else "")
        raise ValueError(f"{value!r} is not a DNS name" + (f": {instead}" if instead else ""))
    return name


def _instead(written: str) -> str:
    """What was written in place of a name, in words; '': nobody knows."""
    if _URL.match(written):
        host = re.split(r"[/?#]", written.partition("://")[2])[0].rpartition("@")[2].partition(":")[0]
        return f"it is an URL; write the name alone ({host})"
    if "@" in written:
        return f"it is a mail address; write what stands after the @ ({written.rpartition('@')[2].strip('<> ')})"
    if "/" in written:
        return "a name has no slash"
    return "several names; write one" if re.search(r"[,;]", written) else ""


def split_address(value: str, default_port: int) -> tuple[str, int]:
    """Split an address: `192.0.2.1:5353` -> ("192.0.2.1", 5353). ValueError: what is wrong."""
    host, port = value, str(default_port)
    if value.startswith("["):
        host, closed, rest = value[1:].partition("]")
        if not closed or rest[:1] not in ("", ":"):
            raise ValueError(f"{value!r} is not an address in brackets")
        port = rest[1:] if rest else port
    elif value.count(":") == 1:
        host, port = value.split(":")
    ipaddress.ip_address(host)
    if not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise ValueError(f"{value!r} has no port between 1 and 65535")
    return host, int(port)
