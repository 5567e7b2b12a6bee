"""Days since 1970 and the calendar."""

import datetime

import pytest

from store.clock import date_of, day_of, today
from tests.support.clock import SetClock


@pytest.mark.parametrize(
    ("day", "date"),
    [
        (0, "1970-01-01"),
        (20_781, "2026-11-24"),
        (2_932_896, "9999-12-31"),
        (2_932_897, "9999-12-31"),
        (2**63, "9999-12-31"),
    ],
)
def test_a_day_has_a_date_however_late_it_is(day, date):
    assert date_of(day).isoformat() == date


def test_the_day_of_a_clock_is_that_of_utc():
    assert date_of(today(SetClock(20_781))) == datetime.date(2026, 11, 24)


@pytest.mark.parametrize("day", [0, 1, 20_781, 2_932_896])
def test_a_date_names_its_day(day):
    assert day_of(date_of(day)) == day
