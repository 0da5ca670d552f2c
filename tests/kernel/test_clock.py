"""One clock for everybody, and business days in Guizhou."""

import datetime

from market.kernel import clock

EVENING_UTC = datetime.datetime(2026, 11, 23, 16, 30, tzinfo=datetime.UTC)


def test_business_day_begins_at_midnight_in_shanghai():
    assert clock.business_date(EVENING_UTC) == datetime.date(2026, 11, 24)
    assert clock.business_midnight(datetime.date(2026, 11, 24)) == datetime.datetime(
        2026, 11, 23, 16, tzinfo=datetime.UTC
    )


def test_frozen_clock_stands_still_and_runs_again():
    with clock.frozen_at(EVENING_UTC.astimezone(clock.BUSINESS_ZONE)):
        assert clock.now() == EVENING_UTC
        assert clock.business_date() == datetime.date(2026, 11, 24)
    assert clock.now() != EVENING_UTC
