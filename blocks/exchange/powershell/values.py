"""Properties of PowerShell's objects as values of one type, each read in one way: `flag(row, "Deny")`.

Every reader takes what Microsoft's serialiser may make of the type, whole or as text beyond the depth, and nothing
else; the rest is `Blocked`, which names the cmdlet and the property. None is what the server does not show, never zero.
docs/remote-powershell.md says of each property that we read how it travels, and by which of these it is read.

Exchange's own endpoint is in no-language mode: cmdlets in a row and no script, so no computed property. Select-Object
is one of the five commands of PowerShell that it has (with Measure-Object, Out-Default, Get-FormatData and
Exit-PSSession), and takes plain names of properties. What does not travel whole is asked for by it: at the server the
object is whole.

Sources: MS-PSRP 2.2.5; demisto's EWS integration (Deny.IsPresent); ByteQuantifiedSize, AcePresentationObject and
InitialSessionStateBuilder of Exchange 15.00.1497; MicrosoftDocs/office-docs-powershell 3493, 4651, 5256.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from blocks.exchange.powershell.from_clixml import Row, Shown, Unread
from mailmove.errors import Blocked

_IN_BRACKETS = re.compile(r"\(\s*(\d[\d\W_]*?)\s*[^\W\d_]*\s*\)")
_PLAIN = re.compile(r"(\d[\d\W_]*?)\s*B?")
_SID = re.compile(r"S-1(-\d+)+", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@\ufffd]+@[^\s@\ufffd]+|\"[^\ufffd]+\"@[^\s@\ufffd]+")
_FLAGS = {"true": True, "false": False}

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Account:
    """Who has a right. name: in the server's language. sid: None: the server does not show it."""

    name: str
    sid: str | None = None


def text(row: Properties, name: str) -> str:
    """Text that must be there."""
    value = optional_text(row, name)
    if not value:
        raise unreadable(row, name)
    return value


def optional_text(row: Properties, name: str, default: str = "") -> str:
    """Text, of an object its own; `default` where the server shows none."""
    value = row.get(name)
    if value is None:
        return default
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise unreadable(row, name)


def address(row: Properties, name: str) -> str:
    """An SMTP address that must be there, in lower case."""
    value = text(row, name)
    if not _ADDRESS.fullmatch(value):
        raise unreadable(row, name)
    return value.lower()


def texts(row: Properties, name: str) -> tuple[str, ...]:
    """Texts of a list; one value is a list of one, none an empty one."""
    value = row.get(name)
    values = [] if value is None else value if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(entry, str) for entry in values):
        raise unreadable(row, name)
    return tuple(str(entry) for entry in values)


def shown(row: Properties, *names: str) -> None:
    """Blocked: an object of the wire lacks a property that every version has; $null is no lack."""
    for name in names:
        if isinstance(row, Row) and name not in row:
            raise unreadable(row, name)


def names(row: Properties, name: str) -> tuple[str, ...]:
    """Members of an enumeration of flags: "IIS, SMTP" or a list of such; without None."""
    return tuple(
        member.strip()
        for entry in texts(row, name)
        for member in entry.split(",")
        if member.strip() and member.strip().lower() != "none"
    )


def flag(row: Properties, name: str, absent: bool | None = None) -> bool:
    """True or False. absent: what it is where the server has no such property; None: it must have it."""
    value = row.get(name)
    if value is None and absent is not None:
        return absent
    if isinstance(value, bool):
        return value
    if isinstance(value, Mapping) and isinstance(value.get("IsPresent"), bool):
        return bool(value["IsPresent"])
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    raise unreadable(row, name)


def count(row: Properties, name: str) -> int | None:
    """A number of things; None: the server does not show it."""
    value = row.get(name)
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise unreadable(row, name)


def size(row: Properties, name: str) -> int | None:
    """Bytes; None: the server shows none that can be read."""
    return bytes_of(row.get(name))


def bytes_of(value: object) -> int | None:
    """`4366B`, `4.264 KB (4,366 bytes)` in any culture's separators, or a number; None: none of them.

    Only what stands in the brackets is exact; "4.264 KB" alone is not read.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value >= 0 else None
    if isinstance(value, Mapping):
        return bytes_of(value.get("Value"))
    if not isinstance(value, str):
        return None
    match = _IN_BRACKETS.search(value) or _PLAIN.fullmatch(value.strip())
    if match is not None and _grouped(match[1]):
        return int("".join(sign for sign in match[1] if sign.isdecimal()))
    return bytes_of(value.parts.get("Value")) if isinstance(value, Shown) else None


def _grouped(shown: str) -> bool:
    """Digits alone, or in groups as some culture makes them: a whole number has two or more in each but the first."""
    first, *rest = re.split(r"[\W_]+", shown)
    return bool(first) and all(2 <= len(group) <= 4 for group in rest)


def moment(row: Properties, name: str, *, zoneless: bool = False) -> datetime | None:
    """A moment, aware; None: the server shows none. zoneless: one without a zone is taken for UTC."""
    value = row.get(name)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise unreadable(row, name) from None
    if value is None:
        return None
    if isinstance(value, datetime) and (value.tzinfo is not None or zoneless):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    raise unreadable(row, name)


def known_moment(row: Properties, name: str) -> datetime:
    """A moment that must be there."""
    value = moment(row, name)
    if value is None:
        raise unreadable(row, name)
    return value


def octets(row: Properties, name: str) -> bytes:
    """Bytes that must be there; a list of numbers is what a byte array becomes on some ways."""
    value = row.get(name)
    if isinstance(value, list) and value and all(isinstance(octet, int) and 0 <= octet < 256 for octet in value):
        return bytes(value)
    if isinstance(value, bytes) and value:
        return value
    raise unreadable(row, name)


def account(row: Properties, name: str) -> Account:
    """Whom an entry is about."""
    shown = text(row, name)
    value = row.get(name)
    parts = value.parts if isinstance(value, Shown) else {}
    candidates = (parts.get("SecurityIdentifier"), row.get("UserSid"), shown)
    sid = next((str(entry) for entry in candidates if isinstance(entry, str) and _SID.fullmatch(entry)), None)
    return Account(name=shown, sid=sid.upper() if sid else None)


def unreadable(row: Properties, name: str) -> Blocked:
    """The property is not what it must be: names the cmdlet, the property and what stands there."""
    value = row.get(name, "nothing of that name")
    shown = f"<{value.tag}>{value.text}" if isinstance(value, Unread) else repr(value)
    return Blocked(
        getattr(row, "cmdlet", "") or "Remote PowerShell",
        wanted=f"a value of {name} that can be read",
        seen=f"{shown[:200]} of {_whose(row)}",
        todo="Report this line: Mailmove does not know that form. Until then look at it by hand.",
        code="UnreadValue",
    )


def _whose(row: Properties) -> str:
    shown = (row.get(name) for name in ("Identity", "PrimarySmtpAddress", "DisplayName", "Name"))
    return next((str(value) for value in shown if isinstance(value, str) and value), "an object without a name")
