"""What a buyer lets its purchasers spend."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership, Organization
from market.kernel.identifiers import uuid7
from market.kernel.money import CURRENCY, MAX_AMOUNT


class SpendingLimit(models.Model):
    """WHY: what a purchaser may order in a calendar month (Asia/Shanghai) before the buyer's finance is asked.

    What counts is what an order puts into escrow when it is placed: later instalments and automatic top-ups were agreed
    with it. Without a ``membership`` it holds for each purchaser who has no limit of their own. Placing locks the row,
    so that two orders that are within it each but not together are not both placed.
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    buyer_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="spending_limits", verbose_name=_("buyer"), db_index=False
    )
    membership = models.ForeignKey(
        Membership, models.PROTECT, null=True, related_name="spending_limits", verbose_name=_("member")
    )
    amount = models.BigIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)

    class Meta:
        verbose_name = _("spending limit")
        verbose_name_plural = _("spending limits")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["buyer_org", "membership"], name="spending_limit_once", nulls_distinct=False
            ),
            models.CheckConstraint(name="spending_limit_amount", condition=Q(amount__gte=0, amount__lte=MAX_AMOUNT)),
        ]

    def __str__(self) -> str:
        return f"{self.membership or self.buyer_org}: {self.amount} {self.currency}"
