from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts import bank_numbers
from accounts.models import Organization, User
from accounts.states import TaxpayerType
from market.catalog.states import Sector
from market.kernel import clock
from market.kernel.encryption import EncryptedField, masked
from market.kernel.identifiers import uuid7
from market.kernel.money import CURRENCY
from market.orders.models import Charge, Order
from market.settlement.models.fees import FeeSchedule
from market.settlement.states import PayoutHold, PayoutState


class Capture(models.Model):
    """WHY: how the money of one charge was divided, fixed for ever with what divided it: the schedule's version, the
    vendor's taxpayer type and the product's sector on that day, and ``volume_before``, what had been captured for the
    vendor in that month before it. Its transfers have its key as their ``tx_id``.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge = models.OneToOneField(Charge, models.PROTECT, related_name="capture", verbose_name=_("charge"))
    order = models.ForeignKey(Order, models.PROTECT, related_name="captures", verbose_name=_("order"))
    vendor_org = models.ForeignKey(Organization, models.PROTECT, related_name="captures", verbose_name=_("vendor"))
    schedule = models.ForeignKey(FeeSchedule, models.PROTECT, related_name="captures", verbose_name=_("fee schedule"))
    taxpayer_type = models.CharField(_("taxpayer type"), max_length=16, choices=TaxpayerType)
    sector = models.CharField(_("sector"), max_length=1, choices=Sector)
    volume_before = models.BigIntegerField(_("captured before in the month (fen)"))
    gross = models.BigIntegerField(_("gross (fen)"))
    net = models.BigIntegerField(_("net (fen)"))
    commission = models.BigIntegerField(_("commission (fen)"))
    vat = models.BigIntegerField(_("VAT (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    captured_at = models.DateTimeField(_("captured"), default=clock.now)

    class Meta:
        verbose_name = _("capture")
        verbose_name_plural = _("captures")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="capture_parts_sum_to_gross",
                condition=Q(gross=F("net") + F("commission") + F("vat"), net__gte=0, commission__gte=0, vat__gte=0),
            ),
            models.CheckConstraint(name="capture_counts_from_nothing", condition=Q(volume_before__gte=0)),
        ]
        indexes = [models.Index(fields=["vendor_org", "captured_at"], name="capture_of_vendor")]

    def __str__(self) -> str:
        return self.order.number


class SettlementBatch(models.Model):
    """WHY: everything captured for one vendor before one cutoff, paid once.

    ``carried`` is what earlier batches left to pay, less what refunds took back and advances were repaid since: below
    zero when more was taken back. Paid is the net with it, and nothing while that is not above zero.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    vendor_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="settlement_batches", verbose_name=_("vendor")
    )
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    cutoff = models.DateTimeField(_("cutoff"))
    order_count = models.PositiveIntegerField(_("orders"))
    gross = models.BigIntegerField(_("gross (fen)"))
    net = models.BigIntegerField(_("net (fen)"))
    commission = models.BigIntegerField(_("commission (fen)"))
    vat = models.BigIntegerField(_("VAT (fen)"))
    carried = models.BigIntegerField(_("carried over (fen)"), default=0)
    created_at = models.DateTimeField(_("created"), default=clock.now)

    class Meta:
        verbose_name = _("settlement batch")
        verbose_name_plural = _("settlement batches")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["vendor_org", "currency", "cutoff"], name="settlement_batch_once"),
            models.CheckConstraint(
                name="settlement_batch_sums",
                condition=Q(gross=F("net") + F("commission") + F("vat")) & (Q(order_count__gt=0) | Q(carried__gt=0)),
            ),
        ]

    def __str__(self) -> str:
        return clock.business_date(self.cutoff).isoformat()


