"""Orders over HTTP. Every POST moves money or asks for it to move, so every POST needs an ``Idempotency-Key``."""

import uuid
from collections.abc import Callable

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.filters import filters_of
from market.api.idempotency import ReplyRecorder, act_once, respond_once
from market.api.openapi import IDEMPOTENCY_KEY, problems
from market.orders import selectors, services
from market.orders.api import serializers
from market.orders.api.serializers import rendered
from market.orders.errors import ClientReferenceTaken
from market.orders.models import Order

TAGS = ["orders"]
ORDER_EXAMPLE = OpenApiExample(
    "order",
    response_only=True,
    value={
        "id": "019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a10",
        "number": "QS20261123-B2K7QXWJNA",
        "state": "paid",
        "legal_moves": ["delivering", "delivery_failed", "cancelled"],
        "acts": ["cancel"],
        "buyer": {"id": "019b0a54-1111-7d3a-8f57-2b9d3c1e7a10", "name": "遵义食品有限公司"},
        "vendor": {"id": "019b0a54-2222-7d3a-8f57-2b9d3c1e7a10", "name": "黔云数据有限公司"},
        "product": {"id": "019b0a54-3333-7d3a-8f57-2b9d3c1e7a10", "code": "weather-hourly", "title": "气象观测"},
        "revision": {"id": "019b0a54-4444-7d3a-8f57-2b9d3c1e7a10", "number": 3},
        "offer": "019b0a54-5555-7d3a-8f57-2b9d3c1e7a10",
        "quantity": 1,
        "amount": 128000,
        "currency": "CNY",
        "term_starts_on": None,
        "term_ends_on": None,
        "renews": None,
        "suspended_at": None,
        "purpose": "Cold-chain planning for 2027.",
        "purpose_approval": None,
        "client_reference": "PO-2026-0117",
        "group": None,
        "terms_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "failure_reason": "",
        "placed_at": "2026-11-23T02:31:00Z",
        "next_deadline": None,
        "approval_due_at": None,
        "funds_due_at": None,
        "delivered_at": None,
        "acceptance_due_at": None,
        "accepted_at": None,
        "refund_due_at": None,
        "closed_at": None,
    },
)
PLACE_EXAMPLE = OpenApiExample(
    "one unit",
    request_only=True,
    value={
        "offer": "019b0a54-5555-7d3a-8f57-2b9d3c1e7a10",
        "quantity": 1,
        "purpose": "Cold-chain planning for 2027.",
        "client_reference": "PO-2026-0117",
    },
)


