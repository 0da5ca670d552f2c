"""Whatever a little market does, in whatever order, every fen adds up."""

import contextlib
from functools import partial

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.kernel.actors import SYSTEM
from market.kernel.errors import BusinessError
from market.settlement.models import Payout
from market.settlement.services import (
    bounce_payout,
    confirm_payout,
    create_fee_schedule,
    reconcile,
    send_payout,
    void_payout,
)
from tests import factories
from tests.settlement import lives
from tests.settlement.trades import market_with_fees

DECISIONS = [
    partial(lives.decide, verdict="accept"),
    partial(lives.decide, verdict="refund"),
    partial(lives.decide, verdict="partial", refund_amount=777),
]
ORDER_ACTS = [
    *(lives.deliver, lives.fail, lives.refund, lives.cancel, lives.accept, lives.capture),
    *(lives.dispute, lives.answer, *DECISIONS),
]
PAYOUT_ACTS = [
    lambda payout_id: send_payout(actor=SYSTEM, payout_id=payout_id),
    lambda payout_id: confirm_payout(actor=SYSTEM, payout_id=payout_id),
    lambda payout_id: bounce_payout(actor=SYSTEM, payout_id=payout_id, reason="It came back."),
    lambda payout_id: void_payout(actor=SYSTEM, payout_id=payout_id, reason="Paid with the next batch."),
]

steps = st.one_of(
    st.tuples(st.just("place"), st.integers(1, 1_000_000), st.integers(1, 3)),
    st.tuples(st.just("order"), st.integers(0, 7), st.sampled_from(ORDER_ACTS)),
    st.tuples(st.just("whole life"), st.integers(0, 7), st.just(None)),
    st.tuples(st.just("disputed life"), st.integers(0, 7), st.sampled_from(DECISIONS)),
    st.tuples(st.just("give back"), st.integers(0, 7), st.sampled_from([None, 555, 1])),
    st.tuples(st.just("payout"), st.integers(0, 3), st.sampled_from(PAYOUT_ACTS)),
    st.tuples(st.just("settle"), st.none(), st.none()),
    st.tuples(st.just("fees"), st.integers(0, 3_000), st.integers(0, 2_000)),
)


def perform(market: factories.Market, made: list, step: tuple) -> None:
    name, first, second = step
    if name == "place":
        made.append(lives.place(market, factories.offer(market.offer.product, first).id, second))
    elif name == "order" and made:
        second(market, made[first % len(made)])
    elif name == "whole life" and made:
        for act in (lives.deliver, lives.accept, lives.capture):
            act(market, made[first % len(made)])
    elif name == "disputed life" and made:
        for act in (lives.deliver, lives.dispute, lives.answer, second, lives.capture):
            act(market, made[first % len(made)])
    elif name == "give back" and made:
        lives.give_back(market, made[first % len(made)], second)
    elif name == "payout" and Payout.objects.exists():
        second(list(Payout.objects.order_by("id").values_list("id", flat=True))[first % Payout.objects.count()])
    elif name == "settle":
        lives.settle()
    elif name == "fees":
        tiers = [(first * 500, second), (first * 1_000 + 1, 0)] if first else []
        create_fee_schedule(actor=SYSTEM, commission_bps=first, tiers=tiers, vat_general_bps=second)


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(steps, min_size=5, max_size=30))
def test_every_story_adds_up(story):
    with transaction.atomic():
        market, made = market_with_fees(funds=5_000_000), []
        for step in story:
            # What the market refuses must have changed nothing.
            with contextlib.suppress(BusinessError), transaction.atomic():
                perform(market, made, step)
        report = reconcile()
        assert report.is_clean, [drift for finding in report.findings for drift in finding.drift]
        transaction.set_rollback(True)
