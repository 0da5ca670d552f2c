"""Metered use as JSON: amounts in fen, times in UTC, days and months of the business zone."""

import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from market.api.serializers import DayField, KeyField, ProblemSerializer, StrictSerializer, TextField, WholeNumberField
from market.billing import selectors
from market.billing.entries import MAX_RECORD_ID, MAX_RECORDS
from market.billing.models import Meter, Statement
from market.billing.states import MeterState
from market.catalog.price_texts import reason_text
from market.catalog.pricing import MAX_UNITS, Line
from market.kernel import clock
from market.orders.api.serializers import OrderedProductSerializer, PartySerializer

UNIT_PRICE = "Price of a unit in 1/10,000 fen."


@extend_schema_field({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$", "example": "2027-03"})
class MonthField(serializers.Field):
    """A calendar month such as ``2027-03``; its value is the first day."""

    default_error_messages = {"invalid": _("Write a month as in 2027-03.")}

    def to_internal_value(self, data: Any) -> datetime.date:
        try:
            if not isinstance(data, str) or len(data) != len("2027-03"):
                raise ValueError
            return datetime.date.fromisoformat(f"{data}-01")
        except ValueError:
            self.fail("invalid")

    def to_representation(self, value: datetime.date) -> str:
        return f"{value:%Y-%m}"


class UsageEntrySerializer(StrictSerializer):
    """One use, or the taking back of one."""

    id = TextField(max_length=MAX_RECORD_ID, help_text="Your own name of the record, unique within the order.")
    units = WholeNumberField(
        min_value=1, max_value=MAX_UNITS, required=False, help_text="Units used; with `reverses` left out: all of them."
    )
    used_at = serializers.DateTimeField(required=False, help_text="With its offset; left out with `reverses`.")
    reverses = TextField(
        max_length=MAX_RECORD_ID, required=False, help_text="The id of the record that this one takes back, once."
    )


class UsageReportSerializer(StrictSerializer):
    """Up to 500 records."""

    records = UsageEntrySerializer(many=True, min_length=1, max_length=MAX_RECORDS)


class UsageOutcomeSerializer(serializers.Serializer):
    """What became of one record."""

    id = serializers.CharField(allow_null=True)
    result = serializers.ChoiceField(
        ["recorded", "duplicate", "refused"],
        help_text="`recorded` and `duplicate` are there for good; `refused` is not, and `problem` says why.",
    )
    drawn = serializers.IntegerField(allow_null=True, help_text="Fen that this record added to what the month costs.")
    problem = ProblemSerializer(allow_null=True)


class MeterDeadlineSerializer(serializers.Serializer):
    """What happens by itself next."""

    what = serializers.ChoiceField(["statement", "last_statement"])
    at = serializers.DateTimeField()


class MeterSerializer(serializers.Serializer):
    """Where metered use stands at this moment. Amounts are fen."""

    order = serializers.UUIDField(source="order_id")
    unit = serializers.CharField(source="order.offer.unit", help_text="What is counted.")
    state = serializers.ChoiceField(MeterState.choices, help_text="`stopped`: the prepayment is used up.")
    acts = serializers.SerializerMethodField(help_text="What you may do now: report, top_up, end.")
    month = MonthField(help_text="The open month.")
    units = serializers.IntegerField(help_text="Net units of the open month, with `carried`.")
    carried = serializers.IntegerField(help_text="Credit in units brought forward: zero or less.")
    records = serializers.IntegerField(help_text="Records in the open month.")
    drawn = serializers.IntegerField(help_text="What the open month costs so far.")
    charged = serializers.IntegerField(help_text="What closed months cost.")
    prepaid = serializers.IntegerField(help_text="Everything paid ahead.")
    left = serializers.IntegerField(help_text="Paid ahead and not used.")
    currency = serializers.CharField()
    top_ups = serializers.IntegerField()
    starts_at = serializers.DateTimeField(help_text="Use counts from then.")
    free_until = serializers.DateTimeField(help_text="Use costs nothing before: the end of the trial.")
    ends_at = serializers.DateTimeField(help_text="Use counts until then.")
    warned_at = serializers.DateTimeField(allow_null=True, help_text="80 % of the last prepayment were used then.")
    stopped_at = serializers.DateTimeField(allow_null=True)
    last_record_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    next_deadline = serializers.SerializerMethodField(help_text="What happens by itself next, or null.")

    def get_acts(self, meter: Meter) -> list[str]:
        """What the reader may do now."""
        return selectors.meter_acts(self.context["actor"], meter)

    @extend_schema_field(MeterDeadlineSerializer(allow_null=True))
    def get_next_deadline(self, meter: Meter) -> dict[str, Any] | None:
        """The next statement."""
        return selectors.meter_deadline(meter)


class UsageReportedSerializer(serializers.Serializer):
    """The outcome of a report, record by record in its order, and the meter after it."""

    recorded = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = UsageOutcomeSerializer(many=True)
    meter = MeterSerializer()


class ChargedLineSerializer(serializers.Serializer):
    """One line of how a month's amount comes about."""

    reason = serializers.ChoiceField(["use", "free_units", "tier", "volume_tier"])
    text = serializers.SerializerMethodField(help_text="The reason in words.")
    tier = serializers.IntegerField(help_text="Number of the tier from 1, else 0.")
    quantity = serializers.IntegerField()
    unit_price = serializers.IntegerField(help_text=UNIT_PRICE)
    flat = serializers.IntegerField(help_text="Fen charged once.")

    def get_text(self, line: Line) -> str:
        """In the language of the request."""
        return reason_text(line)


class UsageDaySerializer(serializers.Serializer):
    """Sums of one day of use."""

    day = serializers.DateField()
    units = serializers.IntegerField()
    records = serializers.IntegerField()
    drawn = serializers.IntegerField()


class UsageMonthSerializer(serializers.Serializer):
    """One month: closed with a statement, or open."""

    month = MonthField()
    units = serializers.IntegerField()
    amount = serializers.IntegerField(help_text="Fen; of the open month so far.")
    statement = serializers.UUIDField(allow_null=True, help_text="Null: the month is open.")


class UsageSeriesSerializer(serializers.Serializer):
    """The days once more as parallel lists, ready for a chart."""

    labels = serializers.ListField(child=serializers.DateField())
    units = serializers.ListField(child=serializers.IntegerField())
    drawn = serializers.ListField(child=serializers.IntegerField())


class UsageSerializer(MeterSerializer):
    """A look at metered use: where it stands, by month and by day."""

    lines = ChargedLineSerializer(many=True, help_text="How what the open month costs comes about.")
    is_capped = serializers.BooleanField(help_text="The open month costs no more, however much is used.")
    months = UsageMonthSerializer(many=True)
    days = UsageDaySerializer(many=True)
    series = UsageSeriesSerializer()


class UsageQuery(StrictSerializer):
    """Which days to look at; the last 31 by default."""

    used_from = DayField(required=False, help_text="First business day (Asia/Shanghai), included.")
    used_until = DayField(required=False, help_text="Last business day, included; today by default.")

    def to_internal_value(self, data: Any) -> dict[str, datetime.date]:
        given = super().to_internal_value(data)
        last = given.get("used_until", clock.business_date())
        return {"used_from": last - datetime.timedelta(days=30), "used_until": last} | given


class UsageRecordFilters(StrictSerializer):
    """What a list of records can be narrowed by."""

    record = TextField(max_length=MAX_RECORD_ID, required=False, help_text="The vendor's id of one record.")
    month = MonthField(required=False, help_text="The statement's month, as in 2027-03.")
    used_from = DayField(required=False, help_text="First business day of use (Asia/Shanghai), included.")
    used_until = DayField(required=False, help_text="Last business day of use, included.")


class UsageRecordSerializer(serializers.Serializer):
    """One record as it counts."""

    key = serializers.UUIDField(source="id", help_text="The exchange's own key of the record.")
    id = serializers.CharField(source="record_id")
    units = serializers.IntegerField(help_text="Below zero: taken back.")
    used_at = serializers.DateTimeField()
    month = MonthField(help_text="The month it is billed in.")
    is_trial = serializers.BooleanField()
    drawn = serializers.IntegerField(help_text="Fen that it added to what the month costs.")
    currency = serializers.CharField()
    reverses = serializers.CharField(source="reverses.record_id", default=None, allow_null=True)
    reversed_by = serializers.CharField(allow_null=True, help_text="The record that took this one back.")
    recorded_at = serializers.DateTimeField()


class StatementFilters(StrictSerializer):
    """What a list of statements can be narrowed by."""

    order = KeyField(required=False)
    month = MonthField(required=False, help_text="As in 2027-03.")


class MeteredOrderSerializer(serializers.Serializer):
    """The order of a statement."""

    id = serializers.UUIDField()
    number = serializers.CharField()


class StatementSerializer(serializers.Serializer):
    """A closed month of metered use. Amounts are fen."""

    id = serializers.UUIDField()
    order = MeteredOrderSerializer()
    buyer = PartySerializer(source="buyer_org")
    vendor = PartySerializer(source="vendor_org")
    product = OrderedProductSerializer(source="order.product")
    month = MonthField()
    unit = serializers.CharField()
    units = serializers.IntegerField(help_text="Net of what was taken back, with `carried`.")
    carried = serializers.IntegerField(help_text="Credit in units brought forward: zero or less.")
    free_units = serializers.IntegerField()
    records = serializers.IntegerField()
    amount = serializers.IntegerField()
    currency = serializers.CharField()
    is_capped = serializers.BooleanField()
    is_final = serializers.BooleanField(help_text="The contract's last; what was left of the prepayment went back.")
    closed_at = serializers.DateTimeField()


class StatementDetailSerializer(StatementSerializer):
    """One statement with how its amount comes about."""

    lines = serializers.SerializerMethodField()

    @extend_schema_field(ChargedLineSerializer(many=True))
    def get_lines(self, statement: Statement) -> list[dict[str, Any]]:
        """The lines as they were frozen, their reasons in words."""
        return ChargedLineSerializer([Line(**line) for line in statement.lines], many=True).data
