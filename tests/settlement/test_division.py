"""No fen is lost or made when an order's money is divided."""

from fractions import Fraction

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.kernel.money import BPS, MAX_AMOUNT
from market.settlement.division import Division, divide

rates = st.integers(0, BPS).flatmap(lambda vat: st.tuples(st.integers(0, BPS - vat), st.just(vat)))


@given(gross=st.integers(0, MAX_AMOUNT), rate=rates)
def test_parts_add_up_and_none_is_off_by_a_fen(gross, rate):
    commission_bps, vat_bps = rate
    parts = divide(gross, commission_bps=commission_bps, vat_bps=vat_bps)
    assert parts.net + parts.commission + parts.vat == gross
    assert min(parts.net, parts.commission, parts.vat) >= 0
    assert abs(parts.commission - Fraction(gross * commission_bps, BPS)) < 1
    assert abs(parts.vat - Fraction(gross * vat_bps, BPS + vat_bps)) < 1
    if not commission_bps:
        assert parts.commission == 0
    if not vat_bps:
        assert parts.vat == 0


@pytest.mark.parametrize(
    ("gross", "commission_bps", "vat_bps", "parts"),
    [
        # 106.00 yuan at 6 %: 100.00 without tax and 6.00 of it.
        (10_600, 0, 600, Division(10_000, 0, 600)),
        (10_000, 500, 600, Division(8_934, 500, 566)),
        (10_000, 500, 100, Division(9_401, 500, 99)),
        # One fen cannot be divided: it goes to the largest share.
        (1, 500, 600, Division(1, 0, 0)),
        (0, 500, 600, Division(0, 0, 0)),
    ],
)
def test_known_divisions(gross, commission_bps, vat_bps, parts):
    assert divide(gross, commission_bps=commission_bps, vat_bps=vat_bps) == parts


def test_rates_that_leave_less_than_nothing_are_refused():
    with pytest.raises(ValueError, match="weights"):
        divide(100, commission_bps=9_999, vat_bps=600)


@pytest.mark.django_db
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gross=st.one_of(st.integers(0, 1_000), st.integers(0, MAX_AMOUNT)), rate=rates)
def test_the_database_divides_in_the_same_way(gross, rate):
    commission_bps, vat_bps = rate
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM settlement_divide(%s, %s, %s)", [gross, commission_bps, vat_bps])
        (row,) = cursor.fetchall()
    assert Division(*row) == divide(gross, commission_bps=commission_bps, vat_bps=vat_bps)
