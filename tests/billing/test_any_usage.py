"""Whatever is reported, repeated, taken back and closed, in whatever order, it adds up to the fen."""

import contextlib
import datetime
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.billing import services
from market.billing.models import Meter, Statement, UsageDay, UsageRecord
from market.catalog.pricing import month_charge
from market.kernel import clock
from market.kernel.errors import BusinessError
from market.ledger.models import Transfer
from market.ledger.states import TransferKind
from market.orders import jobs
from market.settlement.services import reconcile
from tests import factories
from tests.billing.metering import PLACED, meter_of, metered, report, results, run_jobs, use
from tests.orders.trades import buyer

PREPAID = 2_000


def scale(mode: str) -> dict[str, Any]:
    steps = [{"up_to": 500, "unit_price": 20_000, "flat": 0}, {"up_to": None, "unit_price": 7_000, "flat": 90}]
    return {"unit_price": 0, "tier_mode": mode, "tiers": steps}


prices = st.fixed_dictionaries(
    {
        "months": st.integers(1, 4),
        "free_units": st.sampled_from([0, 0, 50, 1_000]),
        "monthly_cap": st.sampled_from([None, None, 700, 5_000]),
        "at_prepaid_end": st.sampled_from(["stop", "top_up"]),
        "trial_days": st.sampled_from([0, 0, 5]),
        "scale": st.sampled_from([{}, {"unit_price": 3}, scale("graduated"), scale("volume")]),
    }
).map(lambda given: {name: value for name, value in given.items() if name != "scale"} | given["scale"])
records = st.one_of(
    st.tuples(st.just("use"), st.integers(1, 1_500), st.integers(0, 40)),
    st.tuples(st.just("use"), st.integers(1, 60), st.integers(0, 5)),
    st.tuples(st.just("again"), st.integers(0, 99), st.none()),
    st.tuples(st.just("other content"), st.integers(0, 99), st.none()),
    st.tuples(st.just("back"), st.integers(0, 99), st.none()),
    st.tuples(st.just("back"), st.integers(0, 99), st.integers(1, 1_500)),
)
reports = st.tuples(st.just("report"), st.lists(records, min_size=1, max_size=8))
steps = st.one_of(
    reports,
    reports,
    st.tuples(st.just("days"), st.integers(1, 9)),
    st.tuples(st.sampled_from(["beat", "top up", "deposit", "capture"]), st.none()),
)
months = st.lists(st.lists(steps, min_size=1, max_size=5), min_size=1, max_size=4)


class Story:
    """A metered contract, what its vendor sent, and what it was told."""

    def __init__(self, price: dict[str, Any]) -> None:
        self.market = factories.market(funds=3 * PREPAID)
        self.order = metered(self.market, PREPAID, **price)
        self.now = PLACED
        self.corrections = 0
        self.sent: list[dict[str, Any]] = []
        self.acknowledged: dict[str, dict[str, Any]] = {}

    def perform(self, name: str, given: Any) -> None:
        if name == "days":
            self.now += datetime.timedelta(days=given)
        elif name == "report":
            self.report([record for wish in given if (record := self.record(*wish))])
        elif name == "beat":
            services.close_due()
        elif name == "top up":
            services.top_up_meter(actor=buyer(self.market), order_id=self.order.id)
        elif name == "deposit":
            factories.fund(self.market.buyer, PREPAID)
        else:
            run_jobs(jobs.CAPTURE)

    def record(self, kind: str, number: int, detail: int | None) -> dict[str, Any] | None:
        if kind == "use":
            return use(number, max(PLACED, self.now - datetime.timedelta(days=detail)))
        if not self.sent:
            return None
        known = self.sent[number % len(self.sent)]
        if kind == "again":
            return known
        if kind == "other content":
            return known | {"units": known.get("units", 1) + 1}
        part = {} if detail is None else {"units": detail}
        self.corrections += 1
        return {"id": f"back-{self.corrections}", "reverses": known["id"], **part}

    def report(self, sent: list[dict[str, Any]]) -> None:
        done = report(self.market, self.order, *sent)
        for record, result in zip(sent, results(done), strict=True):
            if result == "recorded":
                assert record["id"] not in self.acknowledged
                self.acknowledged[record["id"]] = record
            elif result == "duplicate":
                assert record == self.acknowledged[record["id"]]
            self.sent.append(record)

    def adds_up(self) -> None:
        meter = meter_of(self.order)
        rule = self.order.offer.price_rule()
        assert set(UsageRecord.objects.values_list("record_id", flat=True)) == set(self.acknowledged)
        by_month = dict(
            UsageRecord.objects.order_by()
            .values_list("month")
            .annotate(total=Sum("drawn"))
            .values_list("month", "total")
        )
        billed = dict(UsageRecord.objects.filter(is_trial=False).order_by().values_list("month").annotate(Sum("units")))
        carried = 0
        closed = list(Statement.objects.order_by("month"))
        for statement in closed:
            assert (statement.carried, statement.units) == (carried, carried + billed.get(statement.month, 0))
            self.costs(statement.amount, month_charge(rule, statement.units).total, by_month.pop(statement.month, 0))
            assert statement.amount == statement.charge.amount
            carried = min(0, statement.units)
        assert (meter.carried, meter.charged) == (carried, sum(statement.amount for statement in closed))
        if meter.closes_at is not None:
            assert meter.units == carried + billed.get(meter.month, 0)
            self.costs(meter.drawn, month_charge(rule, meter.units).total, by_month.pop(meter.month, 0))
        assert not by_month, "drawn in a month that is neither open nor closed"
        escrowed = Transfer.objects.filter(subject_id=self.order.id, kind=TransferKind.ESCROW)
        assert meter.charged + meter.drawn <= meter.prepaid == escrowed.aggregate(paid=Sum("amount"))["paid"]
        sums = [Sum("units"), Sum("drawn")]
        assert UsageDay.objects.aggregate(*sums) == UsageRecord.objects.aggregate(*sums) or not self.acknowledged

    @staticmethod
    def costs(amount: int, computed: int, drawn: int) -> None:
        """What a month costs, what the pure rule says, and what its records drew."""
        assert amount == computed == drawn


@pytest.mark.django_db
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(price=prices, story=months)
def test_every_story_adds_up(price, story):
    with transaction.atomic():
        contract = Story(price)
        for month in story:
            for name, given in [*month, ("days", 28)]:
                with clock.frozen_at(contract.now):
                    # What is refused as a whole must have changed nothing.
                    with contextlib.suppress(BusinessError), transaction.atomic():
                        contract.perform(name, given)
                    contract.adds_up()
        with clock.frozen_at(contract.now + datetime.timedelta(days=200)):
            services.close_due()
            contract.adds_up()
            run_jobs(jobs.CAPTURE)
            assert Meter.objects.get().state == "ended"
            found = reconcile()
            assert found.is_clean, [drift for finding in found.findings for drift in finding.drift]
        transaction.set_rollback(True)
