"""What went back to a buyer after the vendor had earned it."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, User
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.kernel.money import CURRENCY
from market.orders.models import Order


class Refund(models.Model):
    """WHY: one return of captured money (fen) to the buyer, and from whom it was taken back. Append-only.

    ``net`` came from the vendor, but for ``advanced``, which the vendor's payable did not hold: that the exchange paid,
    and the vendor owes it. ``number`` counts the order's refunds, so that two at once collide; ``reference`` is the
    operator's own, once per order. A trigger refuses more of any part than was captured and not refunded before.
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    # Without an index of its own: the constraint on order and number serves.
    order = models.ForeignKey(Order, models.PROTECT, related_name="refunds", verbose_name=_("order"), db_index=False)
    buyer_org = models.ForeignKey(Organization, models.PROTECT, related_name="+", verbose_name=_("buyer"))
    vendor_org = models.ForeignKey(Organization, models.PROTECT, related_name="+", verbose_name=_("vendor"))
    number = models.PositiveIntegerField(_("number"))
    reference = models.CharField(_("reference"), max_length=64)
    reason = models.CharField(_("reason"), max_length=2000)
    amount = models.BigIntegerField(_("amount (fen)"))
    net = models.BigIntegerField(_("net (fen)"))
    commission = models.BigIntegerField(_("commission (fen)"))
    vat = models.BigIntegerField(_("VAT (fen)"))
    advanced = models.BigIntegerField(_("advanced for the vendor (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    refunded_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("refunded by"), db_index=False
    )
    refunded_at = models.DateTimeField(_("refunded"), default=clock.now)

    class Meta:
        verbose_name = _("refund after capture")
        verbose_name_plural = _("refunds after capture")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="refund_number_once"),
            models.UniqueConstraint(fields=["order", "reference"], name="refund_reference_once"),
            models.CheckConstraint(
                name="refund_parts_sum_to_amount",
                condition=Q(amount=F("net") + F("commission") + F("vat"), amount__gt=0)
                & Q(net__gte=0, commission__gte=0, vat__gte=0, advanced__gte=0, advanced__lte=F("net")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}:{self.number}"
