"""Offers that run out by themselves, and offers that belong to a quote."""

import datetime

import pytest
from django.db import IntegrityError, transaction

from accounts.states import Capacity
from market.catalog import services
from market.catalog.errors import OfferAnswersQuote, OfferNotOrderable
from market.catalog.models import Offer
from market.catalog.selectors import orderable_offer, product_detail
from market.catalog.states import OfferState
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.errors import InvalidInput
from market.kernel.identifiers import uuid7
from tests import factories

DAY = datetime.timedelta(days=1)


@pytest.fixture
def buyer(db):
    return factories.organization(Capacity.BUYER)


def test_an_offer_can_be_ordered_until_its_end_and_not_after(stall, buyer):
    product = stall.listed()
    offer = stall.offer(product, valid_until=clock.now() + DAY)
    assert orderable_offer(offer.id, buyer.id).id == offer.id
    with clock.frozen_at(offer.valid_until):
        with pytest.raises(OfferNotOrderable, match="run out"):
            orderable_offer(offer.id, buyer.id)
        member = factories.actor_of(factories.member(buyer, "purchaser"))
        assert offer not in product_detail(member, product.id).active_offers
    assert offer in product_detail(member, product.id).active_offers


@pytest.mark.parametrize("days", [-1, 0, 367])
def test_an_end_that_is_past_or_far_away_is_refused(stall, days):
    product = stall.listed()
    before = Offer.objects.count()
    with pytest.raises(InvalidInput) as refusal:
        stall.offer(product, valid_until=clock.now() + days * DAY)
    assert list(refusal.value.errors) == ["/valid_until"]
    assert Offer.objects.count() == before


def test_an_offer_of_a_quote_is_ordered_through_that_quote_only(stall, buyer):
    product, quote_id = stall.listed(), uuid7()
    offer = stall.offer(product, buyer_org_id=buyer.id, quote_id=quote_id)
    for other in (None, uuid7()):
        with pytest.raises(OfferNotOrderable) as refusal:
            orderable_offer(offer.id, buyer.id, other)
        assert refusal.value.extra == {"quote": str(quote_id)}
    assert orderable_offer(offer.id, buyer.id, quote_id).id == offer.id
    member = factories.actor_of(factories.member(buyer, "purchaser"))
    assert offer not in product_detail(member, product.id).active_offers


def test_an_offer_of_a_quote_ends_with_its_quote_only(stall, buyer):
    product, quote_id = stall.listed(), uuid7()
    offer = stall.offer(product, buyer_org_id=buyer.id, quote_id=quote_id)
    other = stall.offer(product, buyer_org_id=buyer.id, quote_id=uuid7())
    with pytest.raises(OfferAnswersQuote):
        services.withdraw_offer(actor=stall.actor, offer_id=offer.id)
    offer.refresh_from_db()
    assert offer.state == OfferState.ACTIVE
    assert services.end_quoted_offers(actor=SYSTEM, quote_ids=[quote_id]) == 1
    assert services.end_quoted_offers(actor=SYSTEM, quote_ids=[quote_id]) == 0
    offer.refresh_from_db()
    other.refresh_from_db()
    assert (offer.state, other.state) == (OfferState.WITHDRAWN, OfferState.ACTIVE)


def test_the_database_holds_one_active_offer_a_quote(stall, buyer):
    product, quote_id = stall.listed(), uuid7()
    first = stall.offer(product, buyer_org_id=buyer.id, quote_id=quote_id)
    with pytest.raises(IntegrityError, match="offer_one_active_per_quote"), transaction.atomic():
        stall.offer(product, buyer_org_id=buyer.id, quote_id=quote_id)
    with pytest.raises(IntegrityError, match="offer_of_quote_is_private"), transaction.atomic():
        stall.offer(product, quote_id=uuid7())
    with pytest.raises(IntegrityError, match="catalog_offer is refused"), transaction.atomic():
        Offer.objects.filter(id=first.id).update(valid_until=clock.now() + DAY)
    services.end_quoted_offers(actor=SYSTEM, quote_ids=[quote_id])
    stall.offer(product, buyer_org_id=buyer.id, quote_id=quote_id)
