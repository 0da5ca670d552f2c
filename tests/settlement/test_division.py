"""No fen is lost or made when an order's money is divided."""

from fractions import Fraction

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.kernel.money import BPS, MAX_AMOUNT
from market.settlement.division import Division, commission_points, divide

rates = st.integers(0, BPS).flatmap(lambda vat: st.tuples(st.integers(0, BPS - vat), st.just(vat)))


@given(gross=st.integers(0, MAX_AMOUNT), rate=rates)
def test_parts_add_up_and_none_is_off_by_a_fen(gross, rate):
    commission_bps, vat_bps = rate
    parts = divide(gross, points=gross * commission_bps, vat_bps=vat_bps)
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
    assert divide(gross, points=gross * commission_bps, vat_bps=vat_bps) == parts


def test_rates_that_leave_less_than_nothing_are_refused():
    with pytest.raises(ValueError, match="weights"):
        divide(100, points=999_900, vat_bps=600)


scales = st.lists(st.tuples(st.integers(1, 10**17), st.integers(0, BPS)), max_size=5, unique_by=lambda tier: tier[0])


@pytest.mark.django_db
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.integers(0, BPS),
    tiers=scales.map(sorted),
    cuts=st.tuples(*[st.one_of(st.integers(0, 10**6), st.integers(0, 10**17))] * 3).map(sorted),
)
def test_tiers_are_counted_the_same_in_the_database_and_however_sales_are_cut(first, tiers, cuts):
    begin, cut, end = cuts
    volumes, rates = [volume for volume, _bps in tiers], [bps for _volume, bps in tiers]

    def in_the_database(before: int, gross: int) -> int:
        with connection.cursor() as cursor:
            statement = "SELECT points FROM settlement_commission(%s, %s::bigint[], %s::int[], %s, %s)"
            cursor.execute(statement, [first, volumes, rates, before, gross])
            return int(cursor.fetchone()[0])

    whole = commission_points(first, tiers, before=begin, gross=end - begin)
    assert whole == in_the_database(begin, end - begin)
    assert whole == in_the_database(begin, cut - begin) + in_the_database(cut, end - cut)
    assert min([first, *rates]) * (end - begin) <= whole <= max([first, *rates]) * (end - begin)


@pytest.mark.django_db
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gross=st.one_of(st.integers(0, 1_000), st.integers(0, MAX_AMOUNT)), rate=rates)
def test_the_database_divides_in_the_same_way(gross, rate):
    commission_bps, vat_bps = rate
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM settlement_divide(%s, %s, %s)", [gross, gross * commission_bps, vat_bps])
        (row,) = cursor.fetchall()
    assert Division(*row) == divide(gross, points=gross * commission_bps, vat_bps=vat_bps)
