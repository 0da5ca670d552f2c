"""Use is recorded once, drawn from the prepayment to the fen, and refused with a reason."""

import datetime

import pytest

from accounts.states import Role
from market.audit.models import AuditEvent
from market.billing import services
from market.billing.errors import NotMetered
from market.billing.models import Meter, UsageDay, UsageRecord
from market.billing.states import MeterState
from market.kernel import clock
from market.kernel.errors import Forbidden, NotFound
from market.ledger.models import Transfer
from market.orders import jobs
from market.orders import services as orders
from market.orders.models import Order
from market.orders.states import OrderState
from tests import factories
from tests.billing.metering import (
    CALLS,
    PLACED,
    at,
    back,
    meter_of,
    metered,
    report,
    results,
    run_jobs,
    use,
)
from tests.orders.trades import buyer, delivered, money
from tests.tables import changed, fingerprint

pytestmark = pytest.mark.django_db
NOON = at(3, 8, 4)


@pytest.fixture(autouse=True)
def noon():
    with clock.frozen_at(NOON):
        yield


def test_acceptance_begins_the_meter_and_charges_nothing():
    market = factories.market()
    offer = factories.offer(market.offer.product, 10_000, **CALLS)
    with clock.frozen_at(PLACED):
        order = delivered(market, offer_id=offer.id)
        orders.accept(actor=buyer(market), order_id=order.id)
        assert run_jobs(jobs.BEGIN) == 1
    meter = meter_of(order)
    assert (meter.state, meter.month, meter.prepaid, meter.left) == (
        "running",
        datetime.date(2027, 3, 1),
        10_000,
        10_000,
    )
    assert (meter.starts_at, meter.free_until) == (PLACED, at(3, 4, 16))
    assert (meter.ends_at, meter.closes_at) == (datetime.datetime(2028, 3, 4, 16, tzinfo=datetime.UTC), at(3, 31, 16))
    assert Order.objects.get(id=order.id).state == OrderState.ACCEPTED
    assert not order.charges.exists() and money(market) == (90_000, 10_000)
    services.begin_meter(order_id=order.id)
    assert Meter.objects.count() == 1


def test_each_record_draws_what_it_adds_to_the_month():
    market = factories.market()
    order = metered(market, unit_price=3, free_units=1000)
    done = report(market, order, use(1000), use(1666), use(1), use(10_000_000))
    assert [outcome.drawn for outcome in done.outcomes] == [0, 0, 1, 3000]
    assert (done.meter.units, done.meter.drawn, done.meter.records) == (10_002_667, 3001, 4)
    assert meter_of(order).drawn == sum(UsageRecord.objects.values_list("drawn", flat=True)) == 3001
    assert money(market) == (90_000, 10_000)


def test_the_same_record_counts_once():
    market = factories.market()
    order = metered(market)
    record = use(100)
    report(market, order, record)
    before = fingerprint()
    done = report(market, order, record, record)
    assert results(done) == ["duplicate", "duplicate"] and changed(before) == []
    twice = use(7)
    assert results(report(market, order, twice, twice)) == ["recorded", "duplicate"]
    assert (meter_of(order).units, UsageRecord.objects.count()) == (107, 2)


def test_another_record_of_the_same_id_is_refused_and_the_difference_named():
    market = factories.market()
    order = metered(market)
    record = use(100)
    reversing = back(record)
    report(market, order, record, reversing)
    before = fingerprint()
    later = clock.now().replace(minute=30).isoformat()
    done = report(
        market,
        order,
        record | {"units": 99},
        record | {"used_at": later, "units": 1},
        {"id": record["id"], "reverses": record["id"], "units": 100},
        reversing | {"units": 1},
        use(100, id=reversing["id"]),
    )
    assert results(done) == ["usage_record_differs"] * 5 and changed(before) == []
    named = [set(outcome.problem.errors) for outcome in done.outcomes]
    assert named == [{"/units"}, {"/units", "/used_at"}, {"/reverses"}, {"/units"}, {"/reverses"}]
    assert "100" in str(done.outcomes[0].problem.errors["/units"])


