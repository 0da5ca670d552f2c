"""A quote from the first wish to the order, and every end in between, through the services."""

import json

import pytest
from django.db import transaction

from accounts.states import OrganizationState, Role
from market.audit.models import AuditEvent
from market.catalog.errors import OfferNotOrderable
from market.catalog.models import Offer, Product
from market.catalog.states import OfferState, ProductState
from market.kernel import clock
from market.kernel.errors import BusinessError, Forbidden, IllegalTransition, InvalidInput, NotFound
from market.ledger.errors import InsufficientFunds
from market.negotiation import services
from market.negotiation.errors import OfferChanged, OwnProduct, QuoteRunOut, TooManyRounds
from market.negotiation.models import Quote, QuoteRound
from market.negotiation.services import steps
from market.negotiation.states import QuoteState
from market.orders import services as orders
from market.orders.models import OrderTerms
from market.orders.states import OrderState
from tests import factories
from tests.negotiation.talks import (
    TERMS,
    acceptance,
    accepted,
    acts_of,
    asked,
    asked_back,
    buyer,
    events_of,
    everything,
    in_days,
    offered,
    vendor,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> factories.Market:
    return factories.market(funds=1_000_000)


def offers_of(quote: Quote) -> list[tuple[int, str]]:
    return list(Offer.objects.filter(quote_id=quote.id).order_by("id").values_list("amount", "state"))


def test_a_talk_of_several_rounds_ends_in_an_order(market):
    quote = asked(market)
    assert (quote.state, quote.volume, quote.current_offer_id) == ("asked", 10, None)
    asked_back(market, quote)
    services.counter(actor=buyer(market), quote_id=quote.id, message="All in Guizhou.", volume=12)
    offered(market, quote, terms={"amount": 9_000})
    services.counter(actor=buyer(market), quote_id=quote.id, message="At 75 yuan we sign.")
    assert offers_of(quote) == [(9_000, OfferState.WITHDRAWN)]
    quote = offered(market, quote, least_quantity=12)
    closed = accepted(market, quote, quantity=12)

    stored = Quote.objects.get(id=quote.id)
    assert (stored.state, stored.volume, stored.round_count) == ("accepted", 12, 7)
    assert (stored.state, stored.order_id, stored.due_at) == (closed.state, closed.order_id, None)
    assert stored.closed_at is not None
    order = stored.order
    assert (order.amount, order.quantity, order.state) == (12 * 7_500, 12, OrderState.PAID)
    assert (order.purpose, order.offer_id) == ("Cold-chain planning.", stored.current_offer_id)
    assert acts_of(quote) == [
        ("buyer", "ask"),
        ("vendor", "ask_back"),
        ("buyer", "counter"),
        ("vendor", "offer"),
        ("buyer", "counter"),
        ("vendor", "offer"),
        ("buyer", "accept"),
    ]
    rounds = list(QuoteRound.objects.filter(quote=quote).order_by("number"))
    assert [said.number for said in rounds] == [1, 2, 3, 4, 5, 6, 7]
    assert [said.volume for said in rounds] == [10, None, 12, None, 12, 12, 12]
    assert [said.actor_id for said in rounds] == [
        member.user_id
        for member in (
            market.purchaser,
            market.lister,
            market.purchaser,
            market.lister,
            market.purchaser,
            market.lister,
            market.purchaser,
        )
    ]
    assert events_of(quote) == [
        "quote.asked",
        "quote.asked_back",
        "quote.countered",
        "quote.offered",
        "quote.countered",
        "quote.offered",
        "quote.accepted",
    ]


def test_the_terms_of_the_private_offer_are_frozen_in_the_order(market):
    quote = accepted(market)
    document = json.loads(OrderTerms.objects.get(order=quote.order_id).document)
    assert document["offer"] | TERMS == document["offer"]
    assert document["offer"]["id"] == str(quote.current_offer_id)
    assert (document["order"]["amount"], document["order"]["purpose"]) == (75_000, quote.purpose)


def test_the_private_offer_is_the_buyers_alone_and_ordered_through_the_quote_alone(market):
    quote = offered(market)
    offer = Offer.objects.get(id=quote.current_offer_id)
    assert (offer.buyer_org_id, offer.quote_id, offer.valid_until) == (market.buyer.id, quote.id, quote.due_at)
    wanted = {"offer_id": offer.id, "quantity": 1, "purpose": "Resale.", "client_reference": "PLAIN"}
    other = factories.market()
    refusal = refused(lambda: orders.place(actor=buyer(market), **wanted), OfferNotOrderable)
    assert refusal.extra == {"quote": str(quote.id)}
    refused(lambda: orders.place(actor=buyer(other), **wanted), NotFound)


def test_money_moves_only_when_the_order_is_placed(market):
    def wallet():
        return factories.balance(market.buyer, "wallet")

    quote = offered(market)
    assert wallet() == 1_000_000
    accepted(market, quote)
    assert wallet() == 1_000_000 - 75_000


def test_a_free_offer_needs_no_money():
    market = factories.market(funds=0)
    quote = offered(market, terms={"price_model": "free", "amount": 0})
    assert accepted(market, quote).order.amount == 0


@pytest.mark.parametrize(
    ("terms", "amount"),
    [
        ({"price_model": "subscription", "amount": 5_000, "months": 12}, 10 * 12 * 5_000),
        ({"amount": None, "tier_mode": "volume", "tiers": [{"up_to": None, "unit_price": 20_000_000}]}, 10 * 2_000),
    ],
)
def test_an_offer_of_any_price_model_answers_a_quote(market, terms, amount):
    order = accepted(market, offered(market, terms=terms)).order
    assert (order.amount, order.offer.price_model) == (amount, order.offer.price_rule().model)
    assert factories.balance(market.buyer, "escrow") == amount


# --- Ends without an order --------------------------------------------------------------------------------------------


def test_the_vendor_declines(market):
    quote = services.decline(actor=vendor(market), quote_id=asked(market).id, message="Not for resale.")
    assert (quote.state, quote.due_at) == (QuoteState.DECLINED, None)
    assert acts_of(quote)[-1] == ("vendor", "decline")


@pytest.mark.parametrize("arrange", [offered, asked_back])
def test_the_buyer_declines(market, arrange):
    quote = services.decline(actor=buyer(market), quote_id=arrange(market).id)
    assert Quote.objects.get(id=quote.id).state == QuoteState.DECLINED
    assert acts_of(quote)[-1] == ("buyer", "decline")
    assert not Offer.objects.filter(quote_id=quote.id, state=OfferState.ACTIVE).exists()


def test_the_buyer_withdraws_its_request(market):
    quote = services.withdraw(actor=buyer(market), quote_id=asked(market).id)
    assert (quote.state, quote.closed_at) == (QuoteState.WITHDRAWN, quote.last_round_at)


@pytest.mark.parametrize("arrange", [offered, asked_back])
def test_a_vendor_who_withdraws_has_the_word_again(market, arrange):
    quote = services.withdraw(actor=vendor(market), quote_id=arrange(market).id, message="A typing error.")
    assert (quote.state, quote.current_offer, quote.closed_at) == (QuoteState.ASKED, None, None)
    assert not Offer.objects.filter(quote_id=quote.id, state=OfferState.ACTIVE).exists()
    assert offered(market, quote).state == QuoteState.OFFERED


# --- Refusals change nothing ------------------------------------------------------------------------------------------

STATES = {"asked": asked, "asked_back": asked_back, "offered": offered, "accepted": accepted}
LEGAL = {
    "asked": {"offer", "ask_back", "vendor declines", "buyer withdraws"},
    "asked_back": {"counter", "buyer declines", "vendor withdraws"},
    "offered": {"accept", "counter", "buyer declines", "vendor withdraws"},
    "accepted": set(),
}


def perform(act: str, market: factories.Market, quote: Quote) -> None:
    said = {"quote_id": quote.id, "message": "Well."}
    match act:
        case "offer":
            services.make_offer(actor=vendor(market), terms=TERMS, valid_until=in_days(1), **said)
        case "ask_back":
            services.ask_back(actor=vendor(market), **said)
        case "counter":
            services.counter(actor=buyer(market), **said)
        case "accept":
            services.accept(actor=buyer(market), quote_id=quote.id, **acceptance(quote))
        case "vendor declines":
            services.decline(actor=vendor(market), **said)
        case "buyer declines":
            services.decline(actor=buyer(market), **said)
        case "vendor withdraws":
            services.withdraw(actor=vendor(market), **said)
        case "buyer withdraws":
            services.withdraw(actor=buyer(market), **said)


@pytest.mark.parametrize(
    "act",
    [
        "offer",
        "ask_back",
        "counter",
        "accept",
        "vendor declines",
        "buyer declines",
        "vendor withdraws",
        "buyer withdraws",
    ],
)
@pytest.mark.parametrize("state", STATES)
def test_what_the_state_does_not_allow_changes_nothing(market, state, act):
    quote = STATES[state](market)
    before = everything()
    if act in LEGAL[state]:
        perform(act, market, quote)
        assert everything() != before
        return
    with pytest.raises(IllegalTransition) as refusal:
        perform(act, market, quote)
    assert refusal.value.extra["state"] == state
    assert everything() == before


@pytest.mark.parametrize("state", ["asked", "asked_back", "offered"])
def test_after_its_deadline_nothing_is_possible_even_before_beat_has_looked(market, state):
    quote = STATES[state](market)
    before = everything()
    with clock.frozen_at(quote.due_at):
        for act in LEGAL[state]:
            with pytest.raises(QuoteRunOut):
                perform(act, market, quote)
    assert everything() == before


def refused(call, error) -> BusinessError:
    before = everything()
    with pytest.raises(error) as refusal, transaction.atomic():
        call()
    assert everything() == before
    return refusal.value


def test_only_the_offer_that_was_read_can_be_accepted(market):
    quote = offered(market, terms={"amount": 100})
    read = quote.current_offer_id
    services.withdraw(actor=vendor(market), quote_id=quote.id)
    quote = offered(market, quote, terms={"amount": 900_000})
    refusal = refused(lambda: accepted(market, quote, offer_id=read), OfferChanged)
    assert refusal.extra == {"current_offer": str(quote.current_offer_id)}


def test_fewer_units_than_the_offer_is_for_are_refused(market):
    quote = offered(market, least_quantity=10)
    refusal = refused(lambda: accepted(market, quote, quantity=9), InvalidInput)
    assert list(refusal.errors) == ["/quantity"]
    assert accepted(market, quote, quantity=10).order.quantity == 10


def test_an_order_that_cannot_be_placed_leaves_the_quote_open(market):
    quote = offered(market, terms={"amount": 1_000_000})
    refused(lambda: accepted(market, quote, quantity=2), InsufficientFunds)
    Product.objects.filter(id=quote.product_id).update(state=ProductState.SUSPENDED)
    refused(lambda: accepted(market, quote, quantity=1), OfferNotOrderable)
    Product.objects.filter(id=quote.product_id).update(state=ProductState.LISTED)
    assert accepted(market, quote, quantity=1).state == QuoteState.ACCEPTED


def test_a_quote_is_asked_for_what_is_for_sale(market):
    own = factories.actor_of(factories.member(market.vendor, Role.OWNER))
    both = factories.organization("buyer", "vendor")
    mine = factories.product(both)
    suspended = factories.product(both, ProductState.SUSPENDED)
    refused(lambda: asked(market, actor=own), Forbidden)
    self_actor = factories.actor_of(factories.member(both, Role.OWNER))
    refused(lambda: asked(market, actor=self_actor, product_id=mine.id), OwnProduct)
    refused(lambda: asked(market, product_id=suspended.id), NotFound)
    auditor = factories.actor_of(market.auditor)
    refused(lambda: asked(market, actor=auditor), Forbidden)
    market.buyer.state = OrganizationState.SUSPENDED
    market.buyer.save()
    refused(lambda: asked(market), BusinessError)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"purpose": " \n "}, "/purpose"),
        ({"purpose": "x" * 1001}, "/purpose"),
        ({"purpose": "a\x00b"}, "/purpose"),
        ({"message": "x" * 5001}, "/message"),
        ({"message": "\x07"}, "/message"),
        ({"volume": 0}, "/volume"),
        ({"volume": 1_000_001}, "/volume"),
    ],
)
def test_a_wish_that_cannot_be_meant_is_refused(market, changes, pointer):
    assert list(refused(lambda: asked(market, **changes), InvalidInput).errors) == [pointer]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"valid_until": None}, "/valid_until"),
        ({"least_quantity": 0}, "/least_quantity"),
        ({"terms": {"amount": 0}}, "/amount"),
        ({"terms": {"price_model": "barter"}}, "/price_model"),
        ({"terms": {"licence": ""}}, "/licence"),
        ({"terms": {"acceptance_days": 91}}, "/acceptance_days"),
    ],
)
def test_an_offer_that_cannot_be_meant_is_refused(market, changes, pointer):
    quote = asked(market)
    assert pointer in refused(lambda: offered(market, quote, **changes), InvalidInput).errors


