"""What a month of use came to."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Organization
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.kernel.money import CURRENCY, MAX_AMOUNT
from market.orders.models import Charge, Order


class Statement(models.Model):
    """WHY: a closed month of metered use: what was used, what it costs and why, fixed for ever.

    It exists from the month's close on, in one transaction with its ``charge``. ``units`` are net of what was taken
    back and include ``carried``, the credit brought forward from the month before (zero or less); below zero they cost
    nothing and are carried on. ``lines`` say how ``amount`` (fen) comes about, as ``pricing.Line`` has it.
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="statements", verbose_name=_("order"), db_index=False)
    buyer_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="statements_received", verbose_name=_("buyer"), db_index=False
    )
    vendor_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="statements_given", verbose_name=_("vendor"), db_index=False
    )
    charge = models.OneToOneField(Charge, models.PROTECT, related_name="statement", verbose_name=_("charge"))
    month = models.DateField(pgettext_lazy("statement", "month"))
    unit = models.CharField(_("unit of use"), max_length=32)
    units = models.BigIntegerField(_("units"))
    carried = models.BigIntegerField(_("units brought forward"))
    free_units = models.BigIntegerField(_("free units used"))
    records = models.PositiveIntegerField(_("records"))
    amount = models.BigIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    is_capped = models.BooleanField(_("capped"))
    is_final = models.BooleanField(_("the last one"))
    lines = models.JSONField(_("how it comes about"))
    closed_at = models.DateTimeField(pgettext_lazy("time", "closed"), default=clock.now)

    class Meta:
        verbose_name = _("statement")
        verbose_name_plural = _("statements")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["order", "month"], name="statement_once"),
            models.CheckConstraint(name="statement_amount", condition=Q(amount__gte=0, amount__lte=MAX_AMOUNT)),
            models.CheckConstraint(name="statement_month_begins", condition=Q(month__day=1)),
            models.CheckConstraint(name="statement_units", condition=Q(carried__lte=0, free_units__gte=0)),
        ]
        indexes = [
            models.Index(fields=["buyer_org", "-id"], name="statement_of_buyer"),
            models.Index(fields=["vendor_org", "-id"], name="statement_of_vendor"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"
