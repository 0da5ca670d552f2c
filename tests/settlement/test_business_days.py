"""Weekends, holidays of the State Council's calendar, and the weekends worked in exchange."""

import datetime

import pytest

from market.settlement.business_days import ONE_DAY, cutoff_day, is_business_day

day = datetime.date.fromisoformat


@pytest.mark.parametrize(
    ("date", "works"),
    [
        ("2026-11-23", True),  # a Monday
        ("2026-11-21", False),  # a Saturday
        ("2026-10-01", False),  # National Day
        ("2026-02-14", True),  # a Saturday worked for the Spring Festival
        ("2026-02-20", False),  # the Friday off in exchange
    ],
)
def test_business_days(date, works):
    assert is_business_day(day(date)) is works


@pytest.mark.parametrize(
    ("today", "days", "cutoff"),
    [
        ("2026-11-24", 1, "2026-11-24"),  # Tuesday pays Monday
        ("2026-11-23", 1, "2026-11-23"),  # Monday pays Friday and the weekend
        ("2026-11-22", 1, "2026-11-20"),  # Sunday: nothing that Friday has not paid
        ("2026-11-24", 2, "2026-11-23"),
        ("2026-11-23", 2, "2026-11-20"),
        ("2026-10-07", 1, "2026-09-30"),  # in the holidays
        ("2026-10-08", 1, "2026-10-08"),  # the first day after them
    ],
)
def test_cutoffs(today, days, cutoff):
    assert cutoff_day(day(today), days) == day(cutoff)


def test_every_day_of_a_year_is_due_on_its_nth_business_day_and_no_earlier():
    """The definition itself, checked the long way round: T is due on the N-th business day after T."""
    year = [day("2026-01-01") + ONE_DAY * offset for offset in range(365)]
    for days in (1, 2, 3):
        for captured in year:
            due, left = captured, days
            while left:
                due += ONE_DAY
                left -= is_business_day(due)
            assert captured < cutoff_day(due, days)
            assert captured >= cutoff_day(due - ONE_DAY, days)


def test_less_than_a_day_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        cutoff_day(day("2026-11-23"), 0)
