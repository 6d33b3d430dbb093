"""Recurrence blobs against the examples of MS-OXOCAL 4.1.1, byte for byte; the days of series against dateutil."""

from __future__ import annotations

import itertools
import random
import struct
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from dateutil import rrule

from mailmove.errors import ItemUnwritable
from mailmove.items.stream.recurrence import (
    ANY_DAY,
    LAST,
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
)  # fmt: skip
from mailmove.items.stream.recurrence_blob import appointment_recurrence, recurrence_pattern

W = Weekday
MONDAY_THURSDAY_FRIDAY = Series(
    Weekly(frozenset({W.MONDAY, W.THURSDAY, W.FRIDAY})), date(2007, 3, 26), starts_at=600, lasts=30, count=12
)


def test_example_4_1_1_1_weekly_without_exceptions() -> None:
    assert appointment_recurrence(MONDAY_THURSDAY_FRIDAY).hex().upper() == (
        "043004300B2001000000C0210000010000000000000032000000222000000C0000000000000000000000000000008020BC0C20ADBC0C"
        "0630000009300000580200007602000000000000000000000000"
    )


def test_example_4_1_1_2_weekly_with_a_changed_occurrence() -> None:
    changed = ChangedOccurrence(
        original=date(2007, 4, 16), start=datetime(2007, 4, 16, 11), end=datetime(2007, 4, 16, 11, 30),
        subject="Simple Recurrence with exceptions", location="34/4141",
    )  # fmt: skip
    series = Series(**{**vars(MONDAY_THURSDAY_FRIDAY), "changed": (changed,)})
    assert appointment_recurrence(series).hex().upper() == (
        "043004300B2001000000C0210000010000000000000032000000222000000C0000000000000001000000A096BC0C01000000A096BC0C"
        "8020BC0C20ADBC0C0630000009300000580200007602000001003499BC0C5299BC0CF898BC0C11002200210053696D706C65205265637572"
        "72656E6365207769746820657863657074696F6E730800070033342F34313431000000000400000000000000000000003499BC0C5299BC0C"
        "F898BC0C2100530069006D0070006C006500200052006500630075007200720065006E006300650020007700690074006800200065007800"
        "630065007000740069006F006E0073000700330034002F0034003100340031000000000000000000"
    )


def test_example_4_1_1_3_daily_with_deleted_occurrences() -> None:
    """The page writes 2011 in its text; its bytes are of 2011 where they say 215,776,800 minutes."""
    start = date(1601, 1, 1) + timedelta(minutes=215_776_800)
    gone = frozenset({start + timedelta(days=12), start + timedelta(days=15)})
    series = Series(Daily(3), start, starts_at=480, lasts=30, until=start + timedelta(days=27), deleted=gone)
    assert appointment_recurrence(series).hex().upper() == (
        "043004300A2000000000A0050000E010000000000000212000000A0000000000000002000000A0C1DC0C80D2DC0C00000000207EDC0C"
        "0016DD0C0630000009300000E0010000FE01000000000000000000000000"
    )


def test_example_4_1_1_4_every_third_month_with_changed_occurrences() -> None:
    moved = ChangedOccurrence(date(2008, 5, 10), datetime(2008, 5, 11, 14), datetime(2008, 5, 11, 17))
    elsewhere = ChangedOccurrence(
        date(2008, 8, 9), datetime(2008, 8, 9, 14), datetime(2008, 8, 9, 17), location="new location"
    )
    third_weekend_day = MonthlyNth(frozenset({W.SATURDAY, W.SUNDAY}), 3, every=3)
    series = Series(third_weekend_day, date(2008, 2, 9), 840, 180, count=10, changed=(elsewhere, moved))
    assert appointment_recurrence(series).hex().upper() == (
        "043004300C200300000060AE000003000000000000004100000003000000222000000A00000000000000020000006028C50C4028C70C"
        "02000000002EC50C4028C70C8028C30C6027D50C063000000930000048030000FC03000002004831C50CFC31C50CA82BC50C0000882B"
        "C70C3C2CC70C882BC70C10000D000C006E6577206C6F636174696F6E000000000400000000000000000000000400000000000000"
        "00000000882BC70C3C2CC70C882BC70C0C006E006500770020006C006F0063006100740069006F006E000000000000000000"
    )