def test_all_of_a_record_is_something_else_than_the_part_that_was_taken_back():
    market = factories.market()
    order = metered(market)
    record = use(100)
    report(market, order, record, back(record, units=60))
    before = fingerprint()
    done = report(market, order, back(record, units=60), back(record))
    assert results(done) == ["duplicate", "usage_record_differs"] and changed(before) == []
    assert set(done.outcomes[1].problem.errors) == {"/units"}


def test_a_mistake_is_taken_back_once_and_by_no_more_than_it_was():
    market = factories.market()
    order = metered(market)
    record, other = use(100, at(3, 6, 1)), use(40)
    report(market, order, record, other)
    done = report(
        market,
        order,
        back(record, id="a", units=101),
        back(record, id="b", units=60),
        back(record, id="c"),
        back(use(1), id="d"),
        {"id": "e", "reverses": "b"},
        back(other, id="f"),
    )
    assert results(done) == ["usage_not_reversible", "recorded", *["usage_not_reversible"] * 3, "recorded"]
    assert [outcome.drawn for outcome in done.outcomes if outcome.result == "recorded"] == [-60, -40]
    meter = meter_of(order)
    assert (meter.units, meter.drawn) == (40, 40)
    taken_back = UsageRecord.objects.get(record_id="b")
    assert (taken_back.units, taken_back.used_at, taken_back.reverses.record_id) == (-60, at(3, 6, 1), record["id"])
    days = dict(UsageDay.objects.values_list("day", "units"))
    assert days == {datetime.date(2027, 3, 6): 40, datetime.date(2027, 3, 8): 0}


def test_use_stops_at_the_last_fen_paid_ahead():
    market = factories.market()
    order = metered(market, 10_000)
    done = report(market, order, use(9_000), use(1_001), use(1_000), use(1))
    assert results(done) == ["recorded", "prepayment_used_up", "prepayment_used_up", "prepayment_used_up"]
    problem = done.outcomes[1].problem
    assert problem.extra == {"needed": 1_001, "left": 1_000} and "top" in str(problem.detail)
    assert (done.meter.state, done.meter.left) == (MeterState.STOPPED, 1_000)
    assert results(report(market, order, use(1_000))) == ["prepayment_used_up"], "stopped until the buyer tops up"
    services.top_up_meter(actor=buyer(market), order_id=order.id)
    assert money(market) == (80_000, 20_000)
    assert results(report(market, order, use(11_000))) == ["recorded"]
    meter = meter_of(order)
    assert (meter.state, meter.left, meter.top_ups, meter.prepaid) == ("running", 0, 1, 20_000)
    assert results(report(market, order, use(1))) == ["prepayment_used_up"]
    names = AuditEvent.objects.filter(subject_id=order.id, name__startswith="meter.").order_by("id")
    assert [name for name in names.values_list("name", flat=True) if name != "meter.warned"] == [
        "meter.began",
        "meter.stopped",
        "meter.topped_up",
        "meter.stopped",
    ]


def test_what_is_given_back_lets_stopped_use_go_on():
    market = factories.market()
    order = metered(market, 10_000)
    record = use(10_000)
    done = report(market, order, record, use(1), back(record), use(9_999))
    assert results(done) == ["recorded", "prepayment_used_up", "recorded", "recorded"]
    assert (done.meter.state, done.meter.stopped_at, done.meter.left) == ("running", None, 1)


def test_what_costs_nothing_is_recorded_while_use_is_stopped():
    market = factories.market()
    order = metered(market, 10_000, monthly_cap=10_000)
    done = report(market, order, use(20_000), use(5))
    assert results(done) == ["recorded", "recorded"] and (done.meter.drawn, done.meter.state) == (10_000, "running")


