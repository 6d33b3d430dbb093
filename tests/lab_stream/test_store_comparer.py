"""The independent comparer: a mailbox of every class carried whole is equal; each thing that is lost is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import lab_ews as ews
import pytest

from lab.cloud.item_stream import property_types as t
from lab.cloud.item_stream.checks import RECUR, check_item
from lab.cloud.item_stream.named_properties import COMMON, PUBLIC_STRINGS, Name
from lab.cloud.item_stream.reader import read_stream
from lab.cloud.item_stream.stored import Attachment, Properties, Property, StoredProperties, shown
from lab.cloud.item_stream.writer import write_stream
from lab.mail.compared_properties import MATTERS
from lab.mail.store_comparer import BELOW_A_SECOND, Comparison, compare
from lab.mail_store import StoredItem

COUNT = 200


@pytest.fixture(scope="module")
def source() -> list[StoredItem]:
    return ews.Server(2007, seed=5, count=COUNT).items


def test_the_same_seed_is_the_same_mailbox_and_every_class_is_in_it(source: list[StoredItem]) -> None:
    again = ews.Server(2007, seed=5, count=60).items
    compared = compare(source[:60], again)
    assert {one.property for one in compared.differences} <= set(), compared.differences[:5]
    kinds = {item.kind for item in source}
    assert kinds == {"message", "event", "contact", "list", "task", "note", "journal"}
    assert ews.Server(2007, seed=6, count=5).items[0].subject != source[0].subject


def test_a_mailbox_that_went_through_streams_is_the_same(source: list[StoredItem]) -> None:
    target = []
    for item in source:
        assert item.mapi is not None
        read = read_stream(write_stream(item.mapi))
        check_item(read)
        target.append(replace(item, mapi=read))
    compared = compare(source, target)
    assert compared.is_equal and compared.pairs == COUNT
    assert not compare(target, source).differences


def test_what_matters_of_a_class_is_in_the_mailbox(source: list[StoredItem]) -> None:
    """A list that no item has anything of would compare nothing."""
    compared = compare(source, source)
    for item_class in ("IPM.Note", "IPM.Appointment", "IPM.Contact", "IPM.DistList", "IPM.Task", "IPM.StickyNote"):
        assert len(compared.never_seen(item_class)) <= len(MATTERS[item_class]) // 8, compared.never_seen(item_class)
    assert len(compared.never_seen("IPM.Nothing")) == len(MATTERS["IPM.Note"])


def changed(message: StoredProperties, key: Any, value: Any = None) -> StoredProperties:
    """With one property of another value; None: without it."""
    properties = Properties(message.properties)
    if value is None:
        del properties[key]
    else:
        properties[key] = Property(properties[key].kind if key in properties else t.INT32, value)
    return replace(message, properties=properties)


KEYWORDS, REMINDER = Name(PUBLIC_STRINGS, "Keywords"), Name(COMMON, 0x8503)
Spoil = Callable[[StoredProperties], StoredProperties]
SPOILED: list[tuple[str, str, Spoil]] = [
    (shown(KEYWORDS), "categories", lambda m: changed(m, KEYWORDS)),
    (shown(0x0036), "privacy", lambda m: changed(m, 0x0036, 9)),
    (shown(REMINDER), "reminder", lambda m: changed(m, REMINDER, not m.properties.value(REMINDER))),
    (shown(0x0E07), "read", lambda m: changed(m, 0x0E07, m.properties.value(0x0E07) ^ 1)),
    (shown(RECUR), "recurrence", lambda m: changed(m, RECUR, _another_end(m.properties.value(RECUR)))),
    (shown(0x3701), "content of a file", lambda m: replace(m, attachments=tuple(map(_other, m.attachments)))),
    ("the whole of it", "a file", lambda m: replace(m, attachments=m.attachments[:-1])),
    ("recipients", "a recipient", lambda m: replace(m, recipients=m.recipients[:-1])),
]


def _another_end(blob: bytes) -> bytes:
    return blob[:-1] + b"\1"


def _other(file: Attachment) -> Attachment:
    kept = file.properties.get(0x3701)
    properties = Properties(file.properties)
    if kept is not None and isinstance(kept.value, bytes):
        properties[0x3701] = replace(kept, value=kept.value + b"!")
    return Attachment(properties, file.message)


def fits(item: StoredItem, name: str) -> bool:
    message = item.mapi
    if message is None:
        return False
    if name == "recipients":
        return len(message.recipients) > 1
    if name in ("the whole of it", shown(0x3701)):
        return bool(message.attachments) and any(0x3701 in file.properties for file in message.attachments)
    return name in map(shown, message.properties)


@pytest.mark.parametrize(("name", "what", "spoil"), SPOILED, ids=[case[1] for case in SPOILED])
def test_each_loss_is_named_with_its_item_and_property(
    source: list[StoredItem], name: str, what: str, spoil: Spoil
) -> None:
    item = next(item for item in source if fits(item, name))
    assert item.mapi is not None
    target = [replace(one, mapi=spoil(item.mapi)) if one is item else one for one in source]
    found = compare(source, target).differences
    assert found and {one.property.rpartition(": ")[2] for one in found} == {name}
    assert all(item.subject.strip() in one.item or item.mapi.message_class in one.item for one in found)


def test_items_that_are_missing_doubled_or_elsewhere_are_named(source: list[StoredItem]) -> None:
    moved = replace(source[2], folder="Elsewhere")
    compared: Comparison = compare(source, [*source[1:2], moved, *source[3:], source[5]])
    assert len(compared.missing) == 1 and len(compared.extra) == 1
    assert [one.property for one in compared.differences] == ["folder"]


def test_a_time_cut_to_its_second_is_told_as_such(source: list[StoredItem]) -> None:
    item = source[3]
    assert item.mapi is not None
    at = item.mapi.properties.value(0x3007)
    assert at % 10_000_000, "every tenth item has such a time"
    cut = changed(item.mapi, 0x3007, at - at % 10_000_000)
    [one] = compare([item], [replace(item, mapi=cut)]).differences
    assert one.why == BELOW_A_SECOND
    [late] = compare([item], [replace(item, mapi=changed(item.mapi, 0x3007, at + 10_000_000))]).differences
    assert late.why != BELOW_A_SECOND
