"""Windows of local time, over midnight, over the change of the clocks, over holidays, and back by morning."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mailmove.plan.gates_and_windows import Window
from mailmove.plan.windows import closes, is_open, next_opening


def window(opens: str = "22:00", closes: str = "06:00", timezone: str = "Europe/London", **more: Any) -> Window:
    return Window.model_validate({"opens": opens, "closes": closes, "timezone": timezone, **more})


NIGHT, LEAP = window(), window("01:30", "05:00")
CHANGES = [  # the day after which each zone's clocks change, forward and back; half an hour on Lord Howe
    ("Europe/London", date(2026, 3, 29)),
    ("Europe/London", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
]


def test_over_midnight_and_in_local_time() -> None:
    assert not is_open([NIGHT], datetime(2026, 7, 1, 20, 59, tzinfo=UTC))
    assert is_open([NIGHT], datetime(2026, 7, 1, 21, 0, tzinfo=UTC))  # 22:00 in London's summer
    assert is_open([NIGHT], datetime(2026, 7, 2, 4, 59, tzinfo=UTC))
    assert not is_open([NIGHT], datetime(2026, 7, 2, 5, 0, tzinfo=UTC))
    assert is_open([], datetime(2026, 7, 2, 12, 0, tzinfo=UTC))
    assert closes([NIGHT], datetime(2026, 7, 1, 23, 0, tzinfo=UTC)) == datetime(2026, 7, 2, 5, 0, tzinfo=UTC)


def test_an_opening_that_the_clocks_leap_over_comes_after_the_leap() -> None:
    before = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)  # on the 29th 01:00 to 02:00 does not exist in London
    assert next_opening([LEAP], before) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 02:30 there
    assert is_open([LEAP], datetime(2026, 3, 29, 1, 30, tzinfo=UTC))


def test_a_time_that_comes_twice_makes_the_window_narrower() -> None:
    """On 25 October 01:00 to 02:00 comes twice in London: until 01:00 UTC by summer time, then by winter time."""
    before = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    assert next_opening([LEAP], before) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "the second 01:30"
    assert closes([window("22:00", "01:30")], before) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "the first 01:30"


CLOCK = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))


@given(
    change=st.sampled_from(CHANGES),
    minutes=st.integers(-36 * 60, 36 * 60),
    opens=CLOCK,
    closing=CLOCK,
    kept=st.integers(0, 7200),
    by=st.none() | CLOCK,
)
def test_around_a_change_of_the_clocks_it_is_open_only_by_the_clock_on_the_wall(
    change: tuple[str, date], minutes: int, opens: Any, closing: Any, kept: int, by: Any
) -> None:
    zone, day = change
    if opens == closing:
        return
    one = Window(opens=opens, closes=closing, timezone=zone, reversible_by=by, rollback_minutes=20)
    at = datetime.combine(day, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC) + timedelta(minutes=minutes)
    back = timedelta(seconds=kept)
    if is_open([one], at, back):
        clock = at.astimezone(ZoneInfo(zone)).time()
        assert opens <= clock < closing if opens < closing else (clock >= opens or clock < closing)
        end = closes([one], at, back)
        assert end is not None
        assert not is_open([one], end, back) or closing == opens
    found = next_opening([one], at, back)
    if found is not None:
        assert found >= at
        assert is_open([one], found, back)
        assert found == at or not is_open([one], found - timedelta(minutes=1), back)
        assert found - at <= timedelta(hours=50), "one night may be too short, two are not"
    else:
        assert by is not None, "only the way back can forbid every night"


@given(at=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)))
def test_the_next_opening_is_open_and_within_a_day(at: datetime) -> None:
    here = at.replace(tzinfo=UTC)
    opens = next_opening([NIGHT, LEAP], here)
    assert opens is not None and opens >= here
    assert is_open([NIGHT, LEAP], opens)
    assert opens - here <= timedelta(hours=25)


def test_on_a_holiday_it_does_not_open_and_the_night_before_goes_on() -> None:
    feast = window(holidays=["2026-12-25", "2026-12-26"])
    assert is_open([feast], datetime(2026, 12, 25, 3, 0, tzinfo=UTC)), "the window of the 24th, over midnight"
    assert not is_open([feast], datetime(2026, 12, 25, 23, 0, tzinfo=UTC))
    opens = next_opening([feast], datetime(2026, 12, 25, 12, 0, tzinfo=UTC))
    assert opens == datetime(2026, 12, 27, 22, 0, tzinfo=UTC)
    whole_year = [date(2027, 1, 1) + timedelta(days=one) for one in range(365)]
    closed = NIGHT.model_copy(update={"holidays": whole_year})
    assert next_opening([closed], datetime(2027, 1, 2, tzinfo=UTC)) == datetime(2028, 1, 1, 22, 0, tzinfo=UTC)


def test_no_switch_starts_too_late_to_be_back_by_morning() -> None:
    early = window(reversible_by="06:00", rollback_minutes=30)
    hour = timedelta(hours=1)
    assert is_open([early], datetime(2026, 12, 2, 4, 29, tzinfo=UTC), hour)
    assert not is_open([early], datetime(2026, 12, 2, 4, 30, tzinfo=UTC), hour), "90 minutes before 06:00"
    assert next_opening([early], datetime(2026, 12, 2, 4, 30, tzinfo=UTC), hour) == datetime(
        2026, 12, 2, 22, 0, tzinfo=UTC
    )
    assert next_opening([early], datetime(2026, 12, 2, tzinfo=UTC), timedelta(hours=8)) is None, "no night is so long"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"closes": "22:00"}, "leave the windows out"),
        ({"opens": "22:00Z"}, "is a local time"),
        ({"timezone": "Europe/Nowhere"}, "not an IANA time zone"),
        ({"holidays": ["Christmas"]}, "date"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        window(**given)
