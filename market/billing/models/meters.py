"""Contracts whose price is in their use."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Organization
from market.billing.states import MeterState
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.kernel.money import CURRENCY, MAX_AMOUNT
from market.orders.models import Order


class Meter(models.Model):
    """WHY: what an accepted order of metered use has used and paid ahead, to the last record.

    ``prepaid`` is all that its top-ups and the order itself put into escrow, ``charged`` what closed months took of it,
    ``drawn`` what the open ``month`` (its first day, in the business zone) has taken so far: always what that month's
    ``units`` cost, and never more than is there. ``units`` are net, and begin with ``carried``: what was taken back
    beyond a closed month's use (zero or less). Whoever changes any of them holds the row's lock.
    Use counts from ``starts_at`` to before ``ends_at``; before ``free_until`` it costs nothing. At ``closes_at`` beat
    closes the month or, when the time for late records is over, the contract.
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    order = models.OneToOneField(Order, models.PROTECT, related_name="meter", verbose_name=_("order"))
    buyer_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="meters_used", verbose_name=_("buyer"), db_index=False
    )
    vendor_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="meters_kept", verbose_name=_("vendor"), db_index=False
    )
    state = models.CharField(_("state"), max_length=16, choices=MeterState, default=MeterState.RUNNING)
    starts_at = models.DateTimeField(_("use counts from"))
    free_until = models.DateTimeField(_("use costs from"))
    ends_at = models.DateTimeField(_("use counts until"))
    closes_at = models.DateTimeField(_("next statement"), null=True)
    month = models.DateField(_("open month"))
    carried = models.BigIntegerField(_("units brought forward"), default=0)
    units = models.BigIntegerField(_("units in the open month"), default=0)
    records = models.PositiveIntegerField(_("records in the open month"), default=0)
    drawn = models.BigIntegerField(_("drawn in the open month (fen)"), default=0)
    charged = models.BigIntegerField(_("charged by statements (fen)"), default=0)
    prepaid = models.BigIntegerField(_("paid ahead (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    top_ups = models.PositiveIntegerField(_("top-ups"), default=0)
    warned_at = models.DateTimeField(_("warned of the prepayment's end"), null=True)
    stopped_at = models.DateTimeField(pgettext_lazy("use", "stopped"), null=True)
    last_record_at = models.DateTimeField(_("last record came in"), null=True)
    began_at = models.DateTimeField(pgettext_lazy("contract", "began"), default=clock.now)
    ended_at = models.DateTimeField(pgettext_lazy("contract", "ended on"), null=True)

    class Meta:
        verbose_name = _("meter")
        verbose_name_plural = _("meters")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(name="meter_state_known", condition=Q(state__in=MeterState.values)),
            models.CheckConstraint(
                name="meter_draws_what_is_prepaid",
                condition=Q(
                    drawn__gte=0, charged__gte=0, prepaid__gte=F("charged") + F("drawn"), prepaid__lte=MAX_AMOUNT
                ),
            ),
            models.CheckConstraint(name="meter_carries_credit", condition=Q(carried__lte=0)),
            models.CheckConstraint(name="meter_month_begins", condition=Q(month__day=1)),
            models.CheckConstraint(
                name="meter_ended_when",
                condition=Q(state=MeterState.ENDED, ended_at__isnull=False, closes_at=None, drawn=0)
                | (~Q(state=MeterState.ENDED) & Q(ended_at=None, closes_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="meter_stopped_when",
                condition=Q(state=MeterState.STOPPED, stopped_at__isnull=False)
                | (~Q(state=MeterState.STOPPED) & Q(stopped_at=None)),
            ),
        ]
        indexes = [
            models.Index(fields=["buyer_org", "-id"], name="meter_of_buyer"),
            models.Index(fields=["vendor_org", "-id"], name="meter_of_vendor"),
            models.Index(fields=["closes_at"], condition=~Q(state=MeterState.ENDED), name="meter_due"),
        ]

    def __str__(self) -> str:
        return str(self.order)

    @property
    def available(self) -> int:
        """The fen that the open month may draw in all."""
        return self.prepaid - self.charged

    @property
    def left(self) -> int:
        """The fen paid ahead that nothing has drawn."""
        return self.available - self.drawn
