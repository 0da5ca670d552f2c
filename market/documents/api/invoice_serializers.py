"""What the invoices API takes and gives. Amounts are fen."""

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from market.api.serializers import KeyField, StrictSerializer, TextField
from market.documents.models import TaxDocument
from market.documents.services.invoicing import MAX_ORDERS, MAX_TITLE
from market.documents.states import Colour, InvoiceKind, InvoiceState
from market.ledger.api.serializers import AccountHolderSerializer


class ProfileRequestSerializer(StrictSerializer):
    """What invoices are to be made out to."""

    title = TextField(max_length=MAX_TITLE)
    tax_number = TextField(max_length=18, help_text="Unified Social Credit Code, 18 characters.")


class ProfileSerializer(serializers.Serializer):
    """What invoices are made out to."""

    title = serializers.CharField()
    tax_number = serializers.CharField()
    updated_at = serializers.DateTimeField()


class InvoiceRequestSerializer(StrictSerializer):
    """Which orders, all of one vendor, and which kind of invoice."""

    orders = serializers.ListField(child=KeyField(), min_length=1, max_length=MAX_ORDERS)
    kind = serializers.ChoiceField(InvoiceKind.choices)


class InvoiceFilters(StrictSerializer):
    """What a list of invoices can be narrowed by."""

    state = serializers.ChoiceField(InvoiceState.choices, required=False)
    buyer = KeyField(required=False)
    vendor = KeyField(required=False)


class TaxDocumentSerializer(serializers.Serializer):
    """An invoice as the tax system knows it: a blue one, or a red-letter one that takes it back."""

    id = serializers.UUIDField()
    colour = serializers.ChoiceField(Colour.choices)
    code = serializers.CharField(help_text="Empty for a fully digital invoice.")
    number = serializers.CharField()
    issued_on = serializers.DateField()
    amount = serializers.IntegerField()
    media_type = serializers.CharField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    recorded_at = serializers.DateTimeField()
    file = serializers.SerializerMethodField(help_text="Address of the file.")

    @extend_schema_field(serializers.CharField())
    def get_file(self, document: TaxDocument) -> str:
        """Where it can be downloaded."""
        return reverse("invoice-file", args=[document.invoice_id, document.id])


class InvoiceLineSerializer(serializers.Serializer):
    """What was captured of an order. An order that is charged in parts has several lines."""

    order = serializers.UUIDField(source="order_id")
    number = serializers.CharField(source="order.number")
    amount = serializers.IntegerField()
    vat = serializers.IntegerField(help_text="The tax in the amount, as it was posted.")
    released_at = serializers.DateTimeField(allow_null=True, help_text="Since when it may be invoiced again.")


class InvoiceSerializer(serializers.Serializer):
    """A request for an invoice, and what was issued for it."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(InvoiceState.choices)
    kind = serializers.ChoiceField(InvoiceKind.choices)
    buyer = AccountHolderSerializer(source="buyer_org")
    vendor = AccountHolderSerializer(source="vendor_org")
    title = serializers.CharField()
    tax_number = serializers.CharField()
    amount = serializers.IntegerField(help_text="What was captured, tax included.")
    vat = serializers.IntegerField(help_text="The tax in it: the invoice must show it.")
    refunded = serializers.IntegerField(
        help_text="What went back of its orders after their capture: red-letter invoices are due for it."
    )
    currency = serializers.CharField()
    reason = serializers.CharField(help_text="Why it was rejected.")
    requested_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True, help_text="When it was rejected or withdrawn.")
    documents = TaxDocumentSerializer(source="documents.all", many=True)


class InvoiceDetailSerializer(InvoiceSerializer):
    """The same with its lines."""

    lines = InvoiceLineSerializer(many=True)


class InvoiceableOrderSerializer(serializers.Serializer):
    """A purchase of which something may be invoiced."""

    id = serializers.UUIDField()
    number = serializers.CharField()
    vendor = AccountHolderSerializer(source="vendor_org")
    amount = serializers.IntegerField(source="invoiceable", help_text="Captured and in no living invoice.")
    currency = serializers.CharField()