class Orders(GenericAPIView):
    """The orders you may see, and placing one."""

    scopes = {"GET": Scope.ORDERS_READ, "POST": Scope.ORDERS_WRITE}
    serializer_class = serializers.OrderSerializer

    @extend_schema(
        operation_id="orders_list",
        summary="List orders",
        description="A buyer's purchases, a vendor's sales, or everything for auditors; newest first.",
        tags=TAGS,
        parameters=[serializers.OrderFilters],
        responses={200: serializers.OrderSerializer(many=True), **problems(400, 422)},
        examples=[ORDER_EXAMPLE],
    )
    def get(self, request: Request) -> Response:
        """A page of orders."""
        actor = request.auth.actor
        filters = filters_of(request, serializers.OrderFilters)
        orders = selectors.orders_listed_for(actor, filters.pop("side", None))
        page = self.paginate_queryset(selectors.filter_orders(orders, **filters))
        return self.get_paginated_response([rendered(order, actor) for order in page])

    @extend_schema(
        operation_id="orders_place",
        summary="Place an order",
        description="Freezes the terms, moves the price from your wallet into escrow and starts delivery, or changes "
        "nothing at all. With `wait_for_funds` an order beyond the wallet's balance is kept in `awaiting_funds` and no "
        "money moves; your next deposits pay such orders, the oldest first. The newest published revision of "
        "the product is what you will receive.",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.PlaceOrderSerializer,
        responses={
            201: serializers.OrderSerializer,
            **problems(
                400,
                404,
                413,
                422,
                s409="The offer cannot be ordered now, the wallet holds too little (`needed` and `available` in fen), "
                "the client reference belongs to an earlier `order`, or the same key is being worked on.",
            ),
        },
        examples=[PLACE_EXAMPLE, ORDER_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Place an order once."""
        actor = request.auth.actor
        wanted = serializers.PlaceOrderSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)

        def act(recorder: ReplyRecorder) -> None:
            services.place(
                actor=actor,
                also_insert=lambda order: recorder.row(status.HTTP_201_CREATED, rendered(order, actor)),
                **wanted.validated_data,
            )

        try:
            response = respond_once(request, operation="orders.place", organization_id=actor.organization_id, act=act)
        except ClientReferenceTaken as refusal:
            # Only now, after the rollback, can the database be asked which order it is.
            earlier = selectors.order_by_reference(actor, wanted.validated_data["client_reference"])
            raise ClientReferenceTaken(refusal.detail, order=str(earlier.id)) from refusal
        response["Location"] = reverse("order", args=[response.data["id"]])
        return response


class OrderDetail(APIView):
    """One order."""

    scopes = {"GET": Scope.ORDERS_READ}

    @extend_schema(
        operation_id="orders_read",
        summary="Read an order",
        description="With its deadlines, where its money is, and what you may do with it now.",
        tags=TAGS,
        responses={200: serializers.OrderDetailSerializer, **problems(404)},
    )
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        """One order with its money."""
        actor = request.auth.actor
        order = selectors.order_visible_to(actor, order_id)
        return Response(rendered(order, actor, with_money=True))


class OrderTimeline(APIView):
    """The history of one order."""

    scopes = {"GET": Scope.ORDERS_READ}

    @extend_schema(
        operation_id="orders_timeline",
        summary="Read an order's history",
        description="Who did what and when, from the audit log, and every movement of money, oldest first.",
        tags=TAGS,
        responses={200: serializers.TimelineSerializer, **problems(404)},
    )
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        """Acts and movements of money."""
        actor = request.auth.actor
        order = selectors.order_visible_to(actor, order_id)
        return Response(serializers.TimelineSerializer({"results": selectors.timeline(actor, order)}).data)


class OrderAct(APIView):
    """A POST that brings one order to another state, once a key."""

    scopes = {"POST": Scope.ORDERS_WRITE}
    operation: str
    perform: Callable[..., Order]

    def respond(self, request: Request, order_id: uuid.UUID) -> Response:
        """Perform the act and answer with the changed order."""
        return act_once(request, self.operation, type(self).perform, rendered, order_id=order_id)


def act_schema(operation_id: str, summary: str, description: str) -> Callable:
    """The OpenAPI description of an act on an order."""
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={
            200: serializers.OrderSerializer,
            **problems(
                400,
                404,
                422,
                s409="Not possible in the current `state`; `legal_moves` names what may follow. Or the same key is "
                "being worked on.",
            ),
        },
        examples=[ORDER_EXAMPLE],
    )


class CancelOrder(OrderAct):
    """Cancellation before delivery is complete."""

    operation = "orders.cancel"
    perform = staticmethod(services.cancel)

    @act_schema(
        "orders_cancel",
        "Cancel an order",
        "While it waits, is paid or being delivered; what you paid returns to your wallet.",
    )
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """Cancel once."""
        return self.respond(request, order_id)


class AcceptOrder(OrderAct):
    """Acceptance of what was delivered."""

    operation = "orders.accept"
    perform = staticmethod(services.accept)

    @act_schema(
        "orders_accept",
        "Accept a delivery",
        "The vendor will be paid. Without a word from you it happens by itself at `acceptance_due_at`.",
    )
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """Accept once."""
        return self.respond(request, order_id)


class RefundOrder(OrderAct):
    """The end of an order whose delivery failed."""

    operation = "orders.refund"
    perform = staticmethod(services.refund_failed)

    @act_schema(
        "orders_refund",
        "Take the money back",
        "When delivery has failed; the price returns to your wallet. It happens by itself at `refund_due_at`.",
    )
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """Refund once."""
        return self.respond(request, order_id)