def test_the_prepayment_is_topped_up_from_the_wallet_as_far_as_it_reaches():
    market = factories.market(funds=45_000)
    order = metered(market, 10_000, at_prepaid_end="top_up")
    done = report(market, order, use(9_000), use(2_000), use(21_000), use(8_001), use(1))
    assert results(done) == ["recorded", "recorded", "recorded", "prepayment_used_up", "prepayment_used_up"]
    assert (done.meter.prepaid, done.meter.left, done.meter.top_ups) == (40_000, 8_000, 3)
    assert money(market) == (5_000, 40_000)
    keys = order_keys(order)
    assert keys == {f"order:{order.id}:escrow", *(f"order:{order.id}:escrow:{number}" for number in (1, 2, 3))}
    factories.fund(market.buyer, 5_000)
    assert results(report(market, order, use(8_001))) == ["recorded"]
    assert money(market) == (0, 50_000) and meter_of(order).state == "running"


def test_a_record_beyond_the_wallet_costs_the_buyer_nothing_and_stops_nothing_else():
    market = factories.market(funds=20_000)
    order = metered(market, 10_000, at_prepaid_end="top_up")
    done = report(market, order, use(10**9), use(5))
    assert results(done) == ["prepayment_used_up"] * 2 and done.meter.state == "stopped"
    done = report(market, order, use(5))
    assert results(done) == ["recorded"] and done.meter.state == "running"
    assert money(market) == (10_000, 10_000) and meter_of(order).top_ups == 0


def order_keys(order):
    return set(Transfer.objects.filter(subject_id=order.id).values_list("business_key", flat=True))


def test_the_buyer_is_warned_once_of_each_prepayment():
    market = factories.market()
    order = metered(market, 10_000)

    def warnings():
        return AuditEvent.objects.filter(subject_id=order.id, name="meter.warned").count()

    report(market, order, use(7_999))
    assert (warnings(), meter_of(order).warned_at) == (0, None)
    report(market, order, use(1))
    assert (warnings(), meter_of(order).warned_at) == (1, NOON)
    report(market, order, use(1))
    services.top_up_meter(actor=buyer(market), order_id=order.id)
    assert (warnings(), meter_of(order).warned_at) == (1, None)
    report(market, order, use(9_999))
    assert warnings() == 2


def test_trial_days_cost_nothing():
    market = factories.market()
    order = metered(market, 10_000, trial_days=2, free_units=5)
    with_trial, last_free = use(1_000, at(3, 6, 1)), use(1, at(3, 6, 15, 59, 59))
    done = report(market, order, with_trial, last_free, use(6, at(3, 6, 16)), back(with_trial))
    assert [outcome.drawn for outcome in done.outcomes] == [0, 0, 1, 0]
    assert (done.meter.units, done.meter.drawn) == (6, 1)
    assert UsageRecord.objects.filter(is_trial=True).count() == 3
    assert UsageDay.objects.get(day=datetime.date(2027, 3, 6)).units == 1


@pytest.mark.parametrize(
    ("record", "pointers"),
    [
        ({"id": ""}, {"/id"}),
        ({"id": "a" * 65}, {"/id"}),
        ({"id": " a"}, {"/id"}),
        ({"id": 7}, {"/id"}),
        ({"units": 0}, {"/units"}),
        ({"units": -1}, {"/units"}),
        ({"units": True}, {"/units"}),
        ({"units": 1.0}, {"/units"}),
        ({"units": 10**12 + 1}, {"/units"}),
        ({"units": None}, {"/units"}),
        ({"used_at": "2027-03-08"}, {"/used_at"}),
        ({"used_at": "2027-03-08T10:00:00"}, {"/used_at"}),
        ({"used_at": "0001-01-01T00:00:00+14:00"}, {"/used_at"}),
        ({"used_at": 1}, {"/used_at"}),
        ({"reverses": "r"}, {"/used_at"}),
        ({"reverses": 5, "used_at": None}, {"/reverses"}),
        ({"colour": "red"}, {"/colour"}),
    ],
)
def test_a_record_that_makes_no_sense_is_refused_by_itself(record, pointers):
    market = factories.market()
    order = metered(market)
    done = report(market, order, use() | record, use())
    assert results(done) == ["invalid_input", "recorded"]
    assert set(done.outcomes[0].problem.errors) == pointers


def test_something_else_than_an_object_is_refused_by_itself():
    market = factories.market()
    done = report(market, metered(market), "r-1", None, [], use())
    assert results(done) == ["invalid_input"] * 3 + ["recorded"]


