"""The independent comparer: what of each item is other in the target than in the source, property by property.

It shares no code with the product and reads the stores themselves. A blob with a meaning is compared by its meaning:
a recurrence by its days and changes, a zone by its rules, compressed RTF by its RTF.

    comparison = compare(source_items, target_items)
    for difference in comparison.differences: print(difference)
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.cloud.item_stream import property_types as t
from lab.cloud.item_stream.appointment_recurrence import read_appointment_recurrence
from lab.cloud.item_stream.checks import RECUR, ZONE, ZONE_RECUR
from lab.cloud.item_stream.compressed_rtf import read_rtf
from lab.cloud.item_stream.from_item import MIME_SKELETON, properties_of
from lab.cloud.item_stream.named_properties import APPOINTMENT, TASK, Name
from lab.cloud.item_stream.occurrences import is_expandable, occurrences
from lab.cloud.item_stream.property_types import kind_of, time_of
from lab.cloud.item_stream.recurrence import read_task_recurrence
from lab.cloud.item_stream.refusal import StreamRefused
from lab.cloud.item_stream.stored import Attachment, Key, Properties, Property, StoredProperties, shown
from lab.cloud.item_stream.time_zone import read_time_zone_definition, read_time_zone_struct
from lab.mail.compared_properties import (
    FLAGS,
    NOT_COMPARED,
    NOT_COMPARED_OF_FILES,
    NOT_COMPARED_OF_ROWS,
    matters,
)
from lab.mail_store import StoredItem

OTHER, ABSENT, ADDED, BELOW_A_SECOND = "another value", "not in the target", "not in the source", "below a second"
_SECOND = 10_000_000  # ticks
_REPLACES = Name(APPOINTMENT, 0x8228)
_MOST = 2000  # occurrences
_NOTHING = "-"


@dataclass(frozen=True)
class Difference:
    """item: class, folder and subject. property: its name, with the recipient or attachment that has it."""

    item: str
    property: str
    source: str
    target: str
    why: str = OTHER

    def __str__(self) -> str:
        return f"{self.item}: {self.property}: {self.source} -> {self.target} ({self.why})"


@dataclass
class Comparison:
    """missing, extra: items that only one store has. compared: (class, property) -> how often it was compared."""

    pairs: int = 0
    differences: list[Difference] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    compared: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def is_equal(self) -> bool:
        return not (self.differences or self.missing or self.extra)

    def by_property(self) -> Counter[tuple[str, str]]:
        """(property, why) -> how many items, numbers of recipients and attachments left out."""
        return Counter((one.property.rpartition(": ")[2], one.why) for one in self.differences)

    def never_seen(self, item_class: str) -> list[str]:
        """Properties that matter of a class, and that no compared item of it had."""
        seen = {name for known, name in self.compared if known.lower() == item_class.lower()}
        return sorted(name for name in map(shown, matters(item_class)) if name not in seen)


def compare(source: Iterable[StoredItem], target: Iterable[StoredItem]) -> Comparison:
    """Pairs are made by class and subject, within those by time; folders by their path, whatever stands above."""
    comparison = Comparison()
    left, right = _grouped(source), _grouped(target)
    for identity in sorted({*left, *right}):
        here, there = left.get(identity, []), right.get(identity, [])
        comparison.missing += [_title(item) for item in here[len(there) :]]
        comparison.extra += [_title(item) for item in there[len(here) :]]
        for one, other in zip(here, there, strict=False):
            comparison.pairs += 1
            _Pair(comparison, _title(one), properties_of(one).message_class).items(one, other)
    return comparison


def _grouped(items: Iterable[StoredItem]) -> dict[tuple[str, str], list[StoredItem]]:
    groups: dict[tuple[str, str], list[StoredItem]] = defaultdict(list)
    for item in items:
        message = properties_of(item)
        groups[message.message_class.lower(), message.properties.text(0x0037)].append(item)
    for group in groups.values():
        group.sort(key=lambda item: (properties_of(item).properties.value(0x0E06) or 0, len(item.mime), item.folder))
    return groups


def _title(item: StoredItem) -> str:
    message = properties_of(item)
    return f"{message.message_class} {message.properties.text(0x0037)!r} in {item.folder}"


class _Pair:
    def __init__(self, comparison: Comparison, title: str, item_class: str) -> None:
        self._comparison, self._title, self._class = comparison, title, item_class

    def items(self, source: StoredItem, target: StoredItem) -> None:
        if source.folder != target.folder:
            self._note("folder", repr(source.folder), repr(target.folder))
        self.messages(properties_of(source), properties_of(target), "")

    def messages(self, source: StoredProperties, target: StoredProperties, where: str) -> None:
        self._properties(source.properties, target.properties, NOT_COMPARED, where)
        self._rows(source, target, where)
        exceptions = _exceptions(source), _exceptions(target)
        for key in sorted({*exceptions[0], *exceptions[1]}):
            name = f"{where}exception of {time_of(key):%Y-%m-%d %H:%M}: "
            self._files(exceptions[0].get(key), exceptions[1].get(key), name)
        plain = [[file for file in side.attachments if not _replaces(file)] for side in (source, target)]
        for number in range(max(map(len, plain))):
            here, there = (files[number] if number < len(files) else None for files in plain)
            self._files(here, there, f"{where}attachment {number + 1} of {len(plain[0])}: ")

    def _note(self, name: str, source: str, target: str, why: str = OTHER) -> None:
        self._comparison.differences.append(Difference(self._title, name, source, target, why))

    def _rows(self, source: StoredProperties, target: StoredProperties, where: str) -> None:
        rows = [sorted(side.recipients, key=lambda row: row.value(0x3000)) for side in (source, target)]
        if len(rows[0]) != len(rows[1]):
            self._note(f"{where}recipients", str(len(rows[0])), str(len(rows[1])))
        for number, (here, there) in enumerate(zip(*rows, strict=False), 1):
            self._properties(here, there, NOT_COMPARED_OF_ROWS, f"{where}recipient {number} of {len(rows[0])}: ")

    def _files(self, source: Attachment | None, target: Attachment | None, where: str) -> None:
        if source is None or target is None:
            present = source or target
            name = present.properties.text(0x3707) or present.properties.text(0x3001) if present else ""
            sides = (repr(name), _NOTHING) if source else (_NOTHING, repr(name))
            self._note(f"{where}the whole of it", *sides, ABSENT if source else ADDED)
            return
        self._properties(source.properties, target.properties, NOT_COMPARED_OF_FILES, where)
        if source.message is None or target.message is None:
            if source.message is not target.message:
                self._note(f"{where}message", str(bool(source.message)), str(bool(target.message)))
            return
        self.messages(source.message, target.message, where)

    def _properties(self, source: Properties, target: Properties, left_out: Mapping[Key, str], where: str) -> None:
        for key in {**source, **target}:
            if key in left_out or key == MIME_SKELETON:
                continue
            self._comparison.compared[self._class, shown(key)] += not where
            here, there = source.get(key), target.get(key)
            if here is None or there is None:
                why = ADDED if here is None else ABSENT
                self._note(f"{where}{shown(key)}", _text(here), _text(there), why)
            elif why := _unlike(key, here, there):
                self._note(f"{where}{shown(key)}", _text(here), _text(there), why)


def _replaces(file: Attachment) -> int:
    """The moment in the series that an exception stands for; 0: it is no exception."""
    value = file.message.properties.value(_REPLACES) if file.message else None
    return value if isinstance(value, int) else 0


def _exceptions(message: StoredProperties) -> dict[int, Attachment]:
    return {moment: file for file in message.attachments if (moment := _replaces(file))}


def _unlike(key: Key, source: Property, target: Property) -> str:
    """Why the two are not alike; "": they are."""
    if kind_of(source.kind) != kind_of(target.kind):
        return f"type 0x{source.kind:04X}, now 0x{target.kind:04X}"
    here, there = source.value, target.value
    if key == 0x0E07 and isinstance(here, int) and isinstance(there, int):
        return "" if here & FLAGS == there & FLAGS else OTHER
    if here == there:
        return ""
    if kind_of(source.kind) == t.TIME and isinstance(here, int) and isinstance(there, int):
        cut = there % _SECOND == 0 and 0 < here - there < _SECOND
        return BELOW_A_SECOND if cut else OTHER
    if key in _MEANINGS and isinstance(here, bytes) and isinstance(there, bytes):
        return "" if _meaning(key, here) == _meaning(key, there) else OTHER
    return OTHER


def _series(blob: bytes) -> Any:
    """What a recurrence gives: its rule as written, and the occurrences up to a number of them."""
    read = read_appointment_recurrence(blob)
    rule = (
        read.frequency,
        read.pattern,
        read.period,
        read.days,
        read.day,
        read.nth,
        read.end_kind,
        read.first_day_of_week,
    )
    if not is_expandable(read):
        return rule, read
    kept = [
        (one.start, one.end, one.change and (
            one.change.subject, one.change.location, one.change.reminder_minutes, one.change.reminder_set,
            one.change.busy_status, one.change.all_day, one.change.color,
        ))
        for one in occurrences(read, _MOST)
    ]  # fmt: skip
    return rule, kept, read.end


def _zone(blob: bytes) -> Any:
    """The name, and the rule that counts."""
    definition = read_time_zone_definition(blob)
    rule = definition.effective or definition.rules[-1]
    return definition.name, rule.bias, rule.standard_bias, rule.daylight_bias, rule.standard, rule.daylight


_MEANINGS: dict[Key, Callable[[bytes], Any]] = {
    RECUR: _series, Name(TASK, 0x8116): read_task_recurrence, 0x1009: read_rtf, ZONE: read_time_zone_struct,
    ZONE_RECUR: _zone, Name(APPOINTMENT, 0x825E): _zone, Name(APPOINTMENT, 0x825F): _zone,
}  # fmt: skip


def _meaning(key: Key, blob: bytes) -> Any:
    """A blob that cannot be read has itself for a meaning."""
    try:
        return _MEANINGS[key](blob)
    except StreamRefused:
        return blob


def _text(kept: Property | None) -> str:
    if kept is None:
        return _NOTHING
    value = kept.value
    if isinstance(value, bytes):
        return f"{len(value)} bytes {hashlib.sha256(value).hexdigest()[:12]}"
    if kind_of(kept.kind) == t.TIME and isinstance(value, int):
        return f"{time_of(value):%Y-%m-%d %H:%M:%S.%f}"
    text = repr(value)
    return text if len(text) < 80 else f"{text[:60]}... ({len(text)} letters)"
