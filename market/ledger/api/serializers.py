"""What the ledger API takes and gives. Amounts are fen."""

from rest_framework import serializers

from market.api.serializers import DayField, KeyField, StrictSerializer
from market.ledger.states import AccountKind, TransferKind


class BalanceFilters(StrictSerializer):
    """What a list of balances can be narrowed by."""

    kind = serializers.ChoiceField(AccountKind.choices, required=False)
    organization = KeyField(required=False)


class TransferFilters(StrictSerializer):
    """What a list of transfers can be narrowed by."""

    kind = serializers.ChoiceField(TransferKind.choices, required=False)
    subject = KeyField(required=False, help_text="What the money moved for, such as an order.")
    account = KeyField(required=False, help_text="The account on either side.")
    posted_from = DayField(required=False, help_text="First business day (Asia/Shanghai), included.")
    posted_until = DayField(required=False, help_text="Last business day (Asia/Shanghai), included.")


class AccountHolderSerializer(serializers.Serializer):
    """Whose trade the account is about."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class BalanceSerializer(serializers.Serializer):
    """An account and what is in it."""

    account = serializers.UUIDField(source="id")
    organization = AccountHolderSerializer()
    kind = serializers.ChoiceField(AccountKind.choices)
    amount = serializers.IntegerField(help_text="Fen.")
    currency = serializers.CharField()
    remittance_code = serializers.CharField(
        allow_null=True, help_text="Of a wallet: write it on a bank payment, and the money arrives there by itself."
    )


class SideSerializer(serializers.Serializer):
    """One side of a transfer."""

    account = serializers.UUIDField(source="id")
    organization = serializers.UUIDField(source="organization_id")
    kind = serializers.ChoiceField(AccountKind.choices)


class TransferSerializer(serializers.Serializer):
    """One movement of money."""

    id = serializers.UUIDField()
    tx_id = serializers.UUIDField(help_text="Shared by the legs of one act.")
    kind = serializers.ChoiceField(TransferKind.choices)
    amount = serializers.IntegerField(help_text="Fen, more than 0.")
    currency = serializers.CharField()
    debit = SideSerializer(source="debit_account", help_text="Where the money left.")
    credit = SideSerializer(source="credit_account", help_text="Where it arrived.")
    subject_type = serializers.CharField()
    subject_id = serializers.UUIDField()
    business_key = serializers.CharField(help_text="No two transfers share one.")
    posted_at = serializers.DateTimeField()