def test_an_offer_stands_from_now_to_within_a_year(market):
    quote = asked(market)
    for days in (-1, 400):
        refused(lambda days=days: offered(market, quote, valid_until=in_days(days)), InvalidInput)


@pytest.mark.parametrize("act", [services.counter, services.ask_back])
def test_an_answer_says_something(market, act):
    quote = asked(market) if act is services.ask_back else offered(market)
    speaker = vendor(market) if act is services.ask_back else buyer(market)
    refused(lambda: act(actor=speaker, quote_id=quote.id, message="  "), InvalidInput)


def test_a_quote_has_an_end_of_rounds(market, monkeypatch):
    monkeypatch.setattr(steps, "MAX_ROUNDS", 3)
    quote = offered(market)
    services.counter(actor=buyer(market), quote_id=quote.id, message="Less.")
    quote.refresh_from_db()
    refused(lambda: offered(market, quote), TooManyRounds)
    assert services.decline(actor=vendor(market), quote_id=quote.id).state == QuoteState.DECLINED


# --- Who may ----------------------------------------------------------------------------------------------------------

ACTS_OF_SIDES = {
    "asked": ["offer", "ask_back", "vendor declines", "buyer withdraws"],
    "offered": ["accept", "counter", "buyer declines", "vendor withdraws"],
}


