"""Reports and closes at the same moment: first what happens without the meter's lock, then that nothing is lost."""

import threading
from collections import Counter

import pytest
from django.db import IntegrityError
from django.db.models import Sum

from market.billing import services
from market.billing.models import Statement, UsageRecord
from market.billing.services import usage
from market.kernel import clock
from market.ledger.models import Transfer
from tests import factories
from tests.billing.metering import at, meter_of, metered, report, results, use
from tests.concurrency.guards import without_constraint, without_triggers
from tests.concurrency.together import together
from tests.orders.trades import buyer, money

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5
NOON = at(3, 8, 4)
MIDNIGHT = at(3, 31, 16)


@pytest.fixture
def unlocked(monkeypatch):
    """Both callers have read before either writes."""
    meeting = threading.Barrier(2)
    known = usage._known

    def wait_for_the_other(*arguments):
        found = known(*arguments)
        meeting.wait(timeout=30)
        return found

    monkeypatch.setattr("market.billing.services.meters.lock_in_order", lambda meters: meters)
    monkeypatch.setattr(usage, "_known", wait_for_the_other)


def reporting(market, order, *records, moment=NOON):
    """A call that reports at ``moment``: a thread does not inherit the frozen clock."""

    def call():
        with clock.frozen_at(moment):
            return results(report(market, order, *records))

    return call


def closing(moment=MIDNIGHT):
    def call():
        with clock.frozen_at(moment):
            return services.close_due()

    return call


def drawn() -> int:
    return UsageRecord.objects.aggregate(total=Sum("drawn"))["total"]


def test_without_the_lock_a_report_sent_twice_counts_twice(unlocked):
    market = factories.market()
    order = metered(market)
    call = reporting(market, order, use(10, NOON))
    with without_constraint("billing_usagerecord", "usage_record_once", "TRUNCATE billing_usagerecord"):
        assert together([call, call]) == [["recorded"], ["recorded"]]
        assert drawn() == 20


def test_without_the_lock_the_unique_id_still_holds(unlocked):
    market = factories.market()
    order = metered(market)
    call = reporting(market, order, use(10, NOON))
    outcomes = together([call, call])
    assert Counter(map(type, outcomes)) == {list: 1, IntegrityError: 1} and drawn() == 10


def test_a_report_sent_twice_at_once_counts_once():
    market = factories.market()
    order = metered(market, 100_000)
    for _round in range(ROUNDS):
        records = [use(10, NOON) for _number in range(50)]
        call = reporting(market, order, *records)
        outcomes = Counter(result for answer in together([call] * 4) for result in answer)
        assert outcomes == {"recorded": 50, "duplicate": 150}
    assert (drawn(), meter_of(order).drawn) == (2_500, 2_500)


def test_without_the_lock_more_is_drawn_than_was_paid_ahead(unlocked):
    market = factories.market()
    order = metered(market, 10_000)
    calls = [reporting(market, order, use(6_000, NOON)) for _number in range(2)]
    assert together(calls) == [["recorded"], ["recorded"]]
    assert drawn() == 12_000 and meter_of(order).drawn == 6_000


def test_the_last_fen_paid_ahead_is_drawn_once():
    market = factories.market(funds=1_000_000)
    for _round in range(ROUNDS):
        order = metered(market, 10_000)
        calls = [reporting(market, order, use(6_000, NOON)) for _number in range(3)]
        assert sorted(result for answer in together(calls) for result in answer) == [
            "prepayment_used_up",
            "prepayment_used_up",
            "recorded",
        ]
        assert meter_of(order).left == 4_000


def test_two_top_ups_and_use_that_tops_up_take_each_fen_of_the_wallet_once():
    market = factories.market(funds=25_000)
    order = metered(market, 10_000, at_prepaid_end="top_up")

    def top_up():
        with clock.frozen_at(NOON):
            return services.top_up_meter(actor=buyer(market), order_id=order.id)

    together([top_up, reporting(market, order, use(11_000, NOON)), top_up])
    meter = meter_of(order)
    assert money(market) == (5_000, 20_000) and (meter.prepaid, meter.top_ups) == (20_000, 1)
    assert Transfer.objects.filter(business_key__startswith=f"order:{order.id}:escrow:").count() == 1


def late_record_against_close(market, order, monkeypatch):
    """A report that has read the open month, and a close that comes before it writes."""
    read, closed = threading.Event(), threading.Event()
    known = usage._known

    def wait_for_the_close(*arguments):
        found = known(*arguments)
        read.set()
        closed.wait(timeout=30)
        return found

    monkeypatch.setattr("market.billing.services.meters.lock_in_order", lambda meters: meters)
    monkeypatch.setattr(usage, "_known", wait_for_the_close)

    def close():
        read.wait(timeout=30)
        outcome = closing()()
        closed.set()
        return outcome

    before_midnight = MIDNIGHT.replace(hour=15, minute=59)
    return together([reporting(market, order, use(10, NOON), moment=before_midnight), close])


def test_without_the_lock_a_record_lands_in_a_month_that_was_closed_without_it(monkeypatch):
    market = factories.market()
    order = metered(market)
    with without_triggers("billing_usagerecord"):
        assert late_record_against_close(market, order, monkeypatch) == [["recorded"], 1]
    assert Statement.objects.get().amount == 0 and drawn() == 10, "used, acknowledged, and never paid"


def test_without_the_lock_the_database_still_keeps_a_closed_month(monkeypatch):
    market = factories.market()
    order = metered(market)
    refused, closed = late_record_against_close(market, order, monkeypatch)
    assert "month of a record is closed" in str(refused) and closed == 1
    assert not UsageRecord.objects.exists()


def test_reports_around_midnight_are_each_in_one_statement():
    market = factories.market(funds=1_000_000)
    for number in range(ROUNDS):
        order = metered(market, 100_000)
        calls = [reporting(market, order, use(10, NOON), moment=MIDNIGHT) for _number in range(2)]
        calls += [reporting(market, order, use(10, NOON), moment=MIDNIGHT.replace(hour=15, minute=59)), closing()]
        calls += [closing()]
        outcomes = together(calls if number % 2 else calls[::-1])
        assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)], outcomes
        statement = Statement.objects.get(order=order)
        by_month = dict(order.usage.order_by().values_list("month").annotate(Sum("units")))
        assert by_month.pop(statement.month, 0) == statement.units
        assert sum(by_month.values()) == meter_of(order).units == 30 - statement.units


def test_several_beats_at_once_close_each_month_once():
    market = factories.market(funds=1_000_000)

    contracts = [metered(market, 1_000) for _number in range(6)]
    assert sum(together([closing()] * 4)) == 6
    assert Statement.objects.count() == 6 and all(order.charges.count() == 1 for order in contracts)