def test_example_4_1_1_6_the_changed_occurrence_of_an_endless_series() -> None:
    """Its calendar is the Hebrew one, which is not made here; what stands behind the pattern is the same."""
    expected = (
        "0630000009300000E0010000FE01000001000080DC0C1E80DC0C0080DC0C24023C00000001000000000000000400000000000000"
        "0000000000000000"
    )
    day = date(1601, 1, 1) + timedelta(minutes=0x0CDC7E20)
    moment = datetime.combine(day, datetime.min.time()) + timedelta(hours=8)
    changed = ChangedOccurrence(
        day, moment, moment + timedelta(minutes=30), reminder_delta=60, busy_status=1, own_body=True
    )
    series = Series(Daily(), day - timedelta(days=400), starts_at=480, lasts=30, changed=(changed,))
    blob = appointment_recurrence(series).hex().upper()
    assert blob.endswith(expected)
    assert "23200000" + "0A000000" in blob and "DF80E95A" in blob


START = date(2024, 1, 31)
DAYS = {W.SUNDAY: rrule.SU, W.MONDAY: rrule.MO, W.TUESDAY: rrule.TU, W.WEDNESDAY: rrule.WE, W.THURSDAY: rrule.TH,
        W.FRIDAY: rrule.FR, W.SATURDAY: rrule.SA}  # fmt: skip


def as_rule(pattern: Pattern, first_day: Weekday) -> dict[str, Any]:
    """The same, as RFC 5545 says it; `31` of a short month needs its last days and a position."""
    week = {"wkst": DAYS[first_day], "interval": getattr(pattern, "every", 1)}
    position = {"bysetpos": -1 if getattr(pattern, "position", 0) == LAST else getattr(pattern, "position", None)}
    weekdays = {"byweekday": [DAYS[day] for day in getattr(pattern, "days", ())]}
    match pattern:
        case Daily():
            return week | {"freq": rrule.DAILY}
        case EveryWorkingDay():
            return week | {"freq": rrule.DAILY, "byweekday": [DAYS[day] for day in WORKING_DAYS]}
        case Weekly():
            return week | weekdays | {"freq": rrule.WEEKLY}
        case MonthlyByDay(day):
            return week | {"freq": rrule.MONTHLY, "bymonthday": range(min(day, 28), day + 1), "bysetpos": -1}
        case MonthEnd():
            return week | {"freq": rrule.MONTHLY, "bymonthday": -1}
        case MonthlyNth():
            return week | weekdays | position | {"freq": rrule.MONTHLY}
        case YearlyByDay(month, day):
            days = {"bymonthday": range(min(day, 28), day + 1), "bysetpos": -1}
            return week | days | {"freq": rrule.YEARLY, "bymonth": month}
        case YearlyNth():
            return week | weekdays | position | {"freq": rrule.YEARLY, "bymonth": pattern.month}


