"""Quotes in the states that tests need, through the services."""

import datetime
import itertools

from django.db.models import Model

from market.audit.models import AuditEvent
from market.catalog.models import Offer
from market.kernel import clock
from market.kernel.actors import Actor
from market.ledger.models import Transfer
from market.negotiation import services
from market.negotiation.models import Quote, QuoteRound
from market.orders.models import Order
from tests import factories

_references = itertools.count(1)
TERMS = {"price_model": "one_off", "amount": 7_500, "licence": "Internal use at all sites.", "acceptance_days": 10}


def buyer(market: factories.Market) -> Actor:
    return factories.actor_of(market.purchaser)


def vendor(market: factories.Market) -> Actor:
    return factories.actor_of(market.lister)


def in_days(days: float) -> datetime.datetime:
    return clock.now() + datetime.timedelta(days=days)


def wish(market: factories.Market, **changes) -> dict:
    """The body of a good request."""
    return {
        "product": str(market.offer.product_id),
        "purpose": "Cold-chain planning.",
        "message": "A price for ten, please.",
        "volume": 10,
    } | changes


def asked(market: factories.Market, **changes) -> Quote:
    wanted = wish(market)
    wanted["product_id"] = wanted.pop("product")
    return services.ask(**{"actor": buyer(market)} | wanted | changes)


def offered(market: factories.Market, quote: Quote | None = None, **changes) -> Quote:
    quote = quote or asked(market)
    terms = TERMS | changes.pop("terms", {})
    given = {"actor": vendor(market), "valid_until": in_days(7), "message": "Ten for 75 yuan each."}
    return services.make_offer(quote_id=quote.id, terms=terms, **given | changes)


def asked_back(market: factories.Market, quote: Quote | None = None) -> Quote:
    quote = quote or asked(market)
    return services.ask_back(actor=vendor(market), quote_id=quote.id, message="Which stations?")


def accepted(market: factories.Market, quote: Quote | None = None, **changes) -> Quote:
    quote = quote or offered(market)
    return services.accept(quote_id=quote.id, **{"actor": buyer(market)} | acceptance(quote) | changes)


def acceptance(quote: Quote) -> dict:
    """What an acceptance of the current offer says."""
    return {
        "offer_id": quote.current_offer_id,
        "quantity": 10,
        "client_reference": f"QUOTE-{next(_references)}",
    }


def acts_of(quote: Quote) -> list[tuple[str, str]]:
    """Side and act of every round, in order."""
    return list(QuoteRound.objects.filter(quote=quote).order_by("number").values_list("side", "act"))


def events_of(quote: Quote) -> list[str]:
    return list(AuditEvent.objects.filter(subject_id=quote.id).order_by("id").values_list("name", flat=True))


def everything() -> list:
    """All rows that an act on a quote could touch: equal before and after a refusal."""
    models: list[type[Model]] = [Quote, QuoteRound, Offer, Order, Transfer, AuditEvent]
    return [sorted(model.objects.values_list(), key=str) for model in models]
