"""Online payments over HTTP: buyers start and read them, providers say what was paid."""

import uuid
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.errors import BodyTooLarge
from market.api.filters import filters_of
from market.api.idempotency import act_once
from market.api.openapi import IDEMPOTENCY_KEY, problems
from market.banking import selectors, services
from market.banking.api import serializers

TAGS = ["payments"]
PAYMENT = {
    "id": "019b0a54-aaaa-7d3a-8f57-2b9d3c1e7a10",
    "buyer": "019b0a54-2222-7d3a-8f57-2b9d3c1e7a10",
    "provider": "stripe",
    "reference": "QSP20261123K7MP3XQ4GAB2C",
    "amount": 500000,
    "currency": "CNY",
    "state": "open",
    "started_at": "2026-11-23T02:31:00Z",
    "expires_at": "2026-11-23T03:31:00Z",
    "paid_at": None,
}
STARTED = PAYMENT | {"pay_url": "https://checkout.stripe.com/c/pay/cs_live_a1b2"}


class Payments(GenericAPIView):
    """The online payments of the buyer, and starting one."""

    scopes = {"GET": Scope.LEDGER_READ, "POST": Scope.PAYMENTS_WRITE}
    serializer_class = serializers.OnlinePaymentSerializer

    @extend_schema(
        operation_id="payments_list",
        summary="List online payments",
        description="Those that your organisation has started, or all for operators and auditors; newest first.",
        tags=TAGS,
        parameters=[serializers.PaymentFilters],
        responses={200: serializers.OnlinePaymentSerializer(many=True), **problems(400, 422)},
        examples=[OpenApiExample("a payment", PAYMENT, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """A page of payments."""
        filters = filters_of(request, serializers.PaymentFilters)
        page = self.paginate_queryset(selectors.payment_intents_visible_to(request.auth.actor).filter(**filters))
        return self.get_paginated_response(serializers.OnlinePaymentSerializer(page, many=True).data)

    @extend_schema(
        operation_id="payments_start",
        summary="Pay into the wallet online",
        description="Open `pay_url` in a browser and pay there. When the provider has told the exchange, the state is "
        "`paid`, the money is in the wallet and orders that wait for it go on. Repeated with its key, the answer has "
        "the same `pay_url` as long as the payment can be begun.",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.StartPaymentSerializer,
        responses={
            201: serializers.StartedPaymentSerializer,
            **problems(
                400,
                422,
                s404="Online payment is not offered here, or not by this provider.",
                s409="The same key is being worked on.",
                s503="The provider cannot be reached: repeat the request with the same key.",
            ),
        },
        examples=[
            OpenApiExample("5,000.00 yuan", {"amount": 500000}, request_only=True),
            OpenApiExample("started", STARTED, response_only=True, status_codes=["201"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Start a payment once; the provider is asked after the commit."""
        answer = act_once(
            request,
            "payments.start",
            services.start_payment,
            lambda intent, _reader: serializers.OnlinePaymentSerializer(intent).data,
            body=serializers.StartPaymentSerializer,
            code=status.HTTP_201_CREATED,
        )
        pay_url = services.checkout_address(actor=request.auth.actor, intent_id=uuid.UUID(answer.data["id"]))
        answer.data = answer.data | {"pay_url": pay_url}
        return answer


class PaymentDetail(APIView):
    """One online payment."""

    scopes = {"GET": Scope.LEDGER_READ}

    @extend_schema(
        operation_id="payments_get",
        summary="Get an online payment",
        description="Ask until the state is `paid`: the provider tells the exchange, not the browser.",
        tags=TAGS,
        responses={200: serializers.OnlinePaymentSerializer, **problems(404)},
        examples=[OpenApiExample("a payment", PAYMENT, response_only=True)],
    )
    def get(self, request: Request, payment_id: uuid.UUID) -> Response:
        """How it stands."""
        intent = selectors.payment_intent_visible_to(request.auth.actor, payment_id)
        return Response(serializers.OnlinePaymentSerializer(intent).data)


class SignedBytes(BaseParser):
    """The body as it came: what was signed is its bytes. At most ``API_MAX_JSON_BYTES``."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> bytes:
        limit = settings.API_MAX_JSON_BYTES
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge(_("Send at most %(limit)d bytes.") % {"limit": limit}, limit=limit)
        return body


class Notifications(APIView):
    """Where a payment provider says what was paid: its signature is the credential."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    parser_classes = (SignedBytes,)

    @extend_schema(
        operation_id="payments_notify",
        summary="Notification of a payment provider",
        description="For providers only, in their own form and signed by them. 204 says that it has been taken, the "
        "first time and every other; whoever gets anything else sends it again later.",
        tags=TAGS,
        auth=[],
        request={"application/json": dict},
        responses={
            204: None,
            **problems(
                413,
                s400="The signature is wrong, the notification is old, or it is about another account.",
                s404="No such provider is configured.",
            ),
        },
    )
    def post(self, request: Request, provider: str) -> Response:
        """Take what is genuine."""
        body = request.data if isinstance(request.data, bytes) else b""
        services.take_notification(name=provider, body=body, headers=request.headers)
        return Response(status=status.HTTP_204_NO_CONTENT)
