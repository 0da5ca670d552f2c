"""What statements look like over HTTP. Amounts are fen."""

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from market.documents.selectors.statements import Line, Statement
from market.documents.writers import FORMS
from market.ledger.api.serializers import AccountHolderSerializer
from market.ledger.states import AccountKind, TransferKind


class SalesSerializer(serializers.Serializer):
    """Of a vendor's payable: what was captured in the period, and what of it is not the vendor's."""

    gross = serializers.IntegerField(source="sold")
    commission = serializers.IntegerField()
    vat = serializers.IntegerField()


class AccountStatementSerializer(serializers.Serializer):
    """An account over a period: `opening + credited - debited = closing`."""

    account = serializers.UUIDField(source="account.id")
    organization = AccountHolderSerializer(source="account.organization")
    kind = serializers.ChoiceField(AccountKind.choices, source="account.kind")
    currency = serializers.CharField(source="account.currency")
    date_from = serializers.DateField(source="period.first")
    date_until = serializers.DateField(source="period.last")
    is_over = serializers.BooleanField(
        source="period.is_over", help_text="False while the last day has not ended: the figures will change."
    )
    opening = serializers.IntegerField(help_text="What was there when the first day began.")
    credited = serializers.IntegerField(help_text="What came in.")
    debited = serializers.IntegerField(help_text="What went out.")
    closing = serializers.IntegerField(help_text="What was there when the last day ended, by the kept balance.")
    adds_up = serializers.BooleanField(help_text="Whether the movements lead from opening to closing.")
    line_count = serializers.IntegerField(source="lines")
    sales = SalesSerializer(source="*")
    lines = serializers.SerializerMethodField(help_text="Address of the movements.")
    files = serializers.SerializerMethodField(help_text="Addresses of the same as files, by their kind.")

    @extend_schema_field(serializers.CharField())
    def get_lines(self, statement: Statement) -> str:
        """The movements, of the same period."""
        return reverse("account-statement-lines", args=[statement.account.id]) + _query(statement)

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_files(self, statement: Statement) -> dict[str, str]:
        """The files, of the same period."""
        return {
            form: reverse(f"account-statement-{form}", args=[statement.account.id]) + _query(statement)
            for form in FORMS
        }


def _query(statement: Statement) -> str:
    return f"?date_from={statement.period.first}&date_until={statement.period.last}"


class DivisionSerializer(serializers.Serializer):
    """How the sale was divided of which this is the vendor's part."""

    gross = serializers.IntegerField()
    commission = serializers.IntegerField()
    vat = serializers.IntegerField()


class StatementLineSerializer(serializers.Serializer):
    """One movement of money."""

    id = serializers.UUIDField(help_text="Of the transfer.")
    posted_at = serializers.DateTimeField()
    act = serializers.ChoiceField(TransferKind.choices, source="kind")
    amount = serializers.IntegerField(source="change", help_text="More than 0: it came in; less: it went out.")
    balance = serializers.IntegerField(help_text="What was there after it.")
    reference = serializers.CharField(help_text="The order's number, the payout's or the bank's reference.")
    counterparty = serializers.CharField(help_text="The other party of the order, or whoever holds the other account.")
    other_account = serializers.CharField(help_text="The kind of the account on the other side.")
    subject_type = serializers.CharField()
    subject_id = serializers.UUIDField()
    sale = serializers.SerializerMethodField()

    @extend_schema_field(DivisionSerializer(allow_null=True))
    def get_sale(self, line: Line) -> dict[str, int] | None:
        """Null unless it is what was captured for a vendor."""
        if line.gross is None:
            return None
        return {"gross": line.gross, "commission": line.commission, "vat": line.vat}


class LinesPageSerializer(serializers.Serializer):
    """A page of movements, oldest first."""

    next = serializers.CharField(allow_null=True, help_text="Address of the page that follows.")
    results = StatementLineSerializer(many=True)
