"""Series in the lab's EWS: the twelve kinds, their occurrences by id, and what an independent library says of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import lab_ews as ews
import pytest
from dateutil import rrule

from lab.cloud.item_stream.checks import check_item
from lab.cloud.item_stream.named_properties import APPOINTMENT, Name
from lab.cloud.item_stream.reader import read_stream
from lab.cloud.item_stream.writer import write_stream
from lab.exchange.ews.view import item_id
from lab.mailbox_content.draft import Draft, Person
from lab.mailbox_content.meetings import series
from lab.mailbox_content.recurrences import KINDS, Kind, days_of

ANNA = Person("Anna", ews.ANNA, inside=True)
RULES: dict[str, dict[str, Any]] = {
    "every day": {"freq": rrule.DAILY}, "every third day": {"freq": rrule.DAILY, "interval": 3},
    "every weekday": {"freq": rrule.WEEKLY, "byweekday": range(5)},
    "weekly": {"freq": rrule.WEEKLY, "byweekday": rrule.TH},
    "every second week on three days": {
        "freq": rrule.WEEKLY, "interval": 2, "byweekday": [rrule.MO, rrule.WE, rrule.FR], "wkst": rrule.SU
    },
    "monthly on the 15th": {"freq": rrule.MONTHLY, "bymonthday": 15},
    "the last day of each quarter": {"freq": rrule.MONTHLY, "interval": 3, "bymonthday": -1},
    "the second Tuesday": {"freq": rrule.MONTHLY, "byweekday": rrule.TU(2)},
    "the last Friday every second month": {"freq": rrule.MONTHLY, "interval": 2, "byweekday": rrule.FR(-1)},
    "the first weekday": {"freq": rrule.MONTHLY, "byweekday": range(5), "bysetpos": 1},
    "yearly": {"freq": rrule.YEARLY, "bymonthday": 28, "bymonth": 5},
    "the fourth Thursday, yearly": {"freq": rrule.YEARLY, "byweekday": rrule.TH(4), "bymonth": 5},
}  # fmt: skip
ELEMENTS = {
    "every day": "DailyRecurrence", "every third day": "DailyRecurrence", "every weekday": "WeeklyRecurrence",
    "weekly": "WeeklyRecurrence", "every second week on three days": "WeeklyRecurrence",
    "monthly on the 15th": "AbsoluteMonthlyRecurrence", "the last day of each quarter": "AbsoluteMonthlyRecurrence",
    "the second Tuesday": "RelativeMonthlyRecurrence",
    "the last Friday every second month": "RelativeMonthlyRecurrence", "the first weekday": "RelativeMonthlyRecurrence",
    "yearly": "AbsoluteYearlyRecurrence", "the fourth Thursday, yearly": "RelativeYearlyRecurrence",
}  # fmt: skip
KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def some(kind: Kind, most: int = 12) -> list[Any]:
    return [series(Draft(11, number, ANNA, (ANNA,)), kind) for number in range(most)]


@KIND
def test_the_days_of_a_kind_are_those_of_an_independent_library(kind: Kind) -> None:
    start = datetime(2026, 5, 1)
    assert days_of(kind, start, 30) == list(rrule.rrule(dtstart=start, count=30, **RULES[kind.name]))


@KIND
def test_every_series_that_the_lab_makes_is_one_that_its_reader_takes(kind: Kind) -> None:
    for message in some(kind):
        check_item(read_stream(write_stream(message)))


@KIND
def test_occurrences_are_told_and_each_is_an_item(kind: Kind) -> None:
    server = ews.Server(2007)
    changed = gone = 0
    for message in some(kind, 6):
        item = server.file(message, "Calendar")
        element = server.whole(item)
        assert element.find(f"{ews.T}Recurrence/{ews.T}{ELEMENTS[kind.name]}") is not None
        assert ews.text(element, "CalendarItemType") == "RecurringMaster"
        ends = element.find(f"{ews.T}Recurrence")[1].tag.partition("}")[2]
        assert (element.find("{*}LastOccurrence") is None) == (ends == "NoEndRecurrence")
        gone += len(element.findall(f"{ews.T}DeletedOccurrences/{ews.T}DeletedOccurrence"))
        hidden = [file for file in message.attachments if file.properties.value(0x7FFE) and file.message]
        shown = element.findall(f"{ews.T}ModifiedOccurrences/{ews.T}Occurrence")
        assert len(shown) == len(hidden)
        assert len(element.findall(f"{ews.T}Attachments/*")) == len(message.attachments) - len(hidden)
        for occurrence in shown:
            changed += 1
            inner = exception(hidden, ews.text(occurrence, "OriginalStart"))
            identifier = occurrence.find("{*}ItemId").get("Id")
            paths = ews.tag(0x1000, "String") + ews.lid("Appointment", 0x820D, "SystemTime")
            [own] = server.get(f'<t:ItemId Id="{identifier}"/>', base="AllProperties", extended=paths)
            assert ews.text(own, "CalendarItemType") == "Exception"
            assert ews.text(own, "Start") == ews.text(occurrence, "Start")
            assert ews.values(own) == [[inner.properties.text(0x1000)], [ews.text(occurrence, "Start")]]
            wanted = inner.properties.text(0x0037) or message.properties.text(0x0037)
            assert ews.text(own, "Subject") == wanted
    assert changed and gone, "none of them has exceptions"


def exception(hidden: list[Any], original: str | None) -> Any:
    moment = datetime.fromisoformat(original or "")
    return next(file.message for file in hidden if file.message.properties.moment(Name(APPOINTMENT, 0x8228)) == moment)


def test_times_are_of_the_zone_on_either_side_of_its_switches() -> None:
    """In W. Europe, all year: the same hour there is another one in UTC in summer."""
    clock = ZoneInfo("Europe/Berlin")
    server, seen = ews.Server(2007), set()
    for message in some(KINDS[5], 60):
        if message.properties.text(Name(APPOINTMENT, 0x8234)) != "W. Europe Standard Time":
            continue
        item = server.file(message, "Calendar")
        element = server.whole(item)
        start = datetime.fromisoformat(ews.text(element, "Start") or "").astimezone(clock)
        for index in range(1, 9):
            [own] = server.get(occurrence_reference(item, index), base="AllProperties")
            if own is not None and ews.text(own, "CalendarItemType") == "Occurrence":
                local = datetime.fromisoformat(ews.text(own, "Start") or "").astimezone(clock)
                assert (local.hour, local.minute) == (start.hour, start.minute)
                seen.add(local.utcoffset())
    assert seen == {timedelta(hours=1), timedelta(hours=2)}


def occurrence_reference(item: Any, index: int) -> str:
    return f'<t:OccurrenceItemId RecurringMasterId="{item_id(ews.ANNA, item.id)}" InstanceIndex="{index}"/>'


def test_an_occurrence_that_is_not_there_has_an_error_of_its_own() -> None:
    server = ews.Server(2007)
    filed = (server.file(message, "Calendar") for message in some(KINDS[3], 40))
    wanted = ("DeletedOccurrences", "LastOccurrence")
    item = next(item for item in filed if all(server.whole(item).find(f"{{*}}{name}") is not None for name in wanted))
    codes = []
    for index in (0, *range(1, 21), 1000):
        shape = (
            f"<m:ItemShape>{ews.shape_xml()}</m:ItemShape><m:ItemIds>{occurrence_reference(item, index)}</m:ItemIds>"
        )
        codes.append(next(server.ask("GetItem", shape).iter("{*}ResponseCode")).text)
    assert codes[0] == "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange"
    deleted = len(server.whole(item).findall(f"{ews.T}DeletedOccurrences/*"))
    assert codes.count("ErrorCalendarOccurrenceIsDeletedFromRecurrence") == deleted > 0
    assert codes.count("NoError") >= 4
    own = ews.reference(item).replace("ItemId", "RecurringMasterItemId").replace("Id=", "OccurrenceId=")
    assert server.get(own) == [None], "the id of the series is not one of an occurrence"
