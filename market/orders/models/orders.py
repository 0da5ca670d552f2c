"""What was ordered, and on which terms."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Organization, User
from market.catalog.models import Offer, Product, PurposeApproval, Revision
from market.kernel import clock
from market.kernel.constraints import is_sha256
from market.kernel.identifiers import uuid7
from market.kernel.money import CURRENCY, MAX_AMOUNT
from market.orders.states import OrderState


class Order(models.Model):
    """WHY: one buyer's purchase under one offer, and where it stands.

    ``client_reference`` is the buyer's own number, unique per buyer for ever. ``amount`` (fen) is what the order puts
    into escrow, all included: the whole price, a subscription's first instalment, or the prepayment of metered use.
    ``term_starts_on`` and ``term_ends_on`` (that day no longer) are the paid days of a contract with a term, in the
    business zone; a trial lies before them. ``acceptance_due_at`` and ``refund_due_at`` are the deadlines that beat
    enforces, as it does ``approval_due_at`` and ``funds_due_at``, which are set at placement and only on an order that
    had to wait. ``acceptance_days`` (else the offer's) and ``ends_on`` (early end, that day no longer) are set by an
    amendment, which may change ``purpose`` too, together with a new version of the terms; ``amendment_due_at`` is set
    while one is proposed. ``delivery_tries`` counts how often delivery was asked for: it numbers the jobs.
    ``group_id`` is shared by the lines that were placed together in one request.
    A contract with a term follows the order that it ``renews``, once each. ``access_until`` is when the right to
    receive ends; while ``suspended_at`` is set it rests, for a late payment is awaited until ``payment_due_at``. The
    room that runs contracts sets these.
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    number = models.CharField(_("order number"), max_length=24, unique=True)
    # Without an index of their own: other indexes begin with the parties, and nobody asks by revision or person.
    buyer_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="purchases", verbose_name=_("buyer"), db_index=False
    )
    vendor_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="sales", verbose_name=_("vendor"), db_index=False
    )
    product = models.ForeignKey(Product, models.PROTECT, related_name="orders", verbose_name=_("product"))
    offer = models.ForeignKey(Offer, models.PROTECT, related_name="orders", verbose_name=_("offer"))
    revision = models.ForeignKey(
        Revision, models.PROTECT, related_name="orders", verbose_name=_("revision"), db_index=False
    )
    placed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("placed by"), db_index=False)
    quantity = models.PositiveIntegerField(_("quantity"))
    amount = models.BigIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    purpose = models.CharField(_("declared purpose"), max_length=1000)
    approval = models.ForeignKey(
        PurposeApproval, models.PROTECT, null=True, related_name="orders", verbose_name=_("purpose approved by")
    )
    client_reference = models.CharField(_("buyer's reference"), max_length=64)
    group_id = models.UUIDField(_("group of lines"), null=True)
    terms_sha256 = models.CharField(_("SHA-256 of the terms"), max_length=64)
    term_starts_on = models.DateField(_("term begins"), null=True)
    term_ends_on = models.DateField(_("term ends before"), null=True)
    renews = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="renewed_by", verbose_name=_("renews")
    )
    access_until = models.DateTimeField(_("may be received until"), null=True)
    suspended_at = models.DateTimeField(pgettext_lazy("time", "suspended"), null=True)
    payment_due_at = models.DateTimeField(_("late payment awaited until"), null=True)
    acceptance_days = models.PositiveSmallIntegerField(_("acceptance period as amended (days)"), null=True)
    ends_on = models.DateField(_("ends early before"), null=True)
    state = models.CharField(_("state"), max_length=20, choices=OrderState)
    delivery_tries = models.PositiveSmallIntegerField(_("delivery tries"), default=1)
    failure_reason = models.TextField(_("why it failed"), blank=True)
    placed_at = models.DateTimeField(_("placed"), default=clock.now)
    approval_due_at = models.DateTimeField(_("approved or void on"), null=True)
    funds_due_at = models.DateTimeField(_("paid or void on"), null=True)
    amendment_due_at = models.DateTimeField(_("amendment confirmed or void on"), null=True)
    delivered_at = models.DateTimeField(pgettext_lazy("time", "delivered"), null=True)
    acceptance_due_at = models.DateTimeField(_("accepted by itself on"), null=True)
    accepted_at = models.DateTimeField(pgettext_lazy("time", "accepted"), null=True)
    refund_due_at = models.DateTimeField(_("refunded by itself on"), null=True)
    closed_at = models.DateTimeField(pgettext_lazy("time", "closed"), null=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["buyer_org", "client_reference"], name="order_client_reference_once"),
            models.CheckConstraint(
                name="order_amount", condition=Q(amount__gte=0, amount__lte=MAX_AMOUNT, quantity__gte=1)
            ),
            models.CheckConstraint(
                name="order_term",
                condition=Q(term_starts_on=None, term_ends_on=None) | Q(term_ends_on__gt=F("term_starts_on")),
            ),
            models.CheckConstraint(
                name="order_ends_early",
                condition=Q(ends_on=None) | Q(term_ends_on__isnull=False, ends_on__lt=F("term_ends_on")),
            ),
            models.CheckConstraint(
                name="order_acceptance_days",
                condition=Q(acceptance_days=None) | Q(acceptance_days__gte=1, acceptance_days__lte=90),
            ),
            models.CheckConstraint(name="order_terms_sha256", condition=is_sha256("terms_sha256")),
            models.CheckConstraint(name="order_not_with_oneself", condition=~Q(buyer_org=F("vendor_org"))),
            models.CheckConstraint(name="order_state_known", condition=Q(state__in=OrderState.values)),
            models.CheckConstraint(
                name="order_waiting_has_deadline",
                condition=(~Q(state=OrderState.AWAITING_APPROVAL) | Q(approval_due_at__isnull=False))
                & (~Q(state=OrderState.AWAITING_FUNDS) | Q(funds_due_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="order_delivered_has_deadline",
                condition=~Q(state=OrderState.DELIVERED)
                | Q(delivered_at__isnull=False, acceptance_due_at__isnull=False),
            ),
            models.CheckConstraint(
                name="order_failed_has_deadline",
                condition=~Q(state=OrderState.DELIVERY_FAILED) | Q(refund_due_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["buyer_org", "-id"], name="order_of_buyer"),
            models.Index(fields=["vendor_org", "-id"], name="order_of_vendor"),
            models.Index(fields=["placed_at"], name="order_placed"),
            models.Index(fields=["group_id", "id"], condition=Q(group_id__isnull=False), name="order_of_group"),
            # Nearly all orders are settled in the end; somebody works on the others.
            models.Index(fields=["state", "-id"], condition=~Q(state=OrderState.SETTLED), name="order_open"),
            models.Index(fields=["buyer_org", "id"], condition=Q(state=OrderState.AWAITING_FUNDS), name="order_unpaid"),
            models.Index(fields=["funds_due_at"], condition=Q(state=OrderState.AWAITING_FUNDS), name="order_funds_due"),
            models.Index(
                fields=["approval_due_at"], condition=Q(state=OrderState.AWAITING_APPROVAL), name="order_approval_due"
            ),
            models.Index(
                fields=["acceptance_due_at"], condition=Q(state=OrderState.DELIVERED), name="order_acceptance_due"
            ),
            models.Index(
                fields=["refund_due_at"], condition=Q(state=OrderState.DELIVERY_FAILED), name="order_refund_due"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class OrderTerms(models.Model):
    """WHY: what both sides agreed to, frozen at placement: the canonical JSON (RFC 8785) and its SHA-256.

    Kept as text, byte for byte what was hashed. An amendment is another row with the next ``version``.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="terms", verbose_name=_("order"))
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    document = models.TextField(_("document"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    created_at = models.DateTimeField(_("frozen"), default=clock.now)

    class Meta:
        verbose_name = _("contract terms")
        verbose_name_plural = _("contract terms")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["order", "version"], name="order_terms_version_once"),
            models.CheckConstraint(name="order_terms_sha256_format", condition=is_sha256("sha256")),
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:12]}… v{self.version}"