@pytest.mark.parametrize("state", ACTS_OF_SIDES)
def test_strangers_find_nothing_and_other_roles_may_not(market, state):
    quote = STATES[state](market)
    stranger = factories.market()
    onlookers = factories.Market(
        operator=market.operator,
        lister=factories.member(market.vendor, Role.FINANCE),
        vendor_finance=market.vendor_finance,
        purchaser=factories.member(market.buyer, Role.FINANCE),
        auditor=market.auditor,
        offer=market.offer,
    )
    swapped = factories.Market(
        operator=market.operator,
        lister=market.purchaser,
        vendor_finance=market.vendor_finance,
        purchaser=market.lister,
        auditor=market.auditor,
        offer=market.offer,
    )
    exchange = factories.Market(
        operator=market.operator,
        lister=market.operator,
        vendor_finance=market.vendor_finance,
        purchaser=market.auditor,
        auditor=market.auditor,
        offer=market.offer,
    )
    for act in ACTS_OF_SIDES[state]:
        refused(lambda act=act: perform(act, stranger, quote), NotFound)
        refused(lambda act=act: perform(act, onlookers, quote), Forbidden)
        refused(lambda act=act: perform(act, exchange, quote), Forbidden)
    for act in ("offer", "ask_back", "accept", "counter"):
        refused(lambda act=act: perform(act, swapped, quote), Forbidden)


def test_the_evidence_holds_no_words_of_people(market):
    quote = offered(market)
    for proof in AuditEvent.objects.filter(subject_id=quote.id):
        assert "please" not in json.dumps(proof.payload) and len(proof.payload["message_sha256"]) == 64
        assert (proof.buyer_org_id, proof.vendor_org_id) == (market.buyer.id, market.vendor.id)
    offer = AuditEvent.objects.get(subject_id=quote.id, name="quote.offered")
    assert (offer.payload["offer"], offer.actor_user_id) == (str(quote.current_offer_id), market.lister.user_id)
