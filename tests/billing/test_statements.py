"""A month is closed once: one statement, one charge, one job; the contract's end returns what is left."""

import datetime

import pytest
from django.db import IntegrityError, connection, transaction

from market.billing import services
from market.billing.errors import MeterEnded
from market.billing.models import Meter, Statement, UsageRecord
from market.kernel import clock
from market.ledger.states import AccountKind
from market.orders import jobs
from market.orders import services as orders
from market.orders.models import Charge, Order
from market.orders.services.charging import charge
from market.orders.states import OrderState
from market.outbox.models import Job
from market.settlement.services import reconcile
from tests import factories
from tests.billing.metering import CALLS, at, back, meter_of, metered, report, results, run_jobs, use
from tests.orders.trades import buyer, delivered, money
from tests.tables import changed, fingerprint

pytestmark = pytest.mark.django_db
APRIL = at(3, 31, 16)
"""Midnight in Guiyang."""


def used(market, order, *records, moment=None):
    with clock.frozen_at(moment or at(3, 8, 4)):
        return report(market, order, *records)


def close(moment: datetime.datetime = APRIL) -> int:
    with clock.frozen_at(moment):
        return services.close_due()


def books_agree():
    found = reconcile()
    assert found.is_clean, [drift for finding in found.findings for drift in finding.drift]


def test_a_month_is_closed_into_one_statement_and_one_charge():
    market = factories.market()
    order = metered(market, unit_price=3, free_units=1000)
    used(market, order, use(1000, at(3, 8, 4)), use(10_001_667, at(3, 8, 4)))
    assert close(APRIL - datetime.timedelta(seconds=1)) == 0
    assert close() == 1
    statement = Statement.objects.get()
    assert (statement.month, statement.units, statement.free_units) == (datetime.date(2027, 3, 1), 10_002_667, 1000)
    assert (statement.amount, statement.records, statement.is_final) == (3001, 2, False)
    assert [(line["reason"], line["quantity"]) for line in statement.lines] == [
        ("free_units", 1000),
        ("use", 10_001_667),
    ]
    charge = Charge.objects.get()
    assert (charge.part, charge.amount, charge.is_final, charge.id) == ("2027-03", 3001, False, statement.charge_id)
    meter = meter_of(order)
    assert (meter.month, meter.units, meter.drawn, meter.charged) == (datetime.date(2027, 4, 1), 0, 0, 3001)
    assert (meter.left, meter.closes_at) == (6999, at(4, 30, 16))
    assert run_jobs(jobs.CAPTURE) == 1
    assert money(market) == (90_000, 6999)
    assert Order.objects.get(id=order.id).state == OrderState.ACCEPTED
    books_agree()


def test_closing_again_changes_nothing():
    market = factories.market()
    metered(market)
    assert close() == 1
    before = fingerprint()
    assert close() == 0 and changed(before) == []


def test_beat_that_slept_closes_every_month_it_missed():
    market = factories.market()
    order = metered(market, free_units=10)
    used(market, order, use(15, at(3, 8, 4)))
    assert close(at(6, 2)) == 3
    found = list(Statement.objects.order_by("month").values_list("month__month", "amount"))
    assert found == [(3, 5), (4, 0), (5, 0)]


def test_a_month_without_use_is_charged_nothing_and_captured_at_once():
    market = factories.market()
    order = metered(market)
    close()
    run_jobs(jobs.CAPTURE)
    assert Charge.objects.get().amount == 0 and money(market) == (90_000, 10_000)
    assert Order.objects.get(id=order.id).state == OrderState.ACCEPTED
    books_agree()


def test_a_late_record_lands_in_the_next_statement_and_is_priced_there():
    market = factories.market()
    order = metered(market, free_units=100)
    used(market, order, use(150, at(3, 8, 4)))
    close()
    late = use(120, at(3, 31, 15, 59))
    done = used(market, order, late, moment=at(4, 2))
    assert [outcome.drawn for outcome in done.outcomes] == [20], "the free units of April"
    record = UsageRecord.objects.get(record_id=late["id"])
    assert (record.month, record.used_at) == (datetime.date(2027, 4, 1), at(3, 31, 15, 59))
    close(at(4, 30, 16))
    assert list(Statement.objects.order_by("month").values_list("units", "amount")) == [(150, 50), (120, 20)]


