"""What of an order is due to its vendor."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.kernel.money import CURRENCY, MAX_AMOUNT
from market.orders.models.orders import Order


class Charge(models.Model):
    """WHY: one amount (fen) of an order that has become due to the vendor, out of the order's escrow; captured once.

    A plain order is charged once, ``whole``, when it is accepted; a contract that runs is charged part by part, and
    ``part`` names the period. With the charge ``is_final`` the trade is over: what escrow held beyond all charges has
    gone back to the buyer in the same transaction. Append-only.
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    # Without an index of its own: the constraint on order and part serves.
    order = models.ForeignKey(Order, models.PROTECT, related_name="charges", verbose_name=_("order"), db_index=False)
    vendor_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="+", verbose_name=_("vendor"), db_index=False
    )
    part = models.CharField(_("part of the order"), max_length=32)
    amount = models.BigIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    is_final = models.BooleanField(_("ends the trade"))
    created_at = models.DateTimeField(_("charged"), default=clock.now)

    class Meta:
        verbose_name = _("charge")
        verbose_name_plural = _("charges")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["order", "part"], name="charge_part_once"),
            models.UniqueConstraint(fields=["order"], condition=Q(is_final=True), name="charge_final_once"),
            models.CheckConstraint(
                name="charge_amount", condition=Q(amount__gte=0, amount__lte=MAX_AMOUNT) & ~Q(part="")
            ),
        ]

    def __str__(self) -> str:
        return self.part
