"""What an order would cost, VAT included. It stands here because only this room knows prices and tax rates both."""

import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.openapi import problems
from market.api.serializers import DayField, KeyField, StrictSerializer, WholeNumberField
from market.catalog.api.serializers import PriceSerializer
from market.catalog.price_texts import reason_text, sentences, unit_price_text
from market.catalog.pricing import MAX_UNITS, Calculation, Line, round_to_fen
from market.kernel import clock
from market.orders.services.placing import MAX_QUANTITY
from market.settlement.previews import Preview, preview

FURTHEST = datetime.timedelta(days=366)


class PreviewRequestSerializer(StrictSerializer):
    """What would be ordered."""

    offer = KeyField(source="offer_id")
    quantity = WholeNumberField(min_value=1, max_value=MAX_QUANTITY, default=1)
    monthly_use = WholeNumberField(
        min_value=0,
        max_value=MAX_UNITS,
        allow_null=True,
        default=None,
        help_text="Units you expect to use in a month; metered offers only.",
    )
    starts_on = DayField(allow_null=True, default=None, help_text="The day of the order; today when left out.")

    def validate_starts_on(self, day: datetime.date | None) -> datetime.date:
        """Today or a day within a year (Asia/Shanghai)."""
        today = clock.business_date()
        if day is None:
            return today
        if not today <= day <= today + FURTHEST:
            raise serializers.ValidationError(_("From today to a year from now."))
        return day


class PriceLineSerializer(serializers.Serializer):
    """One line. Lines are summed exactly (`exact_yuan`), and the sum is rounded once."""

    reason = serializers.CharField(help_text="price, prepayment, use, free_units, tier or volume_tier.")
    text = serializers.SerializerMethodField(help_text="The reason in the language you accept.")
    tier = serializers.IntegerField(help_text="Number of the tier from 1, or 0.")
    quantity = serializers.IntegerField()
    unit_price = serializers.IntegerField(help_text="In 1/10,000 fen.")
    flat = serializers.IntegerField(help_text="Entry fee of the tier in fen.")
    amount = serializers.SerializerMethodField(help_text="Fen, rounded half up.")
    exact_yuan = serializers.SerializerMethodField(help_text="The same, not rounded.")

    def get_text(self, line: Line) -> str:
        """Why it is charged."""
        return reason_text(line)

    def get_amount(self, line: Line) -> int:
        """Rounded for this line alone."""
        return round_to_fen(line.amount)

    def get_exact_yuan(self, line: Line) -> str:
        """To the millionth of a yuan."""
        return unit_price_text(line.amount)


class CalculationSerializer(serializers.Serializer):
    """How an amount comes about."""

    lines = PriceLineSerializer(many=True)
    total = serializers.IntegerField(help_text="Fen.")


class MonthSerializer(CalculationSerializer):
    """What a month of the expected use costs."""

    units = serializers.IntegerField()
    is_capped = serializers.BooleanField(help_text="Whether the monthly cap lowered the total.")


class PaymentSerializer(serializers.Serializer):
    """One payment."""

    number = serializers.IntegerField()
    due_on = serializers.DateField()
    amount = serializers.IntegerField(help_text="Fen.")


class VatSerializer(serializers.Serializer):
    """The VAT contained in `total`, at the rate of the vendor's taxpayer type in force today."""

    amount = serializers.IntegerField(help_text="Fen.")
    rate_bps = serializers.IntegerField(help_text="Of the price without VAT, in 1/100 of a per cent.")
    taxpayer_type = serializers.CharField()


class TermSerializer(serializers.Serializer):
    """The paid days; a trial lies before them."""

    starts_on = serializers.DateField()
    ends_before = serializers.DateField()


class PreviewSerializer(CalculationSerializer):
    """What the order would cost."""

    offer = serializers.UUIDField()
    quantity = serializers.IntegerField()
    starts_on = serializers.DateField()
    currency = serializers.CharField()
    price = PriceSerializer()
    sentence = serializers.DictField(child=serializers.CharField())
    due_now = serializers.IntegerField(help_text="Fen that the order puts into escrow.")
    payments = PaymentSerializer(many=True)
    term = TermSerializer(allow_null=True)
    vat = VatSerializer(allow_null=True, help_text="None while the exchange has no tax rates.")
    month = MonthSerializer(allow_null=True, help_text="Metered offers with `monthly_use` only.")
    needs_purpose_approval = serializers.BooleanField()


def calculated(calculation: Calculation) -> dict[str, Any]:
    return {"lines": calculation.lines, "total": calculation.total, "is_capped": calculation.is_capped}


def rendered(found: Preview, quantity: int, starts_on: datetime.date, units: int | None) -> dict[str, Any]:
    """The preview as JSON."""
    bargain, offer = found.bargain, found.offer
    payments = bargain.plan or (
        [{"number": 1, "due_on": starts_on, "amount": bargain.due_now}] if bargain.due_now else []
    )
    body = calculated(bargain.price) | {
        "offer": offer.id,
        "quantity": quantity,
        "starts_on": starts_on,
        "currency": offer.currency,
        "price": offer,
        "sentence": sentences(offer),
        "due_now": bargain.due_now,
        "payments": payments,
        "term": {"starts_on": bargain.term[0], "ends_before": bargain.term[1]} if bargain.term else None,
        "vat": found.vat,
        "month": calculated(found.month) | {"units": units} if found.month else None,
        "needs_purpose_approval": offer.product.needs_purpose_approval,
    }
    return PreviewSerializer(body).data


EXAMPLES = [
    OpenApiExample(
        "a subscription",
        request_only=True,
        value={"offer": "0192f3c4-1b2c-7d3e-8f40-516273849506", "quantity": 2, "starts_on": "2027-01-17"},
    ),
    OpenApiExample(
        "metered use",
        request_only=True,
        value={"offer": "0192f3c4-1b2c-7d3e-8f40-516273849507", "monthly_use": 250000},
    ),
]


class QuotePreview(APIView):
    """A question, not an act: nothing is kept, nothing is promised."""

    scopes = {"POST": Scope.CATALOG_READ}

    @extend_schema(
        operation_id="quotes_preview",
        summary="Preview a price",
        description="Line by line what an order under an offer would cost and why: the total with the VAT it contains, "
        "what is due at once, every later payment with its day, and what a month of the expected use comes to. "
        "Prices include VAT. Nothing is kept.",
        tags=["quotes"],
        request=PreviewRequestSerializer,
        responses={
            200: PreviewSerializer,
            **problems(
                400, 404, 413, 422, s409="The offer was withdrawn, has run out, or its product is not for sale."
            ),
        },
        examples=EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        """Calculate."""
        wanted = PreviewRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = wanted.validated_data
        found = preview(actor=request.auth.actor, **given)
        return Response(rendered(found, given["quantity"], given["starts_on"], given["monthly_use"]))
