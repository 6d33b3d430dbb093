"""What a stream holds, as a store would keep it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lab.cloud.item_stream import named_properties as named
from lab.cloud.item_stream import tags
from lab.cloud.item_stream.named_properties import Name
from lab.cloud.item_stream.property_types import Value, time_of

Key = int | Name
"""An id below 0x8000, or a name."""


@dataclass(frozen=True)
class Property:
    """kind: as the stream spells it. offset: where the value stands in what was given (a blob: its first byte)."""

    kind: int
    value: Value
    offset: int = field(default=0, compare=False)


def shown(key: Key) -> str:
    """A key in words."""
    if isinstance(key, Name):
        return str(key)
    return f"0x{key:04X}{f' (PidTag{tags.KNOWN[key][0]})' if key in tags.KNOWN else ''}"


class Properties(dict[Key, Property]):
    """Properties of one object, in the order of the stream."""

    def value(self, key: Key) -> Any:
        """The value; None: it is not there."""
        kept = self.get(key)
        return kept.value if kept else None

    def text(self, key: Key) -> str:
        return str(self.value(key) or "")

    def lid(self, place: Any, number: int) -> Any:
        return self.value(Name(place, number))

    def moment(self, key: Key) -> datetime | None:
        ticks = self.value(key)
        return None if ticks is None else time_of(ticks)


@dataclass(frozen=True)
class Attachment:
    properties: Properties
    message: StoredProperties | None = None


@dataclass(frozen=True)
class StoredProperties:
    """A message with everything in it. version: of the server that wrote the stream; () for an embedded one."""

    properties: Properties
    recipients: tuple[Properties, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    dn_prefix: str = ""
    version: tuple[int, ...] = ()

    @property
    def message_class(self) -> str:
        return self.properties.text(tags.MESSAGE_CLASS)

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(self.properties.lid(named.PUBLIC_STRINGS, "Keywords") or ())  # type: ignore[arg-type]

    def messages(self, where: str = "") -> Iterator[tuple[str, StoredProperties]]:
        """This message and all that are embedded in it, each with its path."""
        yield where, self
        for number, attachment in enumerate(self.attachments):
            if attachment.message is not None:
                yield from attachment.message.messages(f"{where}attachment {number}: ")
