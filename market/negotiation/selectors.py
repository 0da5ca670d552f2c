"""Reads of quotes, scoped by who asks."""

import datetime
import uuid
from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from accounts.states import Capacity, Role
from market.catalog.models import Offer
from market.catalog.selectors import sees_everything
from market.catalog.states import OfferState
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.errors import NotFound
from market.negotiation.models import Quote, QuoteRound
from market.negotiation.states import HAS_THE_WORD, QuoteState, Side, acts_of
from market.orders.selectors import BUYING_ROLES

SELLING_ROLES = (Role.OWNER, Role.LISTER)

WHAT_IS_DUE = {
    QuoteState.ASKED: "vendor_answer",
    QuoteState.ASKED_BACK: "buyer_answer",
    QuoteState.OFFERED: "acceptance",
}
"""What an open quote waits for until its deadline, as the API names it."""


def quotes_visible_to(actor: Actor) -> QuerySet[Quote]:
    """Quotes with all that a line about them shows: a buyer's, a vendor's, everything for auditors."""
    quotes = Quote.objects.select_related("buyer_org", "vendor_org", "product", "current_offer", "order")
    if sees_everything(actor):
        return quotes
    return quotes.filter(Q(buyer_org=actor.organization_id) | Q(vendor_org=actor.organization_id))


def filter_quotes(
    quotes: QuerySet[Quote],
    *,
    state: str | None = None,
    product: uuid.UUID | None = None,
    waiting_for: str | None = None,
) -> QuerySet[Quote]:
    """Narrow a list; ``waiting_for`` is the side whose answer is due."""
    if state:
        quotes = quotes.filter(state=state)
    if product:
        quotes = quotes.filter(product=product)
    if waiting_for:
        quotes = quotes.filter(state__in=[state for state, side in HAS_THE_WORD.items() if side == waiting_for])
    return quotes


def quote_visible_to(actor: Actor, quote_id: uuid.UUID) -> Quote:
    """One quote with its rounds and their offers in ``rounds_in_order``; three queries.

    Raises ``NotFound`` also for other organisations' quotes.
    """
    rounds = QuoteRound.objects.select_related("offer").order_by("number")
    quotes = quotes_visible_to(actor).prefetch_related(Prefetch("rounds", rounds, to_attr="rounds_in_order"))
    quote = quotes.filter(id=quote_id).first()
    if quote is None:
        raise NotFound
    return quote


def rounds_of(quote: Quote) -> QuerySet[QuoteRound]:
    """What was said, in order, with the offers."""
    return quote.rounds.select_related("offer").order_by("number")


def offer_to_start_from(quote: Quote) -> Offer | None:
    """What the vendor offered last in this quote, else the product's newest public offer; to write the next one."""
    product_offers = Offer.objects.filter(product=quote.product_id).order_by("-id")
    return (
        product_offers.filter(quote_id=quote.id).first()
        or product_offers.filter(buyer_org=None, state=OfferState.ACTIVE).first()
    )


def side_of(actor: Actor, quote: Quote) -> str | None:
    """On which side of the quote the actor's organisation stands; None for whoever only looks on."""
    sides = {quote.buyer_org_id: Side.BUYER, quote.vendor_org_id: Side.VENDOR}
    return sides.get(actor.organization_id)


def speaks_for(actor: Actor, side: str) -> bool:
    """Whether the actor's role may act for its organisation on that side of a quote."""
    if side == Side.BUYER:
        return actor.role in BUYING_ROLES and Capacity.BUYER in actor.capacities
    return actor.role in SELLING_ROLES and Capacity.VENDOR in actor.capacities


def may_name(actor: Actor, said: QuoteRound) -> bool:
    """Whether the actor may know who spoke: people are named to their own organisation and to auditors only."""
    own = {Side.BUYER: said.buyer_org_id, Side.VENDOR: said.vendor_org_id}.get(said.side)
    return sees_everything(actor) or own in (None, actor.organization_id)


def acts_open_to(actor: Actor, quote: Quote) -> list[str]:
    """What the actor may do with the quote now."""
    side = side_of(actor, quote)
    if side is None or not speaks_for(actor, side) or has_run_out(quote):
        return []
    return acts_of(side, quote.state)


def has_run_out(quote: Quote, moment: datetime.datetime | None = None) -> bool:
    """Whether the quote's deadline has passed; it is over then, even before beat has written that down."""
    return quote.due_at is not None and quote.due_at <= (moment or clock.now())


def next_deadline(quote: Quote) -> dict[str, Any] | None:
    """What must happen until when, or the quote expires; None once it is closed."""
    if quote.due_at is None:
        return None
    return {"what": WHAT_IS_DUE[quote.state], "at": quote.due_at}
