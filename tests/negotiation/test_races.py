"""Two acts on one quote at the same moment: first what happens without the guards, then that one wins."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from market.catalog.models import Offer
from market.catalog.services import create_offer, end_quoted_offers
from market.catalog.states import OfferState
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.errors import BusinessError, IllegalTransition
from market.ledger.models import Transfer
from market.negotiation import services
from market.negotiation.errors import QuoteRunOut
from market.negotiation.models import Quote, QuoteRound
from market.negotiation.states import QuoteAct, QuoteState, Side
from market.orders import services as orders
from market.orders.models import Order
from tests import factories
from tests.concurrency.guards import without_constraint, without_index, without_triggers
from tests.concurrency.together import together
from tests.negotiation.talks import (
    TERMS,
    acceptance,
    accepted,
    acts_of,
    asked,
    asked_back,
    buyer,
    in_days,
    offered,
    vendor,
)
from tests.orders.trades import post

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 6
NO_ROUNDS = "TRUNCATE negotiation_quoteround, negotiation_quote, orders_order, catalog_offer CASCADE"


@pytest.fixture
def market() -> factories.Market:
    return factories.market(funds=10_000_000)


def won_and_lost(results: list) -> tuple[list, list]:
    """Results, and refusals; anything else is a fault of the machine."""
    lost = [result for result in results if isinstance(result, BusinessError)]
    won = [result for result in results if not isinstance(result, Exception)]
    assert len(won) + len(lost) == len(results), results
    assert all(refusal.status == 409 for refusal in lost), lost
    return won, lost


def active_offers(quote: Quote) -> int:
    return Offer.objects.filter(quote_id=quote.id, state=OfferState.ACTIVE).count()


# --- Without the guards: read, think, write the whole row -------------------------------------------------------------


def naive(quote: Quote, state: str, meeting: threading.Barrier, act: Callable[[Quote], None]) -> None:
    with transaction.atomic():
        read = Quote.objects.get(id=quote.id)
        assert read.state == state
        meeting.wait(timeout=30)
        act(read)
        read.save()


def naive_answer(market: factories.Market, read: Quote) -> None:
    offer = create_offer(
        actor=vendor(market),
        product_id=read.product_id,
        buyer_org_id=read.buyer_org_id,
        quote_id=read.id,
        valid_until=in_days(1),
        **TERMS,
    )
    read.state, read.current_offer, read.due_at = QuoteState.OFFERED, offer, offer.valid_until
    QuoteRound.objects.create(
        quote=read,
        buyer_org_id=read.buyer_org_id,
        vendor_org_id=read.vendor_org_id,
        number=2,
        side=Side.VENDOR,
        act=QuoteAct.OFFER,
        offer=offer,
        valid_until=offer.valid_until,
    )


def naive_accept(market: factories.Market, read: Quote) -> None:
    given = acceptance(read) | {"purpose": read.purpose, "quote_id": read.id}
    read.order = orders.place(actor=buyer(market), **given)
    read.state, read.due_at, read.closed_at = QuoteState.ACCEPTED, None, clock.now()


def naive_end(state: str, read: Quote) -> None:
    end_quoted_offers(actor=SYSTEM, quote_ids=[read.id])
    read.state, read.current_offer = state, None
    if state == QuoteState.EXPIRED:
        read.due_at, read.closed_at = None, clock.now()


def test_without_guards_two_answers_are_two_offers(market):
    quote, meeting = asked(market), threading.Barrier(2)
    answer = partial(naive, quote, QuoteState.ASKED, meeting, partial(naive_answer, market))
    with ExitStack() as guards:
        guards.enter_context(without_index("offer_one_active_per_quote", NO_ROUNDS))
        guards.enter_context(without_constraint("negotiation_quoteround", "quote_round_number_once", NO_ROUNDS))
        assert together([answer] * 2) == [None, None]
        assert active_offers(quote) == 2
        assert QuoteRound.objects.filter(quote=quote, number=2).count() == 2


def test_the_database_alone_takes_one_of_two_answers(market):
    """Were the services to forget their guard, the second answer would still not be kept."""
    quote, meeting = asked(market), threading.Barrier(2)
    answer = partial(naive, quote, QuoteState.ASKED, meeting, partial(naive_answer, market))
    results = together([answer] * 2)
    assert sorted(type(result) for result in results if result) == [IntegrityError]
    assert active_offers(quote) == QuoteRound.objects.filter(quote=quote, number=2).count() == 1


@pytest.mark.parametrize("end", [QuoteState.ASKED, QuoteState.EXPIRED])
def test_without_guards_an_offer_is_accepted_and_withdrawn(market, end):
    quote, meeting = offered(market), threading.Barrier(2)
    placed = threading.Event()

    def accepting(read: Quote) -> None:
        naive_accept(market, read)
        placed.set()

    def withdrawing(read: Quote) -> None:
        assert placed.wait(timeout=30)
        naive_end(end, read)

    accept = partial(naive, quote, QuoteState.OFFERED, meeting, accepting)
    withdraw = partial(naive, quote, QuoteState.OFFERED, meeting, withdrawing)
    with without_triggers("negotiation_quote"):
        assert together([accept, withdraw]) == [None, None]
    # Whoever wrote last: there is an order under an offer that its vendor believes withdrawn.
    assert Order.objects.filter(offer__quote_id=quote.id).count() == 1
    assert active_offers(quote) == 0


def test_without_guards_two_acceptances_are_two_orders(market):
    quote, meeting = offered(market), threading.Barrier(2)
    accept = partial(naive, quote, QuoteState.OFFERED, meeting, partial(naive_accept, market))
    with without_triggers("negotiation_quote"):
        assert together([accept] * 2) == [None, None]
    assert Order.objects.filter(offer__quote_id=quote.id).count() == 2
    assert factories.balance(market.buyer, "escrow") == 150_000


# --- With them: one wins ----------------------------------------------------------------------------------------------


def test_two_answers_to_one_quote(market):
    colleague = factories.actor_of(factories.member(market.vendor, "owner"))
    for number in range(ROUNDS):
        quote = asked(market)
        answers = [
            partial(offered, market, quote),
            partial(offered, market, quote, actor=colleague, terms={"amount": 1}),
            partial(services.ask_back, actor=colleague, quote_id=quote.id, message="Which?"),
            partial(services.decline, actor=vendor(market), quote_id=quote.id),
        ]
        won, lost = won_and_lost(together(answers[number % 4 :] + answers[: number % 4]))
        quote.refresh_from_db()
        assert (len(won), len(lost)) == (1, 3)
        assert {refusal.extra["state"] for refusal in lost} == {quote.state}
        assert active_offers(quote) == (1 if quote.state == QuoteState.OFFERED else 0)
        assert quote.round_count == len(acts_of(quote)) == 2


def test_accept_against_withdraw_and_counter(market):
    outcomes = set()
    for number in range(ROUNDS * 2):
        quote = offered(market)
        calls = [
            partial(services.accept, actor=buyer(market), quote_id=quote.id, **acceptance(quote)),
            partial(services.withdraw, actor=vendor(market), quote_id=quote.id),
            partial(services.counter, actor=buyer(market), quote_id=quote.id, message="Less."),
        ]
        won, lost = won_and_lost(together(calls[number % 3 :] + calls[: number % 3]))
        quote.refresh_from_db()
        outcomes.add(quote.state)
        assert (len(won), len(lost)) == (1, 2)
        assert all(isinstance(refusal, IllegalTransition) for refusal in lost)
        ordered = Order.objects.filter(offer__quote_id=quote.id).count()
        assert ordered == active_offers(quote) == (1 if quote.state == QuoteState.ACCEPTED else 0)
        assert (quote.order_id is not None) == bool(ordered)
        assert Transfer.objects.filter(subject_id=quote.order_id or quote.id).count() == ordered
        assert quote.round_count == len(acts_of(quote)) == 3
    assert outcomes <= {QuoteState.ACCEPTED, QuoteState.ASKED}


def test_accept_against_the_end_of_the_offer(market):
    def overdue():
        with clock.frozen_at(in_days(30)):
            return services.expire_overdue()

    for number in range(ROUNDS):
        quote = offered(market)
        accept = partial(services.accept, actor=buyer(market), quote_id=quote.id, **acceptance(quote))
        calls = [accept, overdue] if number % 2 else [overdue, accept]
        results = together(calls)
        by_hand, by_itself = results if number % 2 else results[::-1]
        quote.refresh_from_db()
        ordered = Order.objects.filter(offer__quote_id=quote.id).count()
        if isinstance(by_hand, Exception):
            assert isinstance(by_hand, IllegalTransition | QuoteRunOut), by_hand
            assert (by_itself, quote.state, ordered, active_offers(quote)) == (1, QuoteState.EXPIRED, 0, 0)
        else:
            assert (by_itself, quote.state, ordered) == (0, QuoteState.ACCEPTED, 1)


def test_accept_many_times_at_once(market):
    quote = offered(market)
    client = factories.api_client(market.purchaser)

    def accept(number: int):
        body = {"offer": str(quote.current_offer_id), "quantity": 10, "client_reference": f"PO-{number}"}
        return post(client, f"quotes/{quote.id}/accept", body)

    answers = together([partial(accept, number) for number in range(8)])
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    quote.refresh_from_db()
    assert Order.objects.get(offer__quote_id=quote.id).id == quote.order_id
    assert factories.balance(market.buyer, "escrow") == 75_000
    assert acts_of(quote).count(("buyer", "accept")) == 1


def test_accept_many_times_under_one_key_is_one_answer(market):
    quote = offered(market)
    client = factories.api_client(market.purchaser)
    body = {"offer": str(quote.current_offer_id), "quantity": 10, "client_reference": "PO-1"}
    answers = together([partial(post, client, f"quotes/{quote.id}/accept", body, key="one")] * 6)
    # Those who came while the first was at work are told to repeat; those who came after it get its answer.
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["order"]["id"] for answer in answers if answer.status_code == 201}) == 1
    repeated = post(client, f"quotes/{quote.id}/accept", body, key="one")
    assert (repeated.status_code, repeated["Idempotency-Replayed"]) == (201, "true")
    assert Order.objects.count() == 1


def test_answer_against_withdrawal_of_the_question(market):
    for number in range(ROUNDS):
        quote = asked_back(market)
        calls = [
            partial(services.counter, actor=buyer(market), quote_id=quote.id, message="All."),
            partial(services.withdraw, actor=vendor(market), quote_id=quote.id),
            partial(services.decline, actor=buyer(market), quote_id=quote.id),
        ]
        won, lost = won_and_lost(together(calls[number % 3 :] + calls[: number % 3]))
        assert (len(won), len(lost)) == (1, 2)
        assert len(acts_of(quote)) == 3


def test_acceptances_of_different_quotes_do_not_wait_for_each_other_in_a_circle(market):
    quotes = [offered(market) for _number in range(8)]
    results = together([partial(accepted, market, quote) for quote in quotes])
    assert [result.state for result in results] == [QuoteState.ACCEPTED] * 8
    assert factories.balance(market.buyer, "escrow") == 8 * 75_000
