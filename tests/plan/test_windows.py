"""Windows of local time, over midnight and the change of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mailmove.plan import Window
from mailmove.windows import is_open, next_opening

NIGHT = Window(opens="22:00", closes="06:00", timezone="Europe/London")  # type: ignore[arg-type]
LEAP = Window(opens="01:30", closes="05:00", timezone="Europe/London")  # type: ignore[arg-type]


def test_over_midnight_and_in_local_time() -> None:
    assert not is_open([NIGHT], datetime(2026, 7, 1, 20, 59, tzinfo=UTC))
    assert is_open([NIGHT], datetime(2026, 7, 1, 21, 0, tzinfo=UTC))  # 22:00 in London's summer
    assert is_open([NIGHT], datetime(2026, 7, 2, 4, 59, tzinfo=UTC))
    assert not is_open([NIGHT], datetime(2026, 7, 2, 5, 0, tzinfo=UTC))
    assert is_open([], datetime(2026, 7, 2, 12, 0, tzinfo=UTC))


def test_an_opening_that_the_clocks_leap_over_is_the_moment_after_the_leap() -> None:
    before = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)  # on the 29th 01:00 to 02:00 does not exist in London
    assert next_opening([LEAP], before) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 02:30 there
    assert is_open([LEAP], datetime(2026, 3, 29, 1, 30, tzinfo=UTC))


@given(at=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)))
def test_the_next_opening_is_open_and_within_a_day(at: datetime) -> None:
    here = at.replace(tzinfo=UTC)
    opens = next_opening([NIGHT, LEAP], here)
    assert opens >= here
    assert is_open([NIGHT, LEAP], opens)
    assert opens - here <= timedelta(hours=25)
