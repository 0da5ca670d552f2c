"""What the settlement API gives. Amounts are fen."""

from rest_framework import serializers

from accounts.states import TaxpayerType
from market.api.serializers import DayField, KeyField, StrictSerializer
from market.kernel import clock
from market.settlement.models import FeeSchedule, Payout
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
    captured_at = serializers.DateTimeField(source="capture.captured_at")


class LinePageSerializer(serializers.Serializer):
    """A page of lines; ``next`` and ``previous`` are this batch's address with a cursor."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = LineSerializer(many=True)


class BatchDetailSerializer(BatchSerializer):
    """One batch with a page of its lines."""

    lines = LinePageSerializer()


class FeeScheduleSerializer(serializers.Serializer):
    """Fees in basis points: commission of the order's amount, VAT of the amount without VAT, which includes it."""

    id = serializers.UUIDField()
    version = serializers.IntegerField()
    commission_bps = serializers.IntegerField()
    vat_general_bps = serializers.IntegerField(help_text="For vendors that are general taxpayers.")
    vat_small_scale_bps = serializers.IntegerField(help_text="For vendors that are small-scale taxpayers.")
    effective_from = serializers.DateTimeField()
    has_begun = serializers.SerializerMethodField(help_text="Of those that have begun, the last one is in force.")
    created_at = serializers.DateTimeField()

    def get_has_begun(self, schedule: FeeSchedule) -> bool:
        """Whether its day has come."""
        return schedule.effective_from <= clock.now()
