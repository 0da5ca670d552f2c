"""What a buyer wants invoiced, and what the tax system issued for it."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts import uscc
from accounts.models import Organization
from accounts.validators import validate_uscc
from market.documents.states import Colour, InvoiceKind, InvoiceState
from market.kernel import clock
from market.kernel.constraints import is_sha256
from market.kernel.identifiers import uuid7
from market.kernel.money import CURRENCY, MAX_AMOUNT, to_text
from market.orders.models import Order
from market.settlement.models import Capture


class InvoiceProfile(models.Model):
    """WHY: what a buyer's invoices are made out to. Each request freezes it: later changes do not reach back."""

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    organization = models.OneToOneField(
        Organization, models.PROTECT, related_name="invoice_profile", verbose_name=_("organisation")
    )
    title = models.CharField(_("invoice title"), max_length=200)
    tax_number = models.CharField(_("tax number"), max_length=18, validators=[validate_uscc])
    updated_at = models.DateTimeField(_("changed"), default=clock.now)

    class Meta:
        verbose_name = _("invoice profile")
        verbose_name_plural = _("invoice profiles")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="invoice_profile_complete", condition=~Q(title="") & Q(tax_number__regex=uscc.PATTERN)
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Invoice(models.Model):
    """WHY: a buyer's request that a vendor invoices captured orders, and what became of it.

    ``amount`` (fen) is what was captured, ``vat`` the part of it that was posted as tax: the invoice must show it.
    Title and tax number are frozen. The invoices themselves, blue and red, are ``TaxDocument``.
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    buyer_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="+", verbose_name=_("buyer"), db_index=False
    )
    vendor_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="+", verbose_name=_("vendor"), db_index=False
    )
    kind = models.CharField(_("kind"), max_length=8, choices=InvoiceKind)
    title = models.CharField(_("invoice title"), max_length=200)
    tax_number = models.CharField(_("tax number"), max_length=18)
    amount = models.BigIntegerField(_("amount (fen)"))
    vat = models.BigIntegerField(_("VAT (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    state = models.CharField(_("state"), max_length=16, choices=InvoiceState, default=InvoiceState.REQUESTED)
    reason = models.CharField(_("why it was rejected"), max_length=2000, blank=True)
    requested_at = models.DateTimeField(pgettext_lazy("time", "requested"), default=clock.now)
    ended_at = models.DateTimeField(_("rejected or withdrawn"), null=True)

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="invoice_amount",
                condition=Q(amount__gt=0, amount__lte=MAX_AMOUNT, vat__gte=0, vat__lt=F("amount")),
            ),
            models.CheckConstraint(name="invoice_made_out", condition=~Q(title="") & ~Q(tax_number="")),
            models.CheckConstraint(
                name="invoice_state_tells_the_rest",
                condition=Q(
                    state__in=[InvoiceState.REQUESTED, InvoiceState.ISSUED, InvoiceState.RED_LETTERED],
                    reason="",
                    ended_at=None,
                )
                | Q(state=InvoiceState.WITHDRAWN, reason="", ended_at__isnull=False)
                | (Q(state=InvoiceState.REJECTED, ended_at__isnull=False) & ~Q(reason="")),
            ),
        ]
        indexes = [
            models.Index(fields=["buyer_org", "-id"], name="invoice_of_buyer"),
            models.Index(fields=["vendor_org", "-id"], name="invoice_of_vendor"),
        ]

    def __str__(self) -> str:
        amounts = {"title": self.title, "amount": to_text(self.amount), "vat": to_text(self.vat)}
        return gettext("%(title)s · %(amount)s yuan, VAT %(vat)s") % amounts


class InvoiceLine(models.Model):
    """WHY: says which captured money an invoice is about. What was captured stands in one living line only.

    ``released_at`` is filled when the invoice is rejected, withdrawn or taken back as a whole: the money may then be
    invoiced again. The database compares the line with its capture.
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="lines", verbose_name=_("invoice"))
    capture = models.ForeignKey(
        Capture, models.PROTECT, related_name="invoice_lines", verbose_name=_("capture"), db_index=False
    )
    order = models.ForeignKey(Order, models.PROTECT, related_name="+", verbose_name=_("order"), db_index=False)
    vendor_org_id = models.UUIDField(editable=False)
    amount = models.BigIntegerField(_("amount (fen)"))
    vat = models.BigIntegerField(_("VAT (fen)"))
    released_at = models.DateTimeField(pgettext_lazy("time", "released"), null=True)

    class Meta:
        verbose_name = _("invoice line")
        verbose_name_plural = _("invoice lines")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["capture"], condition=Q(released_at=None), name="invoice_line_capture_once"
            ),
        ]

    def __str__(self) -> str:
        return str(self.capture_id)


class TaxDocument(models.Model):
    """WHY: an invoice as the tax system knows it: code, number, date, and the file with its SHA-256. Append-only.

    A fully digital invoice (数电票) has a number of 20 digits and no code; others a code of 10 or 12 and a number of 8.
    A red one takes back what the blue one of the same ``invoice`` said, together at most its amount (fen).
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="documents", verbose_name=_("request"))
    colour = models.CharField(_("kind"), max_length=4, choices=Colour)
    code = models.CharField(_("invoice code"), max_length=12, blank=True)
    number = models.CharField(_("invoice number"), max_length=20)
    issued_on = models.DateField(_("date of the invoice"))
    amount = models.BigIntegerField(_("amount (fen)"))
    storage_name = models.CharField(max_length=200, editable=False)
    media_type = models.CharField(_("media type"), max_length=64)
    bytes = models.BigIntegerField(_("bytes"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    recorded_at = models.DateTimeField(_("recorded"), default=clock.now)

    class Meta:
        verbose_name = _("issued invoice")
        verbose_name_plural = _("issued invoices")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["code", "number"], name="tax_document_number_once"),
            models.UniqueConstraint(fields=["invoice"], condition=Q(colour=Colour.BLUE), name="tax_document_blue_once"),
            models.CheckConstraint(
                name="tax_document_number",
                condition=Q(code="", number__regex=r"^[0-9]{20}$")
                | Q(code__regex=r"^([0-9]{10}|[0-9]{12})$", number__regex=r"^[0-9]{8}$"),
            ),
            models.CheckConstraint(
                name="tax_document_file",
                condition=Q(bytes__gt=0) & is_sha256("sha256") & ~Q(storage_name="") & ~Q(media_type=""),
            ),
            models.CheckConstraint(name="tax_document_amount", condition=Q(amount__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.number}".strip()