class BatchLine(models.Model):
    """WHY: says which capture was paid by which batch; a capture can stand in one line only."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    batch = models.ForeignKey(SettlementBatch, models.PROTECT, related_name="lines", verbose_name=_("batch"))
    capture = models.OneToOneField(Capture, models.PROTECT, related_name="batch_line", verbose_name=_("capture"))
    vendor_org_id = models.UUIDField(editable=False)

    class Meta:
        verbose_name = _("batch line")
        verbose_name_plural = _("batch lines")
        ordering = ("-id",)

    def __str__(self) -> str:
        return str(self.capture_id)


class Payout(models.Model):
    """WHY: one payment of one batch to the vendor's bank account, and what became of it.

    A payment that bounced stays as it is; the batch then gets another payout with a reference of its own, so that a
    bank statement never speaks of two payments under one reference. ``bank_account`` and its ``bank_code`` (CNAPS or
    BIC, empty when none was on file) are frozen together when the money leaves.
    ``needs_approval`` is decided when the payout is made: it then leaves only when two persons have released it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    batch = models.ForeignKey(SettlementBatch, models.PROTECT, related_name="payouts", verbose_name=_("batch"))
    vendor_org = models.ForeignKey(Organization, models.PROTECT, related_name="payouts", verbose_name=_("vendor"))
    amount = models.BigIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    reference = models.CharField(_("payment reference"), max_length=35, unique=True)
    state = models.CharField(_("state"), max_length=16, choices=PayoutState, default=PayoutState.PENDING)
    hold = models.CharField(_("waits because"), max_length=32, choices=PayoutHold, blank=True)
    bank_account = EncryptedField(_("to bank account"), max_length=34, blank=True)
    bank_code = models.CharField(
        _("to bank code"), max_length=bank_numbers.CODE_LENGTH, blank=True, default="", db_default=""
    )
    sent_at = models.DateTimeField(pgettext_lazy("time", "sent"), null=True)
    ended_at = models.DateTimeField(_("confirmed or bounced"), null=True)
    bounce_reason = models.CharField(_("why it bounced or is void"), max_length=2000, blank=True)
    needs_approval = models.BooleanField(_("two persons must release it"), default=False, db_default=False)
    released_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("released by"), db_index=False
    )
    approved_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("approved by"), db_index=False
    )
    created_at = models.DateTimeField(_("created"), default=clock.now)

    class Meta:
        verbose_name = _("payout")
        verbose_name_plural = _("payouts")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["batch"],
                condition=~Q(state__in=[PayoutState.BOUNCED, PayoutState.VOID]),
                name="payout_one_alive_per_batch",
            ),
            models.CheckConstraint(name="payout_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="payout_state_tells_the_rest",
                condition=Q(state=PayoutState.PENDING, sent_at=None, ended_at=None, bank_account="")
                | Q(state=PayoutState.VOID, sent_at=None, ended_at__isnull=False, hold="", bank_account="")
                | (Q(state=PayoutState.SENT, sent_at__isnull=False, ended_at=None, hold="") & ~Q(bank_account=""))
                | (
                    Q(state__in=[PayoutState.CONFIRMED, PayoutState.BOUNCED], sent_at__isnull=False)
                    & Q(ended_at__isnull=False, hold="")
                    & ~Q(bank_account="")
                ),
            ),
            models.CheckConstraint(
                name="payout_bank_code_goes_with_the_account",
                condition=Q(bank_code="") | (Q(bank_code__regex=bank_numbers.CODE_PATTERN) & ~Q(bank_account="")),
            ),
            models.CheckConstraint(
                name="payout_approved_by_another",
                condition=Q(approved_by=None) | (Q(released_by__isnull=False) & ~Q(approved_by=F("released_by"))),
            ),
            models.CheckConstraint(
                name="payout_leaves_approved",
                condition=Q(needs_approval=False)
                | Q(state__in=[PayoutState.PENDING, PayoutState.VOID])
                | Q(approved_by__isnull=False),
            ),
            models.CheckConstraint(
                name="payout_bounced_with_reason",
                condition=(Q(state__in=[PayoutState.BOUNCED, PayoutState.VOID]) & ~Q(bounce_reason=""))
                | (~Q(state__in=[PayoutState.BOUNCED, PayoutState.VOID]) & Q(bounce_reason="")),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def shown_bank_account(self) -> str:
        """Where it was sent, as people see it: masked."""
        return masked(self.bank_account)

    @property
    def shown_bank_code(self) -> str:
        """The bank it was sent to, as people see it."""
        return str(bank_numbers.shown_code(self.bank_account, self.bank_code))
