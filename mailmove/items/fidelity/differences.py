"""Does the target hold what the source holds? Differences of one item, as people name them.

Of what the source has, all is compared that Microsoft publishes for its class, with fields that its form defines;
what only the target has is the target's own. A moment may differ by a second or two, for EWS cuts fractions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from mailmove.items.fidelity.made_anew import (
    ADDRESSES,
    FLAGS_KEPT,
    HTML,
    MADE_ANEW,
    MESSAGE_FLAGS,
    RTF,
    TEXT,
    WORDS,
)
from mailmove.items.keys import plain
from mailmove.items.stream.item import Properties, StreamAttachment, StreamItem, StreamRecipient
from mailmove.items.stream.known.by_class import properties_of
from mailmove.items.stream.known.parts import ATTACH_DATA, ATTACHMENT
from mailmove.items.stream.properties import PUBLIC_STRINGS, Key, Name, Tag
from mailmove.items.stream.untransmitted import is_transmitted
from mailmove.items.stream.values import Value

_CLOCKS = timedelta(seconds=2)
_MESSAGE_CLASS = Tag(0x001A)
_NAMES = (Tag(0x3707), Tag(0x3704), Tag(0x3001))
"""File's name, short name, name shown."""
_NOT_OF_FILES = {Tag(number) for number in (0x3001, 0x3007, 0x3008, 0x3703, 0x3704, 0x3709, 0x7FFA)}
"""Name shown, dates, extension, short name, icon, link: made from the file and its name, or shown by no server."""
_KEPT_OF_FILES = {each.key: str(each) for each in ATTACHMENT if each.key not in _NOT_OF_FILES}
"""Property of a file -> its title."""
_ADDRESS, _SMTP_ADDRESS, _SHOWN, _KIND, _ROUTING = Tag(0x3003), Tag(0x39FE), Tag(0x3001), Tag(0x0C15), Tag(0x3002)

_Values = dict[Key, Value]


def differences(source: StreamItem, target: StreamItem) -> list[str]:
    """'reminder', 'attachment 2 of 3', 'ContactItemData'; each once, in the order of the item. []: nothing is lost."""
    return list(dict.fromkeys(_differences(source, target)))


def _differences(source: StreamItem, target: StreamItem) -> Iterator[str]:
    mine, other = _by_key(source.properties), _by_key(target.properties)
    titles = {each.key: str(each) for each in properties_of(str(mine.get(_MESSAGE_CLASS, "")))}
    for owner in source.properties:
        key = owner.key
        ours = key in titles or (isinstance(key, Name) and key.set == PUBLIC_STRINGS)
        if not ours or key in MADE_ANEW or key in (TEXT, HTML, RTF) or not is_transmitted("item", owner):
            continue
        if str(mine.get(ADDRESSES.get(key, key), "")).upper() == "EX" and key in ADDRESSES:
            continue
        if not _same(key, mine[key], other.get(key)):
            yield WORDS.get(key) or _bare(titles.get(key, str(key)))
    if not _same_body(mine, other):
        yield "body"
    if _people(source) - _people(target):
        yield "recipients"
    yield from _attachments(source, target)


def _by_key(properties: Properties) -> _Values:
    return {owner.key: value for owner, value in properties.items()}


def _bare(title: str) -> str:
    for prefix in ("PidTag", "PidLid", "PidName"):
        title = title.removeprefix(prefix)
    return title


def _same(key: Key, mine: Value, other: Value | None) -> bool:
    if isinstance(mine, datetime) and isinstance(other, datetime):
        return abs(mine - other) <= _CLOCKS
    if key == MESSAGE_FLAGS and isinstance(mine, int) and isinstance(other, int):
        return mine & FLAGS_KEPT == other & FLAGS_KEPT
    if isinstance(mine, str) and isinstance(other, str):
        return _lines(mine) == _lines(other)
    if isinstance(mine, list | tuple) and isinstance(other, list | tuple):
        return list(mine) == list(other)
    # Nothing, and a value of nothing, are one and the same to whoever reads it.
    return mine == other or (other is None and not mine)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").rstrip("\n ")


def _same_body(mine: _Values, other: _Values) -> bool:
    """By the first form that both have: HTML, then text. Where they have none in common, one must be there at all."""
    html = mine.get(HTML), other.get(HTML)
    if isinstance(html[0], bytes) and isinstance(html[1], bytes):
        return b"".join(html[0].split()) == b"".join(html[1].split())
    text = mine.get(TEXT), other.get(TEXT)
    if isinstance(text[0], str) and isinstance(text[1], str):
        return plain(text[0]) == plain(text[1])
    had = any(mine.get(form) for form in (HTML, TEXT, RTF))
    return not had or any(other.get(form) for form in (HTML, TEXT, RTF))


def _people(item: StreamItem) -> Counter[tuple[Value | None, str]]:
    return Counter(_person(one) for one in item.recipients)


def _person(one: StreamRecipient) -> tuple[Value | None, str]:
    """To, Cc or Bcc, and who: by SMTP where it is known, else by the name shown."""
    values = _by_key(one.properties)
    smtp = values.get(_SMTP_ADDRESS)
    if not smtp and str(values.get(_ROUTING, "")).upper() == "SMTP":
        smtp = values.get(_ADDRESS)
    return values.get(_KIND), str(smtp or values.get(_SHOWN) or "").casefold()


def _attachments(source: StreamItem, target: StreamItem) -> Iterator[str]:
    """By name and content, in whatever order; what is inside of one is named with it."""
    waiting = list(target.attachments)
    many = len(source.attachments)
    for number, mine in enumerate(source.attachments, 1):
        same = next((other for other in waiting if not _of_file(mine, other)), None)
        alike = same or next((other for other in waiting if _file_name(other) == _file_name(mine)), None)
        if alike is None:
            yield f"attachment {number} of {many}"
            continue
        waiting.remove(alike)
        if same is None:
            yield f"attachment {number} of {many}: {', '.join(_of_file(mine, alike))}"


def _file_name(attachment: StreamAttachment) -> str:
    values = _by_key(attachment.properties)
    return next((str(values[name]) for name in _NAMES if values.get(name)), "").casefold()


def _of_file(mine: StreamAttachment, other: StreamAttachment) -> list[str]:
    """What of one attachment differs."""
    ours, theirs = _by_key(mine.properties), _by_key(other.properties)
    lost = [
        _bare(title)
        for key, title in _KEPT_OF_FILES.items()
        if key in ours and not _same(key, ours[key], theirs.get(key))
    ]
    if ours.get(ATTACH_DATA.key) != theirs.get(ATTACH_DATA.key):
        lost.append("content")
    if mine.embedded is not None:
        lost += ["the item in it"] if other.embedded is None else differences(mine.embedded, other.embedded)
    return lost
