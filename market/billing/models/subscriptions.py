"""Contracts over months, paid ahead or by the month."""

import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Organization
from market.billing.states import LATE, EndReason, PeriodState, Renewal, SubscriptionState
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.kernel.money import CURRENCY, MAX_AMOUNT
from market.orders.models import Order


class Subscription(models.Model):
    """WHY: what an accepted order of a subscription goes on to do, month by month, until its term is over.

    ``starts_on`` to before ``ends_before`` are the paid days in the business zone; a trial lies before them.
    ``amount`` (fen) is what the whole term costs; early termination lowers it together with ``ends_before``.
    ``notice_on`` is the day on which the buyer is reminded of the renewal, ``notified_at`` when that was done.
    ``suspends_at`` and ``lapses_at`` are set while an instalment is late: then nothing may be received any more, and
    then the contract ends. Beat enforces every one of these.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.OneToOneField(Order, models.PROTECT, related_name="subscription", verbose_name=_("order"))
    buyer_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="subscriptions", verbose_name=_("buyer"), db_index=False
    )
    vendor_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="subscribers", verbose_name=_("vendor"), db_index=False
    )
    state = models.CharField(_("state"), max_length=16, choices=SubscriptionState, default=SubscriptionState.RUNNING)
    starts_on = models.DateField(_("term begins"))
    ends_before = models.DateField(_("term ends before"))
    amount = models.BigIntegerField(_("price of the term (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    is_instalment = models.BooleanField(_("paid by the month"))
    renewal = models.CharField(_("at the end of the term"), max_length=16, choices=Renewal)
    notice_on = models.DateField(_("notice of renewal on"), null=True)
    notified_at = models.DateTimeField(_("notice given"), null=True)
    suspends_at = models.DateTimeField(_("suspended unless paid by"), null=True)
    lapses_at = models.DateTimeField(_("ended unless paid by"), null=True)
    began_at = models.DateTimeField(pgettext_lazy("contract", "began"), default=clock.now)
    ended_at = models.DateTimeField(pgettext_lazy("contract", "ended on"), null=True)
    end_reason = models.CharField(_("why it ended"), max_length=16, choices=EndReason, blank=True)
    renewal_refusal = models.TextField(_("why it could not be renewed"), blank=True)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(name="subscription_state_known", condition=Q(state__in=SubscriptionState.values)),
            models.CheckConstraint(name="subscription_renewal_known", condition=Q(renewal__in=Renewal.values)),
            # A term that is left on its first day is empty.
            models.CheckConstraint(name="subscription_term", condition=Q(ends_before__gte=F("starts_on"))),
            models.CheckConstraint(name="subscription_amount", condition=Q(amount__gte=0, amount__lte=MAX_AMOUNT)),
            models.CheckConstraint(
                name="subscription_ended_with_reason",
                condition=Q(state=SubscriptionState.ENDED, ended_at__isnull=False, end_reason__in=EndReason.values)
                | (~Q(state=SubscriptionState.ENDED) & Q(ended_at=None, end_reason="")),
            ),
            models.CheckConstraint(
                name="subscription_late_has_deadlines",
                condition=Q(state__in=LATE, suspends_at__isnull=False, lapses_at__isnull=False)
                | (~Q(state__in=LATE) & Q(suspends_at=None, lapses_at=None)),
            ),
            models.CheckConstraint(
                name="subscription_renewal_has_notice",
                condition=Q(renewal=Renewal.NEVER, notice_on=None)
                | (~Q(renewal=Renewal.NEVER) & Q(notice_on__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(fields=["buyer_org", "-id"], name="subscription_of_buyer"),
            models.Index(fields=["vendor_org", "-id"], name="subscription_of_vendor"),
            models.Index(
                fields=["ends_before"], condition=~Q(state=SubscriptionState.ENDED), name="subscription_term_due"
            ),
            models.Index(
                fields=["notice_on"],
                condition=Q(notified_at=None, renewal=Renewal.AUTOMATIC) & ~Q(state=SubscriptionState.ENDED),
                name="subscription_notice_due",
            ),
            models.Index(
                fields=["suspends_at"],
                condition=Q(state=SubscriptionState.PAST_DUE),
                name="subscription_suspension_due",
            ),
            models.Index(fields=["lapses_at"], condition=Q(state__in=LATE), name="subscription_lapse_due"),
        ]

    def __str__(self) -> str:
        return str(self.order)

    def is_in_trial(self, day: datetime.date | None = None) -> bool:
        """Whether ``day`` (today by default) still costs nothing."""
        return (day or clock.business_date()) < self.starts_on


class Period(models.Model):
    """WHY: one month of a subscription: what it costs, when that is due, and whether it was paid in and charged.

    ``amount`` (fen) goes into escrow on ``due_on`` and is due to the vendor when the month is over; no month is charged
    before it was funded, nor twice. Early termination shortens the month it falls in.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, related_name="periods", verbose_name=_("subscription"), db_index=False
    )
    number = models.PositiveSmallIntegerField(_("month"))
    due_on = models.DateField(_("due on"))
    starts_on = models.DateField(_("begins"))
    ends_before = models.DateField(_("ends before"))
    amount = models.BigIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    state = models.CharField(_("state"), max_length=16, choices=PeriodState, default=PeriodState.PLANNED)
    funded_at = models.DateTimeField(pgettext_lazy("month", "funded"), null=True)
    charged_at = models.DateTimeField(pgettext_lazy("month", "charged"), null=True)

    class Meta:
        verbose_name = _("month of a subscription")
        verbose_name_plural = _("months of subscriptions")
        ordering = ("subscription", "number")
        constraints = [
            models.UniqueConstraint(fields=["subscription", "number"], name="period_number_once"),
            models.UniqueConstraint(fields=["subscription", "starts_on"], name="period_start_once"),
            models.CheckConstraint(name="period_number", condition=Q(number__gte=1)),
            models.CheckConstraint(name="period_days", condition=Q(ends_before__gt=F("starts_on"))),
            models.CheckConstraint(name="period_amount", condition=Q(amount__gte=0, amount__lte=MAX_AMOUNT)),
            models.CheckConstraint(name="period_state_known", condition=Q(state__in=PeriodState.values)),
            models.CheckConstraint(
                name="period_funded_when",
                condition=Q(state=PeriodState.PLANNED, funded_at=None)
                | Q(state__in=[PeriodState.FUNDED, PeriodState.CHARGED], funded_at__isnull=False)
                | Q(state=PeriodState.DROPPED),
            ),
            models.CheckConstraint(
                name="period_charged_when",
                condition=Q(state=PeriodState.CHARGED, charged_at__isnull=False)
                | (~Q(state=PeriodState.CHARGED) & Q(charged_at=None)),
            ),
        ]
        indexes = [
            models.Index(fields=["due_on"], condition=Q(state=PeriodState.PLANNED), name="period_due"),
            models.Index(fields=["ends_before"], condition=Q(state=PeriodState.FUNDED), name="period_over"),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.starts_on} – {self.ends_before}"

    @property
    def part(self) -> str:
        """The name of its charge within the order."""
        return self.starts_on.isoformat()
