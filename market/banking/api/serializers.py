"""What online payments look like over HTTP. Amounts are fen."""

from rest_framework import serializers

from market.api.serializers import StrictSerializer, TextField, WholeNumberField
from market.banking.states import IntentState
from market.kernel.money import MAX_AMOUNT


class StartPaymentSerializer(StrictSerializer):
    """How much a buyer wants to pay into its wallet, and by whom."""

    amount = WholeNumberField(min_value=1, max_value=MAX_AMOUNT, help_text="Fen.")
    provider = TextField(
        source="provider_name",
        required=False,
        max_length=16,
        help_text="Such as `stripe`; the exchange's first, if left out.",
    )


class PaymentFilters(StrictSerializer):
    """What a list of online payments can be narrowed by."""

    state = serializers.ChoiceField(IntentState.choices, required=False)


class OnlinePaymentSerializer(serializers.Serializer):
    """A payment that a buyer has started."""

    id = serializers.UUIDField()
    buyer = serializers.UUIDField(source="buyer_org_id")
    provider = serializers.CharField()
    reference = serializers.CharField(help_text="Ours; the provider's notification names it.")
    amount = serializers.IntegerField(help_text="Fen.")
    currency = serializers.CharField()
    state = serializers.ChoiceField(IntentState.choices)
    started_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="Until then the payment can be begun.")
    paid_at = serializers.DateTimeField(allow_null=True)


class StartedPaymentSerializer(OnlinePaymentSerializer):
    """The payment and where to pay it."""

    pay_url = serializers.CharField(help_text="Open it in the buyer's browser; empty when it can be begun no more.")