def a_pattern(dice: random.Random) -> Pattern:
    days = frozenset(dice.sample(list(W), dice.randint(1, 7)))
    few = dice.choice([frozenset({dice.choice(list(W))}), WORKING_DAYS, ANY_DAY, frozenset({W.SATURDAY, W.SUNDAY})])
    every, month, position = dice.randint(1, 5), dice.randint(1, 12), dice.randint(1, 5)
    return dice.choice([
        Daily(every), EveryWorkingDay(), Weekly(days, every), MonthlyByDay(dice.randint(1, 31), every), MonthEnd(every),
        MonthlyNth(few, position, every), YearlyByDay(month, dice.randint(1, 31)), YearlyNth(month, few, position),
    ])  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_a_series_falls_on_the_days_that_an_independent_expander_finds(seed: int) -> None:
    dice = random.Random(seed)
    pattern, first_day = a_pattern(dice), dice.choice(list(W))
    if isinstance(pattern, YearlyByDay) and pattern.day > {2: 29}.get(pattern.month, 30):
        pattern = YearlyByDay(pattern.month, 28)
    start = START + timedelta(days=dice.randint(-1500, 1500))
    ours = list(itertools.islice(Series(pattern, start, 0, 30, first_day=first_day).days(), 40))
    began = datetime.combine(start, datetime.min.time())
    theirs = itertools.islice(rrule.rrule(dtstart=began, **as_rule(pattern, first_day)), 40)
    assert ours == [moment.date() for moment in theirs], (pattern, first_day, start)


@pytest.mark.parametrize(
    ("pattern", "head"),
    [
        (Daily(2), "0A20 0000 0000 A0050000 400B0000 00000000"),
        (EveryWorkingDay(), "0A20 0100 0000 C0210000 01000000 00000000 3E000000"),
        (Weekly(frozenset({W.SUNDAY}), 2), "0B20 0100 0000 C0210000 02000000 00000000 01000000"),
        (MonthlyByDay(31, 2), "0C20 0200 0000 00000000 02000000 00000000 1F000000"),
        (MonthEnd(), "0C20 0200 0000 00000000 01000000 00000000 1F000000"),
        (MonthlyNth(frozenset({W.TUESDAY}), LAST), "0C20 0300 0000 00000000 01000000 00000000 04000000 05000000"),
        (YearlyByDay(2, 29), "0D20 0200 0000 60AE0000 0C000000 00000000 1D000000"),
        (YearlyByDay(2, 29, 4), "0C20 0200 0000 C0BD1800 30000000 00000000 1D000000"),
        (YearlyNth(3, WORKING_DAYS, 1), "0D20 0300 0000 E04B0100 0C000000 00000000 3E000000 01000000"),
    ],
)
def test_each_pattern_has_its_frequency_type_and_first_time(pattern: Pattern, head: str) -> None:
    blob = recurrence_pattern(Series(pattern, START, 0, 60, count=5))
    expected = bytes.fromhex("04300430" + head)
    assert blob[: len(expected)].hex(" ", 4) == expected.hex(" ", 4)


@pytest.mark.parametrize("seed", range(60))
def test_the_first_time_leads_back_to_the_days(seed: int) -> None:
    """What a reader does with FirstDateTime (2.2.1.44.1.1): every period from there on is one of the series'."""
    dice = random.Random(1000 + seed)
    pattern, first_day = a_pattern(dice), dice.choice(list(W))
    series = Series(pattern, START + timedelta(days=dice.randint(-900, 900)), 0, 30, count=9, first_day=first_day)
    blob = recurrence_pattern(series)
    kind, first, period = struct.unpack_from("<H", blob, 6)[0], *struct.unpack_from("<II", blob, 10)
    origin = date(1601, 1, 1) + timedelta(minutes=first)
    for day in series.days():
        if kind == 0:
            assert (day - origin).days * 1440 % period == 0
        elif kind == 1:
            week = day - timedelta(days=(W.of(day) - first_day) % 7)
            assert (week - origin).days % (7 * period) == 0
        else:
            assert ((day.year - origin.year) * 12 + day.month - origin.month) % period == 0


def test_the_end_of_a_counted_series_is_its_last_day_and_the_count_of_a_dated_one_is_counted() -> None:
    counted = recurrence_pattern(Series(EveryWorkingDay(), date(2026, 1, 2), 0, 30, count=3))
    dated = recurrence_pattern(Series(EveryWorkingDay(), date(2026, 1, 2), 0, 30, until=date(2026, 1, 11)))
    end = (date(2026, 1, 6) - date(1601, 1, 1)).days * 1440
    assert struct.unpack_from("<I", counted, len(counted) - 4) == (end,)
    assert struct.unpack_from("<II", dated, 26) == (0x2021, 6)
    assert struct.unpack_from("<I", dated, len(dated) - 4) == (end + 5 * 1440,)