@pytest.mark.parametrize(
    "used_at", [at(3, 5, 1, 59), at(3, 8, 4, 2), datetime.datetime(2028, 3, 4, 16, tzinfo=datetime.UTC)]
)
def test_use_outside_the_contract_is_refused(used_at):
    market = factories.market()
    order = metered(market)
    before = fingerprint()
    assert results(report(market, order, use(1, used_at))) == ["use_outside_contract"]
    assert changed(before) == []


def test_only_the_vendor_reports():
    market = factories.market()
    order = metered(market)
    other = factories.member(factories.organization("vendor"), "lister")
    both = factories.member(factories.organization("vendor", "buyer"), "owner")
    before = fingerprint()
    for member, error in [
        (market.purchaser, Forbidden),
        (market.vendor_finance, Forbidden),
        (market.operator, Forbidden),
        (other, NotFound),
        (both, NotFound),
    ]:
        with pytest.raises(error):
            services.record_usage(actor=factories.actor_of(member), order_id=order.id, records=[use()])
    assert changed(before) == []


def test_whom_a_spending_limit_holds_does_not_top_up():
    market = factories.market()
    order = metered(market, 10_000)
    owner = factories.actor_of(factories.member(market.buyer, Role.OWNER))
    limit = orders.set_limit(actor=owner, membership_id=None, amount=50_000)
    before = fingerprint()
    with pytest.raises(Forbidden, match="owner"):
        services.top_up_meter(actor=buyer(market), order_id=order.id)
    assert changed(before) == []
    services.top_up_meter(actor=owner, order_id=order.id)
    orders.remove_limit(actor=owner, limit_id=limit.id)
    services.top_up_meter(actor=buyer(market), order_id=order.id)
    assert money(market) == (70_000, 30_000)


def test_an_order_without_a_meter_says_so():
    market = factories.market()
    plain = delivered(market)
    with pytest.raises(NotMetered):
        report(market, plain, use())
    with pytest.raises(NotMetered):
        services.top_up_meter(actor=buyer(market), order_id=plain.id)


def test_a_report_leaves_one_piece_of_evidence():
    market = factories.market()
    order = metered(market)
    report(market, order, use(2), use(3))
    proof = AuditEvent.objects.get(name="usage.recorded")
    assert proof.subject_id == meter_of(order).id and proof.actor_user_id == market.lister.user_id
    assert (proof.payload["records"], proof.payload["units"], proof.payload["drawn"]) == (2, 5, 5)


def test_a_report_takes_as_many_statements_however_long_it_is(django_assert_num_queries):
    market = factories.market()
    order = metered(market)
    report(market, order, use())
    for length in (1, 200):
        records = [use() for _number in range(length)]
        with django_assert_num_queries(8):
            report(market, order, *records)


def test_all_five_kinds_of_products_are_metered():
    kinds = {"dataset": "row", "api": "call", "model": "GB", "compute": "PFLOPS·h", "service": "labelled item"}
    market = factories.market()
    for kind, unit in kinds.items():
        product = factories.product(market.vendor, kind=kind)
        factories.revision(product)
        market.offer = factories.offer(product)
        order = metered(market, 1_000, unit=unit)
        assert results(report(market, order, use(10))) == ["recorded"]
        assert meter_of(order).drawn == 10


def test_a_scale_by_volume_may_give_back():
    """All of a month's use at the price of its total: a record may draw less than nothing, or more than it has."""
    tiers = [{"up_to": 1000, "unit_price": 50_000, "flat": 0}, {"up_to": None, "unit_price": 20_000, "flat": 100}]
    market = factories.market()
    order = metered(market, 5_000, unit="row", unit_price=0, tier_mode="volume", tiers=tiers)
    last = use(1)
    done = report(market, order, use(1000), last, back(last), use(0 + 2000))
    assert [outcome.drawn for outcome in done.outcomes] == [5_000, 2_102 - 5_000, 5_000 - 2_102, None]
    assert results(done)[-1] == "prepayment_used_up" and done.meter.drawn == 5_000
