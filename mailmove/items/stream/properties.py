"""Properties as data: a tag or a name in a set, and a type.

Sources: MS-OXPROPS 1.3.2 (sets), MS-OXCDATA 2.6 (names).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from mailmove.items.stream.property_types import PropertyType

FIRST_NAMED = 0x8000
"""Ids from here on are given to names by each mailbox anew."""


def _outlook(number: int) -> UUID:
    return UUID(f"{number:08x}-0000-0000-c000-000000000046")


ADDRESS, TASK, APPOINTMENT = _outlook(0x00062004), _outlook(0x00062003), _outlook(0x00062002)
COMMON, LOG, NOTE = _outlook(0x00062008), _outlook(0x0006200A), _outlook(0x0006200E)
POST_RSS, SHARING = _outlook(0x00062041), _outlook(0x00062040)
PUBLIC_STRINGS, INTERNET_HEADERS = _outlook(0x00020329), _outlook(0x00020386)
MEETING = UUID("6ed8da90-450b-101b-98da-00aa003f1305")
CALENDAR_ASSISTANT = UUID("11000e07-b51b-40d6-af21-caa85edab1d0")
UNIFIED_MESSAGING = UUID("4442858e-a9e3-4e80-b900-317a210cc15b")
ATTACHMENT_SET = UUID("96357f7f-59e1-47d0-99a7-46515c183b54")


@dataclass(frozen=True, slots=True)
class Tag:
    """A property that has the same id everywhere, below 0x8000."""

    id: int

    def __str__(self) -> str:
        return f"0x{self.id:04X}"


@dataclass(frozen=True, slots=True)
class Lid:
    """A property that is named by a number in a set."""

    set: UUID
    lid: int

    def __str__(self) -> str:
        return f"0x{self.lid:04X} in {self.set}"


@dataclass(frozen=True, slots=True)
class Name:
    """A property that is named by a text in a set."""

    set: UUID
    text: str

    def __str__(self) -> str:
        return f"'{self.text}' in {self.set}"


Key: TypeAlias = Tag | Lid | Name


@dataclass(frozen=True, slots=True)
class Property:
    """title: its canonical name in MS-OXPROPS, for people; two properties are the same without it."""

    key: Key
    type: PropertyType
    title: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.title or str(self.key)


def tags(table: str) -> tuple[Property, ...]:
    """Lines of `id type title`, the id in hexadecimal: '0017 INTEGER32 Importance'."""
    return tuple(
        Property(Tag(int(number, 16)), PropertyType[kind], f"PidTag{title}") for number, kind, title in _lines(table)
    )


def lids(place: UUID, table: str) -> tuple[Property, ...]:
    """As `tags`, of numbers in a set."""
    return tuple(
        Property(Lid(place, int(number, 16)), PropertyType[kind], f"PidLid{title}")
        for number, kind, title in _lines(table)
    )


def names(place: UUID, table: str) -> tuple[Property, ...]:
    """Lines of `text type title`, of texts without blanks in a set."""
    return tuple(
        Property(Name(place, text), PropertyType[kind], f"PidName{title}") for text, kind, title in _lines(table)
    )


def _lines(table: str) -> Iterator[tuple[str, str, str]]:
    for line in filter(None, map(str.strip, table.splitlines())):
        identity, kind, title = line.split()
        yield identity, kind, title
