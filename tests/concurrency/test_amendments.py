"""Two answers to one proposal at the same moment: first what happens without the guards, then that one wins."""

import json
import threading
from functools import partial

import pytest
from django.db import transaction

from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.database import insert_together
from market.kernel.errors import IllegalTransition
from market.orders import services
from market.orders.contracts.versions import next_version
from market.orders.errors import AmendmentOpen
from market.orders.models import Amendment, Order, OrderTerms
from tests import factories
from tests.concurrency.guards import without_constraint, without_triggers
from tests.concurrency.together import together
from tests.orders.trades import buyer, place

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 8


def vendor(market):
    return factories.actor_of(market.lister)


def proposed(market, order, **changes) -> Amendment:
    changes = changes or {"purpose": "Route planning."}
    return services.propose_amendment(actor=buyer(market), order_id=order.id, **changes)


def naive_confirm(amendment: Amendment, meeting: threading.Barrier) -> None:
    """Read the state, think, write the next version: neither a lock nor a compare-and-set."""
    seen = Amendment.objects.get(id=amendment.id)
    current = OrderTerms.objects.filter(order=seen.order_id).order_by("-version")[0]
    meeting.wait(timeout=30)
    if seen.state == "proposed":
        terms = next_version(current, seen, approval_id=None, confirmed_at=clock.now())
        with transaction.atomic():
            insert_together(terms)
            Amendment.objects.filter(id=seen.id).update(
                state="confirmed", closed_at=clock.now(), decided_by_id=seen.proposed_by_id, terms=terms
            )


def naive_withdraw(amendment: Amendment, meeting: threading.Barrier) -> None:
    seen = Amendment.objects.get(id=amendment.id)
    meeting.wait(timeout=30)
    if seen.state == "proposed":
        Amendment.objects.filter(id=seen.id).update(state="withdrawn", closed_at=clock.now(), terms=None)


def test_without_guards_two_confirmations_make_two_contracts():
    market, meeting = factories.market(), threading.Barrier(2)
    order = place(market)
    amendment = proposed(market, order)
    repair = (
        "ALTER TABLE orders_orderterms DISABLE TRIGGER USER;"
        "UPDATE orders_orderterms SET version = version + row_number FROM"
        " (SELECT id AS key, row_number() OVER (ORDER BY id) FROM orders_orderterms) AS numbered WHERE id = key;"
        "ALTER TABLE orders_orderterms ENABLE TRIGGER USER"
    )
    with (
        without_triggers("orders_amendment"),
        without_constraint("orders_orderterms", "order_terms_version_once", repair),
    ):
        results = together([partial(naive_confirm, amendment, meeting)] * 2)
        assert results == [None, None]
        assert OrderTerms.objects.filter(order=order, version=2).count() == 2


def test_without_guards_a_withdrawn_proposal_is_in_force():
    market, meeting = factories.market(), threading.Barrier(2)
    order = place(market)
    amendment = proposed(market, order)
    with without_triggers("orders_amendment"):
        together([partial(naive_confirm, amendment, meeting), partial(naive_withdraw, amendment, meeting)])
    assert OrderTerms.objects.filter(order=order, version=2).exists()
    amendment.refresh_from_db()
    assert amendment.state in ("confirmed", "withdrawn")


def acts(order: Order, *names: str) -> int:
    return AuditEvent.objects.filter(subject_id=order.id, name__in=names).count()


def consistent(order: Order) -> None:
    order.refresh_from_db()
    versions = list(OrderTerms.objects.filter(order=order).order_by("version"))
    assert [terms.version for terms in versions] == list(range(1, len(versions) + 1))
    assert order.terms_sha256 == versions[-1].sha256
    assert json.loads(versions[-1].document)["order"]["purpose"] == order.purpose
    assert len(versions) - 1 == acts(order, "order.amended")


def test_of_many_confirmations_one_wins():
    market = factories.market(funds=1_000_000)
    for _round in range(ROUNDS):
        order = place(market)
        amendment = proposed(market, order)
        results = together([partial(services.confirm_amendment, actor=vendor(market), amendment_id=amendment.id)] * 5)
        lost = [result for result in results if isinstance(result, IllegalTransition)]
        assert len(lost) == 4, results
        assert {refusal.extra["state"] for refusal in lost} == {"confirmed"}
        consistent(order)


def test_confirm_against_withdraw():
    market = factories.market(funds=1_000_000)
    for number in range(ROUNDS):
        order = place(market)
        amendment = proposed(market, order)
        calls = [
            partial(services.confirm_amendment, actor=vendor(market), amendment_id=amendment.id),
            partial(services.withdraw_amendment, actor=buyer(market), amendment_id=amendment.id),
        ]
        results = together(calls if number % 2 else calls[::-1])
        assert sum(isinstance(result, IllegalTransition) for result in results) == 1, results
        consistent(order)
        amendment.refresh_from_db()
        assert order.terms.count() == (2 if amendment.state == "confirmed" else 1)
        assert (order.purpose == "Route planning.") == (amendment.state == "confirmed")
        assert acts(order, "order.amended", "order.amendment_withdrawn") == 1


def test_confirm_against_the_end_of_its_time():
    market = factories.market(funds=1_000_000)
    for _round in range(ROUNDS):
        order = place(market)
        amendment = proposed(market, order)

        def late(due=amendment.due_at) -> int:
            with clock.frozen_at(due):
                return services.expire_amendments()

        confirm = partial(services.confirm_amendment, actor=vendor(market), amendment_id=amendment.id)
        confirmed, _expired = together([confirm, late])
        consistent(order)
        amendment.refresh_from_db()
        is_confirmed = not isinstance(confirmed, Exception)
        assert is_confirmed or isinstance(confirmed, IllegalTransition), confirmed
        assert amendment.state == ("confirmed" if is_confirmed else "expired")


def test_of_many_proposals_one_is_open():
    market = factories.market()
    order = place(market)
    calls = [
        partial(services.propose_amendment, actor=actor, order_id=order.id, licence=f"Text {number}.")
        for number, actor in enumerate([buyer(market), vendor(market)] * 3)
    ]
    results = together(calls)
    assert sum(isinstance(result, AmendmentOpen) for result in results) == 5, results
    assert Amendment.objects.filter(order=order).count() == 1


def test_a_new_acceptance_period_against_acceptance_by_itself():
    market = factories.market(funds=1_000_000)
    for _round in range(ROUNDS):
        order = place(market)
        services.mark_delivering(order_id=order.id)
        order = services.mark_delivered(order_id=order.id)
        with clock.frozen_at(order.acceptance_due_at):
            amendment = proposed(market, order, acceptance_days=30)

        def at(moment, call):
            with clock.frozen_at(moment):
                return call()

        confirm = partial(services.confirm_amendment, actor=vendor(market), amendment_id=amendment.id)
        calls = [
            partial(at, order.acceptance_due_at, confirm),
            partial(at, order.acceptance_due_at, services.accept_overdue),
        ]
        confirmed, accepted = together(calls)
        order.refresh_from_db()
        assert not isinstance(accepted, Exception), accepted
        if order.state == "accepted":
            assert order.acceptance_days in (None, 30)
        else:
            assert accepted == 0 and order.acceptance_days == 30 and not isinstance(confirmed, Exception)
        consistent(order)
