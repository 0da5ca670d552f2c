"""Spending limits over HTTP, and deciding about orders beyond them."""

import uuid

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.openapi import problems
from market.api.serializers import KeyField, StrictSerializer, WholeNumberField
from market.kernel.money import MAX_AMOUNT
from market.orders import services
from market.orders.api.views import TAGS, OrderAct, act_schema
from market.orders.limits import limits_of


class SetLimitSerializer(StrictSerializer):
    """A limit to set."""

    membership = KeyField(
        source="membership_id", allow_null=True, help_text="One member; null: each purchaser without a limit."
    )
    amount = WholeNumberField(min_value=0, max_value=MAX_AMOUNT, help_text="Fen a calendar month (Asia/Shanghai).")


class SpendingLimitSerializer(serializers.Serializer):
    """A limit in force; ``amount`` in fen."""

    id = serializers.UUIDField()
    membership = serializers.UUIDField(source="membership_id", allow_null=True)
    amount = serializers.IntegerField()
    currency = serializers.CharField()


LIMIT_EXAMPLE = OpenApiExample(
    "everybody",
    response_only=True,
    value={
        "id": "019b0a54-1111-7d3a-8f57-2b9d3c1e7a10",
        "membership": None,
        "amount": 5_000_000,
        "currency": "CNY",
    },
)


class SpendingLimits(GenericAPIView):
    """Your organisation's limits, and setting one."""

    scopes = {"GET": Scope.ORDERS_READ, "PUT": Scope.ORDERS_APPROVE}
    serializer_class = SpendingLimitSerializer

    @extend_schema(
        operation_id="spending_limits_list",
        summary="List spending limits",
        description="What a purchaser of your organisation may order in a month before finance is asked.",
        tags=TAGS,
        responses={200: SpendingLimitSerializer(many=True), **problems(422)},
        examples=[LIMIT_EXAMPLE],
    )
    def get(self, request: Request) -> Response:
        """A page of limits."""
        page = self.paginate_queryset(limits_of(request.auth.actor))
        return self.get_paginated_response(SpendingLimitSerializer(page, many=True).data)

    @extend_schema(
        operation_id="spending_limits_set",
        summary="Set a spending limit",
        description="For one member, or with null for each purchaser without a limit of their own; by owner or "
        "finance. An order beyond it waits in `awaiting_approval` for somebody else of owner or finance.",
        tags=TAGS,
        request=SetLimitSerializer,
        responses={200: SpendingLimitSerializer, **problems(404, 422)},
        examples=[LIMIT_EXAMPLE],
    )
    def put(self, request: Request) -> Response:
        """Set or change it."""
        wanted = SetLimitSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        limit = services.set_limit(actor=request.auth.actor, **wanted.validated_data)
        return Response(SpendingLimitSerializer(limit).data)


class SpendingLimitDetail(APIView):
    """One limit."""

    scopes = {"DELETE": Scope.ORDERS_APPROVE}

    @extend_schema(
        operation_id="spending_limits_remove",
        summary="Remove a spending limit",
        tags=TAGS,
        responses={204: None, **problems(404)},
    )
    def delete(self, request: Request, limit_id: uuid.UUID) -> Response:
        """End it."""
        services.remove_limit(actor=request.auth.actor, limit_id=limit_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ApproveOrder(OrderAct):
    """Approval of an order beyond a limit."""

    scopes = {"POST": Scope.ORDERS_APPROVE}
    operation = "orders.approve"
    perform = staticmethod(services.approve)

    @act_schema(
        "orders_approve",
        "Approve an order beyond a spending limit",
        "By owner or finance, and not by who placed it. It is paid, or waits for funds when that was asked for.",
    )
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """Approve once."""
        return self.respond(request, order_id)


class DeclineOrder(OrderAct):
    """The end of an order beyond a limit."""

    scopes = {"POST": Scope.ORDERS_APPROVE}
    operation = "orders.decline"
    perform = staticmethod(services.decline)

    @act_schema("orders_decline", "Decline an order beyond a spending limit", "It is cancelled; no money had moved.")
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        """Decline once."""
        return self.respond(request, order_id)
