"""What the database itself refuses about quotes, by raw SQL."""

import uuid

import pytest
from django.db import IntegrityError, connection, transaction

from market.catalog.models import Offer
from market.kernel import clock
from market.negotiation import services
from market.negotiation.models import Quote, QuoteRound
from tests import factories
from tests.negotiation.talks import accepted, asked, buyer, everything, in_days, offered
from tests.orders import trades

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> factories.Market:
    return factories.market(funds=1_000_000)


def refused(message: str, sql: str, *parameters) -> None:
    before = everything()
    with pytest.raises(IntegrityError, match=message), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert everything() == before


def add_round(quote: Quote, **changes) -> tuple[str, list]:
    values = {
        "id": uuid.uuid4(),
        "quote_id": quote.id,
        "buyer_org_id": quote.buyer_org_id,
        "vendor_org_id": quote.vendor_org_id,
        "number": quote.round_count + 1,
        "side": "buyer",
        "act": "counter",
        "actor_role": "",
        "actor_label": "somebody",
        "message": "Less.",
        "created_at": clock.now(),
    } | changes
    names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    return f"INSERT INTO negotiation_quoteround ({names}) VALUES ({marks})", list(values.values())


def test_a_good_round_is_taken(market):
    """The statement that the refusals below vary is a valid one."""
    quote = offered(market)
    sql, values = add_round(quote)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
    assert QuoteRound.objects.filter(quote=quote).count() == 3


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"number": 1, "act": "ask"}, "quote_round_number_once"),
        ({"number": 2}, "quote_round_number_once"),
        ({"act": "ask"}, "quote_round_first_asks"),
        ({"act": "offer", "side": "vendor"}, "quote_round_offers_until"),
        ({"act": "counter", "valid_until": clock.now()}, "quote_round_offers_until"),
        ({"act": "ask_back"}, "quote_round_side_may_act"),
        ({"side": "vendor"}, "quote_round_side_may_act"),
        ({"side": "exchange"}, "quote_round_side_may_act"),
        ({"message": ""}, "quote_round_says_something"),
        ({"volume": 0}, "quote_round_volume"),
    ],
)
def test_a_round_that_cannot_be(market, changes, constraint):
    sql, values = add_round(offered(market), **changes)
    refused(constraint, sql, *values)


def test_an_offer_is_of_one_round(market):
    quote = offered(market)
    again = {"act": "offer", "side": "vendor", "offer_id": quote.current_offer_id, "valid_until": quote.due_at}
    sql, values = add_round(quote, **again)
    refused("offer_id", sql, *values)


@pytest.mark.parametrize(
    "change", ["UPDATE negotiation_quoteround SET message = 'x'", "DELETE FROM negotiation_quoteround"]
)
def test_rounds_are_kept_as_they_were(market, change):
    offered(market)
    refused("negotiation_quoteround is refused", change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("purpose = 'Resale'", "negotiation_quote is refused"),
        ("buyer_org_id = vendor_org_id", "negotiation_quote is refused"),
        ("state = 'sleeping'", "negotiation_quote.state may not go"),
        ("state = 'withdrawn', due_at = NULL, closed_at = now()", "may not go from offered to withdrawn"),
        ("state = 'asked'", "quote_offered_has_offer"),
        ("state = 'declined', current_offer_id = NULL", "quote_open_has_deadline"),
        ("state = 'accepted', due_at = NULL, closed_at = now()", "quote_accepted_has_order"),
        ("due_at = NULL", "quote_open_has_deadline"),
        ("closed_at = now()", "quote_open_has_deadline"),
        ("current_offer_id = NULL", "quote_offered_has_offer"),
        ("round_count = 0", "quote_counts"),
        ("volume = 0", "quote_counts"),
        ("least_quantity = 0", "quote_counts"),
    ],
)
def test_a_quote_that_cannot_be(market, change, message):
    quote = offered(market)
    refused(message, f"UPDATE negotiation_quote SET {change} WHERE id = %s", quote.id)


def test_a_quote_is_never_deleted(market):
    refused("negotiation_quote is refused", "DELETE FROM negotiation_quote WHERE id = %s", asked(market).id)


def test_a_quote_takes_only_offers_made_for_it(market):
    quote, other = offered(market), offered(market)
    public = market.offer.id
    for offer_id in (other.current_offer_id, public):
        refused(
            "does not answer this quote",
            "UPDATE negotiation_quote SET current_offer_id = %s WHERE id = %s",
            offer_id,
            quote.id,
        )


def test_a_quote_has_one_offer_that_stands(market):
    quote = offered(market)
    refused(
        "offer_one_active_per_quote",
        """
        INSERT INTO catalog_offer
        SELECT (jsonb_populate_record(offer, jsonb_build_object('id', gen_random_uuid()))).*
          FROM catalog_offer AS offer WHERE id = %s
        """,
        quote.current_offer_id,
    )


def test_an_accepted_quote_has_its_one_order_for_ever(market):
    quote, other = accepted(market), offered(market)
    plain = trades.place(market)
    again = accepted(market)
    refused("negotiation_quote is refused", "UPDATE negotiation_quote SET order_id = NULL WHERE id = %s", quote.id)
    refused(
        "negotiation_quote is refused",
        "UPDATE negotiation_quote SET order_id = %s WHERE id = %s",
        again.order_id,
        quote.id,
    )
    accept = """UPDATE negotiation_quote SET state = 'accepted', due_at = NULL, closed_at = now(), order_id = %s
                WHERE id = %s"""
    refused("not under the quote's offer", accept, plain.id, other.id)
    refused("not under the quote's offer", accept, quote.order_id, other.id)
    refused("may not go from accepted", "UPDATE negotiation_quote SET state = 'offered' WHERE id = %s", quote.id)


def test_a_new_offer_comes_only_after_the_old_one_ended(market):
    quote = offered(market)
    services.counter(actor=buyer(market), quote_id=quote.id, message="Less.")
    offered(market, quote, valid_until=in_days(2))
    states = Offer.objects.filter(quote_id=quote.id).order_by("id").values_list("state", flat=True)
    assert list(states) == ["withdrawn", "active"]