def test_whoever_comes_before_beat_closes_the_month_first():
    market = factories.market()
    order = metered(market)
    used(market, order, use(7, at(3, 8, 4)))
    done = used(market, order, use(5, at(3, 31, 15)), use(6, at(3, 31, 16)), moment=at(3, 31, 17))
    assert results(done) == ["recorded"] * 2
    assert Statement.objects.get().units == 7 and done.meter.units == 11
    assert close(at(3, 31, 18)) == 0


def test_what_is_taken_back_beyond_a_months_use_is_carried_on():
    market = factories.market()
    order = metered(market, free_units=10)
    record = use(100, at(3, 8, 4))
    used(market, order, record)
    close()
    done = used(market, order, use(30, at(4, 2)), back(record), use(20, at(4, 2)), moment=at(4, 3))
    assert [outcome.drawn for outcome in done.outcomes] == [20, -20, 0]
    close(at(4, 30, 16))
    assert meter_of(order).carried == -50
    used(market, order, use(70, at(5, 2)), moment=at(5, 3))
    close(at(5, 31, 16))
    found = Statement.objects.order_by("month").values_list("units", "carried", "amount")
    assert list(found) == [(100, 0, 90), (-50, 0, 0), (20, -50, 10)]


def test_the_cap_holds_for_each_month():
    market = factories.market()
    order = metered(market, monthly_cap=60)
    used(market, order, use(100, at(3, 8, 4)))
    close()
    used(market, order, use(50, at(4, 2)), moment=at(4, 3))
    close(at(4, 30, 16))
    found = Statement.objects.order_by("month").values_list("amount", "is_capped")
    assert list(found) == [(60, True), (50, False)]


def test_the_end_of_the_term_returns_what_is_left_and_settles_the_trade():
    market = factories.market()
    order = metered(market, months=1)
    ends_at = at(4, 4, 16)
    used(market, order, use(100, at(3, 8, 4)))
    close()
    last = use(30, ends_at - datetime.timedelta(seconds=1))
    assert results(used(market, order, last, use(1, ends_at), moment=at(4, 5))) == ["recorded", "use_outside_contract"]
    assert close(at(4, 7, 15, 59)) == 0, "the vendor has three days for late records"
    assert close(at(4, 7, 16)) == 1
    assert money(market) == (99_870, 130)
    final = Statement.objects.get(is_final=True)
    assert (final.month, final.amount, final.charge.is_final) == (datetime.date(2027, 4, 1), 30, True)
    meter = meter_of(order)
    assert (meter.state, meter.closes_at, meter.ended_at) == ("ended", None, at(4, 7, 16))
    assert results(used(market, order, last, use(1, at(4, 3)), moment=at(4, 8))) == ["duplicate", "meter_ended"]
    run_jobs(jobs.CAPTURE)
    assert money(market) == (99_870, 0)
    assert factories.balance(market.vendor, AccountKind.PAYABLE) > 0
    books_agree()


def test_a_contract_that_used_nothing_gives_everything_back():
    market = factories.market()
    order = metered(market, months=1)
    assert close(at(6, 1)) == 2
    assert money(market) == (100_000, 0)
    run_jobs(jobs.CAPTURE)
    assert Order.objects.get(id=order.id).state == OrderState.SETTLED
    books_agree()


def test_a_contract_accepted_after_its_end_can_still_be_reported():
    market = factories.market()
    offer = factories.offer(market.offer.product, 10_000, **CALLS | {"months": 1, "acceptance_days": 60})
    with clock.frozen_at(at(3, 5)):
        order = delivered(market, offer_id=offer.id)
    with clock.frozen_at(at(4, 20)):
        orders.accept(actor=buyer(market), order_id=order.id)
        run_jobs(jobs.BEGIN)
        assert services.close_due() == 0
        assert results(report(market, order, use(5, at(3, 20)))) == ["recorded"]
    assert close(at(4, 23)) == 1
    assert Statement.objects.get().amount == 5


def test_an_end_agreed_earlier_brings_the_last_statement_forward():
    market = factories.market()
    order = metered(market)
    used(market, order, use(40, at(3, 8, 4)))
    with clock.frozen_at(at(3, 10)):
        for day in (25, 20, 20):
            services.end_meter_early(order_id=order.id, ends_on=datetime.date(2027, 3, day))
    assert meter_of(order).ends_at == at(3, 19, 16)
    assert close(at(3, 22, 16)) == 1
    assert Statement.objects.get().is_final and money(market) == (99_960, 40)


