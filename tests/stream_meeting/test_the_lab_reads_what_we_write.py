"""The product's writer meets the lab's reader: two hands, one specification, no shared code.

A stream that the lab refuses, or reads otherwise, means that one of them has misread Microsoft's pages.
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from lab.cloud.item_stream.appointment_recurrence import read_appointment_recurrence
from lab.cloud.item_stream.checks import check_item
from lab.cloud.item_stream.occurrences import occurrences
from lab.cloud.item_stream.reader import read_stream
from mailmove.items.stream.ews_item import EwsAddress, EwsFile, EwsInner, EwsItem
from mailmove.items.stream.from_ews import item_of
from mailmove.items.stream.known.by_class import _OF_CLASS, properties_of
from mailmove.items.stream.properties import Lid, Property, Tag
from mailmove.items.stream.property_types import PropertyType as T
from mailmove.items.stream.recurrence import (
    ANY_DAY,
    WORKING_DAYS,
    ChangedOccurrence,
    Daily,
    EveryWorkingDay,
    MonthEnd,
    MonthlyByDay,
    MonthlyNth,
    Pattern,
    Series,
    Weekday,
    Weekly,
    YearlyByDay,
    YearlyNth,
)
from mailmove.items.stream.recurrence_blob import appointment_recurrence
from mailmove.items.stream.writer import stream_of

SPELLED = {
    T.INTEGER16: "3", T.INTEGER32: "1", T.INTEGER64: "12345678901", T.FLOATING32: "0.25", T.FLOATING64: "0.1",
    T.FLOATING_TIME: "2.5", T.CURRENCY: "123456", T.BOOLEAN: "false", T.STRING: "Ärger & <Freude>",
    T.GUID: "{00020307-0000-0000-c000-000000000046}", T.TIME: "2007-03-26T18:00:00Z",
}  # fmt: skip
"""Type -> a value as EWS spells it. Blobs have a meaning each, and stand in tests of their own."""
ADDRESS_BOOK_PROVIDERS = 0x8029
"""PidLidAddressBookProviderArrayType is a mask of the addresses that a contact has."""
ANNA, BERT = EwsAddress("Anna", "anna@northwind.example"), EwsAddress("Bert", "bert@fabrikam.example")
CLASSES = [*_OF_CLASS, "IPM.Customer.Order", "IPM.Contact.Customer"]


def spelled(item_class: str) -> dict[Property, Any]:
    values = {owner: SPELLED[owner.type] for owner in properties_of(item_class) if owner.type in SPELLED}
    masks = [owner for owner in values if isinstance(owner.key, Lid) and owner.key.lid == ADDRESS_BOOK_PROVIDERS]
    return {
        owner: item_class if owner.key == Tag(0x1A) else value for owner, value in values.items() if owner not in masks
    }


@pytest.mark.parametrize("item_class", CLASSES)
def test_every_class_is_read_with_every_property(item_class: str) -> None:
    values = spelled(item_class)
    inner = EwsInner("inside", EwsItem("IPM.Note", spelled("IPM.Note"), author=BERT))
    files = (EwsFile("größe.txt", bytes(range(256)) * 300, "text/plain"), inner)
    message = read_stream(stream_of(item_of(EwsItem(item_class, values, author=ANNA, to=(BERT,), attachments=files))))
    check_item(message)
    assert len(message.properties) >= len(values) > 80
    assert len(message.attachments) == 2 and len(message.recipients) == 1


PATTERNS: list[Pattern] = [
    Daily(1), Daily(3), EveryWorkingDay(), Weekly(frozenset({Weekday.TUESDAY, Weekday.FRIDAY}), 2),
    MonthlyByDay(15), MonthlyByDay(31, 2), MonthEnd(), MonthlyNth(frozenset({Weekday.TUESDAY}), 5),
    MonthlyNth(WORKING_DAYS, 1), YearlyByDay(2, 28), YearlyNth(3, ANY_DAY, 2),
    YearlyNth(11, frozenset({Weekday.THURSDAY}), 4),
]  # fmt: skip
"""Twelve kinds."""


@pytest.mark.parametrize("pattern", PATTERNS, ids=repr)
@pytest.mark.parametrize("seed", range(3))
def test_a_series_with_exceptions_falls_on_the_same_moments(pattern: Pattern, seed: int) -> None:
    dice = random.Random(f"{pattern} {seed}")
    start = date(2024, 1, 31) + timedelta(days=dice.randint(-400, 400))
    plain = Series(pattern, start, 9 * 60, 45, count=20, first_day=dice.choice(list(Weekday)))
    days = list(plain.days())
    gone, moved = dice.sample(days, 3), dice.sample(days, 2)
    changed = tuple(
        ChangedOccurrence(day, datetime.combine(day, datetime.min.time()) + timedelta(hours=11),
                          datetime.combine(day, datetime.min.time()) + timedelta(hours=12), subject="anders ☕")
        for day in sorted(set(moved) - set(gone))
    )  # fmt: skip
    series = Series(pattern, start, 9 * 60, 45, 20, None, plain.first_day, frozenset(gone), changed)
    read = occurrences(read_appointment_recurrence(appointment_recurrence(series)))
    nine = timedelta(hours=9)
    expected = {datetime.combine(day, datetime.min.time()) + nine for day in days if day not in gone}
    expected -= {datetime.combine(one.original, datetime.min.time()) + nine for one in changed}
    assert {one.start for one in read} == expected | {one.start for one in changed}
    assert sorted(one.change.subject for one in read if one.change) == ["anders ☕"] * len(changed)
