"""Orders in the states that tests need, through the services."""

import itertools
import uuid

from django.db import transaction
from rest_framework.response import Response
from rest_framework.test import APIClient

from market.kernel.actors import Actor
from market.ledger.states import AccountKind
from market.orders import services
from market.orders.models import Order
from tests import factories

_references = itertools.count(1)


def buyer(market: factories.Market) -> Actor:
    return factories.actor_of(market.purchaser)


def operator(market: factories.Market) -> Actor:
    return factories.actor_of(market.operator)


def wish(market: factories.Market, **changes) -> dict:
    """The body of a good request."""
    return {
        "offer": str(market.offer.id),
        "quantity": 1,
        "purpose": "Cold-chain planning.",
        "client_reference": f"REF-{next(_references)}",
    } | changes


def place(market: factories.Market, **changes) -> Order:
    wanted = wish(market)
    wanted["offer_id"] = uuid.UUID(wanted.pop("offer"))
    # A refusal spoils the caller's transaction; here that must not be the one around the whole test.
    with transaction.atomic():
        return services.place(**{"actor": buyer(market)} | wanted | changes)


def delivered(market: factories.Market, **changes) -> Order:
    order = place(market, **changes)
    services.mark_delivering(order_id=order.id)
    return services.mark_delivered(order_id=order.id)


def failed(market: factories.Market, **changes) -> Order:
    order = place(market, **changes)
    services.mark_delivering(order_id=order.id)
    return services.mark_delivery_failed(order_id=order.id, reason="observations.csv is not what was published")


def money(market: factories.Market) -> tuple[int, int]:
    """The buyer's wallet and escrow, in fen."""
    return tuple(factories.balance(market.buyer, kind) for kind in (AccountKind.WALLET, AccountKind.ESCROW))


def post(client: APIClient, path: str, body: object = None, key: str | None = None, **extra) -> Response:
    """POST under a fresh idempotency key, or the given one."""
    headers = {"Idempotency-Key": key or str(uuid.uuid4())}
    return client.post(f"/api/v1/{path}", {} if body is None else body, format="json", headers=headers, **extra)
