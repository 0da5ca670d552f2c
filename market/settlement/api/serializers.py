"""What the settlement API gives. Amounts are fen."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.states import TaxpayerType
from market.api.serializers import DayField, KeyField, StrictSerializer
from market.catalog.states import Sector
from market.kernel import clock
from market.settlement.models import FeeSchedule, Payout
from market.settlement.models.fees import CommissionScale
from market.settlement.states import PAYOUT_MOVES, PayoutHold, PayoutState


class BatchFilters(StrictSerializer):
    """What a list of batches can be narrowed by."""

    vendor = KeyField(required=False)
    cutoff = DayField(required=False, help_text="Captured before this day (Asia/Shanghai).")


class PayoutFilters(StrictSerializer):
    """What a list of payouts can be narrowed by."""

    vendor = KeyField(required=False)
    batch = KeyField(required=False)
    state = serializers.ChoiceField(PayoutState.choices, required=False)


class PayeeSerializer(serializers.Serializer):
    """Who is paid."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class PayoutSerializer(serializers.Serializer):
    """One payment of a batch. A payment that bounced is followed by another with a reference of its own."""

    id = serializers.UUIDField()
    reference = serializers.CharField(help_text="What the bank statement shows.")
    batch = serializers.UUIDField(source="batch_id")
    vendor = PayeeSerializer(source="vendor_org")
    amount = serializers.IntegerField(help_text="Fen.")
    currency = serializers.CharField()
    state = serializers.ChoiceField(PayoutState.choices)
    legal_moves = serializers.SerializerMethodField(help_text="States that may follow.")
    hold = serializers.ChoiceField([("", ""), *PayoutHold.choices], help_text="Why it is still pending.")
    bank_account = serializers.CharField(
        source="shown_bank_account", help_text="Where it was sent; only the last four characters are shown."
    )
    bank_code = serializers.CharField(
        help_text="The bank it was sent to: its CNAPS code or, for an IBAN, its BIC; empty when none was on file."
    )
    sent_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True, help_text="Confirmed or returned by the bank.")
    bounce_reason = serializers.CharField()
    created_at = serializers.DateTimeField()

    def get_legal_moves(self, payout: Payout) -> list[str]:
        """The states that may follow."""
        return PAYOUT_MOVES.legal_moves(payout.state)


class BatchPayoutSerializer(serializers.Serializer):
    """A payment as its batch shows it."""

    id = serializers.UUIDField()
    reference = serializers.CharField()
    amount = serializers.IntegerField(help_text="Fen.")
    currency = serializers.CharField()
    state = serializers.ChoiceField(PayoutState.choices)
    hold = serializers.ChoiceField([("", ""), *PayoutHold.choices], help_text="Why it is still pending.")


class BatchSerializer(serializers.Serializer):
    """Everything captured for one vendor before one cutoff: ``gross`` is ``net`` + ``commission`` + ``vat``."""

    id = serializers.UUIDField()
    vendor = PayeeSerializer(source="vendor_org")
    cutoff = serializers.DateTimeField(help_text="What was captured before this moment.")
    order_count = serializers.IntegerField()
    gross = serializers.IntegerField()
    net = serializers.IntegerField(help_text="What the vendor has earned by these captures.")
    carried = serializers.IntegerField(
        help_text="What earlier batches left to pay, less what refunds took back; the payout is `net` + `carried`."
    )
    commission = serializers.IntegerField()
    vat = serializers.IntegerField()
    currency = serializers.CharField()
    payouts = BatchPayoutSerializer(many=True)
    created_at = serializers.DateTimeField()


class LineOrderSerializer(serializers.Serializer):
    """The order that a line is about."""

    id = serializers.UUIDField()
    number = serializers.CharField()


class LineSerializer(serializers.Serializer):
    """One captured charge in a batch, and what divided its money."""

    id = serializers.UUIDField()
    order = LineOrderSerializer(source="capture.order")
    part = serializers.CharField(
        source="capture.charge.part", help_text="`whole`, or which part of an order that is charged in parts."
    )
    gross = serializers.IntegerField(source="capture.gross")
    net = serializers.IntegerField(source="capture.net")
    commission = serializers.IntegerField(source="capture.commission")
    vat = serializers.IntegerField(source="capture.vat")
    currency = serializers.CharField(source="capture.currency")
    fee_schedule_version = serializers.IntegerField(source="capture.schedule.version")
    taxpayer_type = serializers.ChoiceField(TaxpayerType.choices, source="capture.taxpayer_type")
    sector = serializers.ChoiceField(Sector.choices, source="capture.sector")
    volume_before = serializers.IntegerField(
        source="capture.volume_before", help_text="Fen captured for the vendor in that month before it."
    )
    captured_at = serializers.DateTimeField(source="capture.captured_at")


class LinePageSerializer(serializers.Serializer):
    """A page of lines; ``next`` and ``previous`` are this batch's address with a cursor."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = LineSerializer(many=True)


class BatchDetailSerializer(BatchSerializer):
    """One batch with a page of its lines."""

    lines = LinePageSerializer()


class CommissionTierSerializer(serializers.Serializer):
    """Commission of what a vendor sells in a month beyond an amount."""

    from_volume = serializers.IntegerField(help_text="Fen captured in the calendar month (Asia/Shanghai), gross.")
    commission_bps = serializers.IntegerField()


class CommissionScaleSerializer(serializers.Serializer):
    """Commission in basis points: of the first fen of a month, and from each tier on; each fen pays its own tier's."""

    commission_bps = serializers.IntegerField()
    tiers = serializers.SerializerMethodField()

    @extend_schema_field(CommissionTierSerializer(many=True))
    def get_tiers(self, scale: CommissionScale) -> list[dict[str, int]]:
        """The tiers, rising."""
        return [{"from_volume": volume, "commission_bps": bps} for volume, bps in scale.tiers]


class SpecialRateSerializer(CommissionScaleSerializer):
    """Another scale for all products of a sector of GB/T 4754, or for one vendor, which goes before."""

    vendor = PayeeSerializer(source="vendor_org", allow_null=True)
    sector = serializers.ChoiceField([("", ""), *Sector.choices])


class FeeScheduleSerializer(CommissionScaleSerializer):
    """Fees in basis points: commission of the order's amount, VAT of the amount without VAT, which includes it."""

    id = serializers.UUIDField()
    version = serializers.IntegerField(allow_null=True, help_text="None while it is a draft of the exchange's.")
    special_rates = SpecialRateSerializer(source="overrides", many=True)
    vat_general_bps = serializers.IntegerField(help_text="For vendors that are general taxpayers.")
    vat_small_scale_bps = serializers.IntegerField(help_text="For vendors that are small-scale taxpayers.")
    effective_from = serializers.DateTimeField(allow_null=True)
    has_begun = serializers.SerializerMethodField(help_text="Of those that have begun, the last one is in force.")
    created_at = serializers.DateTimeField()

    def get_has_begun(self, schedule: FeeSchedule) -> bool:
        """Whether its day has come."""
        return schedule.effective_from is not None and schedule.effective_from <= clock.now()
