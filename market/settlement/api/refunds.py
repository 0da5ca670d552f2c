"""Refunds after capture over HTTP: an operator makes them, the vendor and auditors read them."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.states import Scope
from market.api.filters import NoFilters, filters_of
from market.api.idempotency import act_once
from market.api.openapi import IDEMPOTENCY_KEY, problems
from market.api.serializers import KeyField, StrictSerializer, TextField, WholeNumberField
from market.kernel.money import MAX_AMOUNT
from market.kernel.words import MAX_REASON
from market.settlement import selectors, services
from market.settlement.services.refunds import MAX_REFERENCE

REFUND = OpenApiExample(
    "refund",
    response_only=True,
    value={
        "id": "019b0a54-8888-7d3a-8f57-2b9d3c1e7a10",
        "order": "019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a10",
        "vendor": "019b0a54-2222-7d3a-8f57-2b9d3c1e7a10",
        "number": 1,
        "reference": "CASE-2027-018",
        "reason": "The files of March were those of February.",
        "amount": 4000,
        "net": 3574,
        "commission": 200,
        "vat": 226,
        "advanced": 0,
        "currency": "CNY",
        "refunded_at": "2027-03-04T02:31:00Z",
    },
)
WANTED = OpenApiExample(
    "a part",
    request_only=True,
    value={
        "order": "019b0a54-9c1e-7d3a-8f57-2b9d3c1e7a10",
        "amount": 4000,
        "reference": "CASE-2027-018",
        "reason": "The files of March were those of February.",
    },
)


class MakeRefundSerializer(StrictSerializer):
    """How much of an order's captured money goes back, and why."""

    order = KeyField(source="order_id")
    amount = WholeNumberField(
        required=False, min_value=1, max_value=MAX_AMOUNT, help_text="Fen; all that remains if left out."
    )
    reference = TextField(max_length=MAX_REFERENCE, help_text="Your own number of the case, once per order.")
    reason = TextField(max_length=MAX_REASON)


class RefundSerializer(serializers.Serializer):
    """One refund after capture. Amounts are fen."""

    id = serializers.UUIDField()
    order = serializers.UUIDField(source="order_id")
    vendor = serializers.UUIDField(source="vendor_org_id")
    number = serializers.IntegerField(help_text="Of the order's refunds.")
    reference = serializers.CharField()
    reason = serializers.CharField()
    amount = serializers.IntegerField()
    net = serializers.IntegerField(help_text="Taken back from the vendor.")
    commission = serializers.IntegerField()
    vat = serializers.IntegerField()
    advanced = serializers.IntegerField(help_text="Of the net: what the exchange advanced and the vendor owes.")
    currency = serializers.CharField()
    refunded_at = serializers.DateTimeField()


class Refunds(GenericAPIView):
    """The refunds you may see, and making one."""

    scopes = {"GET": Scope.SETTLEMENT_READ, "POST": Scope.SETTLEMENT_WRITE}
    serializer_class = RefundSerializer

    @extend_schema(
        operation_id="settlement_refunds_list",
        summary="List refunds after capture",
        description="A vendor's own, or everybody's for operators and auditors; newest first.",
        tags=["settlement"],
        responses={200: RefundSerializer(many=True), **problems(422)},
        examples=[REFUND],
    )
    def get(self, request: Request) -> Response:
        """A page of refunds."""
        filters_of(request, NoFilters)
        page = self.paginate_queryset(selectors.refunds_visible_to(request.auth.actor))
        return self.get_paginated_response(RefundSerializer(page, many=True).data)

    @extend_schema(
        operation_id="settlement_refunds_make",
        summary="Refund a captured order",
        description="For operators. The buyer's wallet gets the money at once; net, commission and VAT are taken back "
        "in the proportions captured. What the payable does not hold, the exchange advances: the vendor's next "
        "captures repay it.",
        tags=["settlement"],
        parameters=[IDEMPOTENCY_KEY],
        request=MakeRefundSerializer,
        responses={
            201: RefundSerializer,
            **problems(
                400,
                403,
                404,
                422,
                s409="More than `remains` (fen) of what was captured, a reference used before, or the same key is "
                "being worked on.",
            ),
        },
        examples=[WANTED, REFUND],
    )
    def post(self, request: Request) -> Response:
        """Make a refund once."""
        return act_once(
            request,
            "settlement.refunds.make",
            services.refund_captured,
            lambda refund, _reader: RefundSerializer(refund).data,
            body=MakeRefundSerializer,
            code=status.HTTP_201_CREATED,
        )