def test_a_moved_occurrence_is_deleted_where_it_was_and_listed_where_it_is() -> None:
    moved = ChangedOccurrence(date(2026, 1, 8), datetime(2026, 1, 9, 9), datetime(2026, 1, 9, 10))
    series = Series(
        Weekly(frozenset({W.THURSDAY})),
        date(2026, 1, 1),
        540,
        60,
        changed=(moved,),
        deleted=frozenset({date(2026, 1, 22)}),
    )
    blob = recurrence_pattern(series)
    when = [(day - date(1601, 1, 1)).days * 1440 for day in (date(2026, 1, 8), date(2026, 1, 22), date(2026, 1, 9))]
    assert struct.unpack_from("<5I", blob, 38) == (2, when[0], when[1], 1, when[2])


def test_letters_outside_of_ansi_are_whole_in_the_extension() -> None:
    day = date(2026, 1, 8)
    changed = ChangedOccurrence(
        day, datetime(2026, 1, 8, 9), datetime(2026, 1, 8, 10), subject="Встреча 📅", all_day=True
    )
    blob = appointment_recurrence(Series(Daily(), day, 540, 60, changed=(changed,)))
    assert "Встреча 📅".encode("utf-16-le") in blob and struct.pack("<H", 10) + "Встреча".encode("utf-16-le") in blob
    assert b"\x0a\x00\x09\x00" + b"??????? ?" in blob


DAY = date(2026, 1, 5)
AT = datetime(2026, 1, 5, 9)


@pytest.mark.parametrize(
    "broken",
    [
        {"pattern": Daily(0)},
        {"pattern": Daily(1000)},
        {"pattern": Weekly(frozenset())},
        {"pattern": MonthlyByDay(0)},
        {"pattern": MonthlyByDay(32)},
        {"pattern": MonthlyNth(frozenset({W.MONDAY}), 6)},
        {"pattern": MonthlyNth(frozenset(), 1)},
        {"count": 0},
        {"count": 2**31},
        {"pattern": YearlyByDay(1, 5), "count": 3000},
        {"until": date(2026, 1, 4)},
        {"starts_at": 1440},
        {"starts_at": -1},
        {"lasts": -1},
        {"pattern": Weekly(frozenset({W.MONDAY})), "deleted": frozenset({date(2026, 1, 6)})},
        {"pattern": Weekly(frozenset({W.MONDAY})), "changed": (ChangedOccurrence(date(2026, 1, 6), AT, AT),)},
        {"deleted": frozenset({DAY}), "changed": (ChangedOccurrence(DAY, AT, AT),)},
        {"changed": (ChangedOccurrence(DAY, AT, AT), ChangedOccurrence(DAY, AT, AT))},
        {"changed": (ChangedOccurrence(DAY, AT, AT, subject="x" * 65_535),)},
        {"changed": (ChangedOccurrence(DAY, AT, AT, location="📅" * 40_000),)},
        {"changed": (ChangedOccurrence(DAY, AT, AT, location="\ud83d"),)},
        {"changed": (ChangedOccurrence(DAY, AT, AT, busy_status=-1),)},
        {"changed": (ChangedOccurrence(DAY, datetime(1600, 1, 1), AT),)},
    ],
    ids=str,
)
def test_a_series_that_no_blob_can_hold_is_refused(broken: dict[str, Any]) -> None:
    whole: dict[str, Any] = {"pattern": Daily(), "start": DAY, "starts_at": 540, "lasts": 60}
    appointment_recurrence(Series(**whole))
    with pytest.raises(ItemUnwritable):
        appointment_recurrence(Series(**(whole | broken)))
