import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Organization
from market.catalog.models import Asset, Product, Revision
from market.delivery.states import Channel, DeliveryState, Standing
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.orders.models import Order


class Entitlement(models.Model):
    """WHY: the buyer's right to receive a revision, under one order and until a moment; every download asks it.

    It outlives the product's listing. Only an operator takes it away, and says why. ``valid_until`` is what the terms
    said at the handing-over; a contract that runs longer or shorter than that, or rests, says so in its order.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.OneToOneField(Order, models.PROTECT, related_name="entitlement", verbose_name=_("order"))
    buyer_org = models.ForeignKey(Organization, models.PROTECT, related_name="entitlements", verbose_name=_("buyer"))
    vendor_org_id = models.UUIDField(editable=False)
    product = models.ForeignKey(Product, models.PROTECT, related_name="entitlements", verbose_name=_("product"))
    revision = models.ForeignKey(Revision, models.PROTECT, related_name="entitlements", verbose_name=_("revision"))
    valid_from = models.DateTimeField(_("valid from"), default=clock.now)
    valid_until = models.DateTimeField(_("valid until"), null=True)
    revoked_at = models.DateTimeField(pgettext_lazy("time", "revoked"), null=True)
    revocation_reason = models.TextField(_("reason for revocation"), blank=True)

    class Meta:
        verbose_name = _("entitlement")
        verbose_name_plural = _("entitlements")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="entitlement_ends_after_start", condition=Q(valid_until=None) | Q(valid_until__gt=F("valid_from"))
            ),
            models.CheckConstraint(
                name="entitlement_revoked_with_reason",
                condition=Q(revoked_at=None, revocation_reason="")
                | Q(revoked_at__isnull=False) & ~Q(revocation_reason=""),
            ),
        ]
        indexes = [
            models.Index(fields=["buyer_org", "-id"], name="entitlement_of_buyer"),
            models.Index(fields=["vendor_org_id", "-id"], name="entitlement_of_vendor"),
        ]

    def __str__(self) -> str:
        return str(self.order_id)

    @property
    def ends_at(self) -> datetime.datetime | None:
        """When the right ends, as the contract stands now; None is never. The order should be loaded."""
        return self.order.access_until or self.valid_until

    @property
    def standing(self) -> Standing:
        """Whether the right holds at this moment, and if not, why. The order should be loaded."""
        if self.revoked_at is not None:
            return Standing.REVOKED
        if self.ends_at is not None and self.ends_at <= clock.now():
            return Standing.ENDED
        if self.order.suspended_at is not None:
            return Standing.SUSPENDED
        return Standing.ACTIVE


class Delivery(models.Model):
    """WHY: one try at handing an order over, under one outbox job: what was checked, when, and how it ended."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="deliveries", verbose_name=_("order"))
    buyer_org_id = models.UUIDField(editable=False)
    vendor_org_id = models.UUIDField(editable=False)
    number = models.PositiveSmallIntegerField(_("try"))
    job_id = models.UUIDField(_("job"))
    channel = models.CharField(_("channel"), max_length=16, choices=Channel, default=Channel.DOWNLOAD)
    state = models.CharField(_("state"), max_length=16, choices=DeliveryState, default=DeliveryState.RUNNING)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    manifest = models.JSONField(_("manifest"), default=list)
    failure_reason = models.TextField(_("why it failed"), blank=True)
    started_at = models.DateTimeField(_("started"), default=clock.now)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="delivery_number_once_per_order"),
            models.UniqueConstraint(
                fields=["order"], condition=Q(state=DeliveryState.HANDED_OVER), name="delivery_handed_over_once"
            ),
            models.CheckConstraint(
                name="delivery_finished_when_ended",
                condition=Q(state=DeliveryState.RUNNING) | Q(finished_at__isnull=False),
            ),
            models.CheckConstraint(name="delivery_state_known", condition=Q(state__in=DeliveryState.values)),
        ]
        indexes = [models.Index(fields=["vendor_org_id", "-id"], name="delivery_of_vendor")]

    def __str__(self) -> str:
        return f"{self.order_id} #{self.number}"


class Receipt(models.Model):
    """WHY: what was really sent: which bytes of which asset, to whom, when. Evidence for acceptance and dispute.

    ``bytes_sent`` counts what the exchange handed to the network from ``range_start`` on; a client that broke off
    may have received less, never more.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    entitlement = models.ForeignKey(
        Entitlement, models.PROTECT, db_index=False, related_name="receipts", verbose_name=_("entitlement")
    )
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="receipts", verbose_name=_("asset"))
    buyer_org_id = models.UUIDField(editable=False)
    vendor_org_id = models.UUIDField(editable=False)
    range_start = models.BigIntegerField(_("first byte"))
    bytes_requested = models.BigIntegerField(_("bytes requested"))
    bytes_sent = models.BigIntegerField(_("bytes sent"))
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), default=clock.now)

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="receipt_bytes",
                condition=Q(range_start__gte=0, bytes_sent__gte=0, bytes_sent__lte=F("bytes_requested")),
            ),
        ]
        indexes = [
            models.Index(fields=["entitlement", "-id"], name="receipt_of_entitlement"),
            models.Index(fields=["vendor_org_id", "-id"], name="receipt_of_vendor"),
        ]

    def __str__(self) -> str:
        return f"{self.asset_id} {self.range_start}+{self.bytes_sent}"