def test_an_ended_contract_takes_no_prepayment():
    market = factories.market()
    order = metered(market, months=1)
    close(at(6, 1))
    before = fingerprint()
    with pytest.raises(MeterEnded):
        services.top_up_meter(actor=buyer(market), order_id=order.id)
    assert changed(before) == []


def test_one_broken_contract_holds_up_no_other():
    market = factories.market()
    contracts = [metered(market, 1_000) for _number in range(4)]
    broken = contracts[1]
    charge(broken, part="2027-03", amount=0, is_final=False).save(force_insert=True)
    assert close() == 3 and close() == 0
    assert not broken.statements.exists() and meter_of(broken).month.month == 3
    assert Job.objects.filter(kind=jobs.CAPTURE).count() == 3


def test_the_right_to_receive_ends_with_the_contract():
    market = factories.market()
    order = metered(market, months=2)
    order.refresh_from_db()
    assert order.access_until == at(5, 4, 16)
    services.end_meter_early(order_id=order.id, ends_on=datetime.date(2027, 4, 1))
    order.refresh_from_db()
    assert order.access_until == at(3, 31, 16)


@pytest.mark.parametrize(
    ("sql", "refusal"),
    [
        ("UPDATE billing_statement SET amount = 0", "billing_statement is refused"),
        ("DELETE FROM billing_statement", "billing_statement is refused"),
        ("UPDATE billing_usagerecord SET units = 1", "billing_usagerecord is refused"),
        ("DELETE FROM billing_usagerecord", "billing_usagerecord is refused"),
        ("UPDATE billing_meter SET drawn = prepaid - charged + 1", "meter_draws_what_is_prepaid"),
        ("UPDATE billing_meter SET starts_at = now()", "billing_meter is refused"),
        ("UPDATE billing_meter SET month = month + 1", "meter_month_begins"),
        ("DELETE FROM billing_meter", "billing_meter is refused"),
    ],
)
def test_the_database_keeps_what_was_closed(sql, refusal):
    market = factories.market()
    order = metered(market)
    used(market, order, use(7, at(3, 8, 4)))
    close()
    with pytest.raises(IntegrityError, match=refusal), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert Meter.objects.get().charged == 7


COPY_OF_A_RECORD = """
INSERT INTO billing_usagerecord
       (id, order_id, buyer_org_id, vendor_org_id, record_id, units, used_at, month, is_trial, drawn, reverses_id,
        recorded_at)
SELECT gen_random_uuid(), order_id, buyer_org_id, vendor_org_id, {record_id}, {units}, used_at, {month}, {is_trial}, 0,
       {reverses}, recorded_at
  FROM billing_usagerecord WHERE record_id = {of}
"""


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"record_id": "'plain'"}, "usage_record_once"),
        ({"month": "'2027-03-01'"}, "month of a record is closed"),
        ({"units": "0"}, "usage_record_units"),
        ({"units": "-1"}, "usage_record_units"),
        ({"reverses": "id"}, "usage_record_units"),
        ({"reverses": "id", "units": "-8"}, "does not take back"),
        ({"reverses": "id", "units": "-7", "is_trial": "true"}, "does not take back"),
        ({"reverses": "id", "units": "-1", "of": "'back'"}, "does not take back"),
        ({"reverses": "reverses_id", "units": "-1", "of": "'back'"}, "usage_record_reversed_once"),
    ],
)
def test_the_database_counts_use_once(values, refusal):
    market = factories.market()
    order = metered(market)
    reversed_one = use(3, at(3, 8, 4), id="gone")
    used(market, order, use(7, at(3, 8, 4), id="plain"), reversed_one, back(reversed_one, id="back"))
    close()
    good = {"record_id": "'x'", "units": "7", "month": "'2027-04-01'", "is_trial": "false", "reverses": "NULL"}
    sql = COPY_OF_A_RECORD.format(**good | {"of": "'plain'"} | values)
    with pytest.raises(IntegrityError, match=refusal), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert UsageRecord.objects.count() == 3
