"""Quotes over HTTP: buyers ask, read, counter, accept and decline; vendors read here and answer in their workspace."""

import uuid
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.filters import filters_of
from market.api.idempotency import act_once
from market.api.openapi import IDEMPOTENCY_KEY, problems
from market.kernel.actors import Actor
from market.negotiation import selectors, services
from market.negotiation.api import examples, serializers
from market.negotiation.models import Quote
from market.orders.errors import ClientReferenceTaken
from market.orders.selectors import order_by_reference

TAGS = ["quotes"]
NOT_NOW = (
    "Not possible in the quote's `state` (`acts` names what is), its time has run out, or the same key is being worked "
    "on."
)


def rendered(quote: Quote, actor: Actor) -> dict[str, Any]:
    """The quote with all its rounds as its reader sees it; one query."""
    quote.rounds_in_order = list(selectors.rounds_of(quote))
    return serializers.QuoteDetailSerializer(quote, context={"actor": actor}).data


class Quotes(ListAPIView):
    """The quotes you may see, and asking for one."""

    scopes = {"GET": Scope.ORDERS_READ, "POST": Scope.ORDERS_WRITE}
    serializer_class = serializers.QuoteSerializer

    @extend_schema(
        operation_id="quotes_list",
        summary="List quotes",
        description="Those you asked for, those you are asked for, or all for auditors; newest first.",
        tags=TAGS,
        parameters=[serializers.QuoteQuery],
        responses={200: serializers.QuoteSerializer(many=True), **problems(400, 422)},
        examples=[examples.QUOTE],
    )
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """A page of quotes."""
        return self.list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Quote]:
        filters = filters_of(self.request, serializers.QuoteQuery)
        return selectors.filter_quotes(selectors.quotes_visible_to(self.request.auth.actor), **filters)

    def get_serializer_context(self) -> dict[str, Any]:
        return super().get_serializer_context() | {"actor": self.request.auth.actor}

    @extend_schema(
        operation_id="quotes_ask",
        summary="Ask for a quote",
        description="Tell a product's vendor what you need it for, how much of it, and what you wish. The vendor "
        "answers with an offer for you alone, asks back, or declines; see `next_deadline`.",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.AskSerializer,
        responses={
            201: serializers.QuoteDetailSerializer,
            **problems(
                400,
                404,
                413,
                422,
                s409="The product is your own, your organisation may not trade, or the same key is being worked on.",
            ),
        },
        examples=[examples.ASK, examples.QUOTE_DETAIL],
    )
    def post(self, request: Request) -> Response:
        """Ask once."""
        response = act_once(
            request, "quotes.ask", services.ask, rendered, body=serializers.AskSerializer, code=status.HTTP_201_CREATED
        )
        response["Location"] = reverse("quote", args=[response.data["id"]])
        return response


class QuoteDetail(APIView):
    """One quote."""

    scopes = {"GET": Scope.ORDERS_READ}

    @extend_schema(
        operation_id="quotes_read",
        summary="Read a quote",
        description="With every round, the offer that stands, what you may do now and until when.",
        tags=TAGS,
        responses={200: serializers.QuoteDetailSerializer, **problems(404)},
        examples=[examples.QUOTE_DETAIL],
    )
    def get(self, request: Request, quote_id: uuid.UUID) -> Response:
        """One quote with its rounds."""
        actor = request.auth.actor
        quote = selectors.quote_visible_to(actor, quote_id)
        return Response(serializers.QuoteDetailSerializer(quote, context={"actor": actor}).data)


def act_schema(operation_id: str, summary: str, description: str, **options: Any) -> Callable:
    """The OpenAPI description of an act on a quote."""
    success = options.pop("success", 200)
    conflict = options.pop("conflict", NOT_NOW)
    shown = [examples.QUOTE_DETAIL, *options.pop("examples", [])]
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        responses={success: serializers.QuoteDetailSerializer, **problems(400, 404, 413, 422, s409=conflict)},
        examples=shown,
        **options,
    )


class CounterQuote(APIView):
    """The buyer's answer."""

    scopes = {"POST": Scope.ORDERS_WRITE}

    @act_schema(
        "quotes_counter",
        "Answer the vendor",
        "Answer its question, or say what you would accept instead of its offer, which ends thereby. The vendor "
        "answers anew.",
        request=serializers.CounterSerializer,
        examples=[examples.COUNTER],
    )
    def post(self, request: Request, quote_id: uuid.UUID) -> Response:
        """Counter once."""
        return act_once(
            request, "quotes.counter", services.counter, rendered, body=serializers.CounterSerializer, quote_id=quote_id
        )


class AcceptQuote(APIView):
    """Acceptance into an order."""

    scopes = {"POST": Scope.ORDERS_WRITE}

    @act_schema(
        "quotes_accept",
        "Accept the offer into an order",
        "Places an order under the offer and closes the quote, or changes nothing at all. The order is as any other: "
        "its terms are frozen, the price moves from your wallet into escrow, and delivery starts.",
        request=serializers.AcceptSerializer,
        success=201,
        conflict="Not possible in the quote's `state`, its time has run out, `offer` is not the `current_offer`, or "
        "the order cannot be placed: see POST /api/v1/orders.",
        examples=[examples.ACCEPT],
    )
    def post(self, request: Request, quote_id: uuid.UUID) -> Response:
        """Accept once."""
        try:
            response = act_once(
                request,
                "quotes.accept",
                services.accept,
                rendered,
                body=serializers.AcceptSerializer,
                code=status.HTTP_201_CREATED,
                quote_id=quote_id,
            )
        except ClientReferenceTaken as refusal:
            # Only now, after the rollback, can the database be asked which order it is.
            earlier = order_by_reference(request.auth.actor, request.data["client_reference"])
            raise ClientReferenceTaken(refusal.detail, order=str(earlier.id)) from refusal
        response["Location"] = reverse("order", args=[response.data["order"]["id"]])
        return response


class DeclineQuote(APIView):
    """A no to the vendor."""

    scopes = {"POST": Scope.ORDERS_WRITE}

    @act_schema(
        "quotes_decline",
        "Decline",
        "Turn down the vendor's offer or question. The quote is closed and its offer ends.",
        request=serializers.EndSerializer,
    )
    def post(self, request: Request, quote_id: uuid.UUID) -> Response:
        """Decline once."""
        return act_once(
            request, "quotes.decline", services.decline, rendered, body=serializers.EndSerializer, quote_id=quote_id
        )


class WithdrawQuote(APIView):
    """Taking one's last word back."""

    scopes = {"POST": Scope.ORDERS_WRITE}

    @act_schema(
        "quotes_withdraw",
        "Withdraw your request",
        "While the vendor has not answered. The quote is closed.",
        request=serializers.EndSerializer,
    )
    def post(self, request: Request, quote_id: uuid.UUID) -> Response:
        """Withdraw once."""
        return act_once(
            request, "quotes.withdraw", services.withdraw, rendered, body=serializers.EndSerializer, quote_id=quote_id
        )
