"""Use, record by record and day by day."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from market.billing.models.meters import Meter
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.orders.models import Order


class UsageRecord(models.Model):
    """WHY: one use that the vendor reported, as it was reported; append-only, so that both sides can count again.

    ``record_id`` is the vendor's own name of it, unique in the order: reported twice, it counts once. A mistake is
    taken back by a record that ``reverses`` it, with negative ``units``, once and by no more than it had; the database
    sees to that. ``month`` is the statement it is billed in (its first day), which is later than ``used_at`` when that
    month had been closed. ``drawn`` (fen) is the difference it made to what the month costs; nothing in a trial.
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="usage", verbose_name=_("order"), db_index=False)
    buyer_org_id = models.UUIDField(editable=False)
    vendor_org_id = models.UUIDField(editable=False)
    record_id = models.CharField(_("record"), max_length=64)
    units = models.BigIntegerField(_("units"))
    used_at = models.DateTimeField(_("used"))
    month = models.DateField(_("billed in"))
    is_trial = models.BooleanField(_("within the trial"), default=False)
    drawn = models.BigIntegerField(_("drawn (fen)"), default=0)
    # Nearly no record takes another back, so those that do have an index of their own.
    reverses = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="reversals", verbose_name=_("takes back"), db_index=False
    )
    recorded_at = models.DateTimeField(_("recorded"), default=clock.now)

    class Meta:
        verbose_name = _("usage record")
        verbose_name_plural = _("usage records")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["order", "record_id"], name="usage_record_once"),
            models.UniqueConstraint(
                fields=["reverses"], condition=Q(reverses__isnull=False), name="usage_record_reversed_once"
            ),
            models.CheckConstraint(
                name="usage_record_units",
                condition=Q(units__gt=0, reverses=None) | Q(units__lt=0, reverses__isnull=False),
            ),
            models.CheckConstraint(name="usage_record_named", condition=~Q(record_id="")),
            models.CheckConstraint(name="usage_record_trial_is_free", condition=Q(is_trial=False) | Q(drawn=0)),
        ]
        indexes = [models.Index(fields=["order", "-id"], name="usage_record_of_order")]

    def __str__(self) -> str:
        return self.record_id


class UsageDay(models.Model):
    """WHY: the sums of a day's records (by ``used_at``, in the business zone), kept as they come in, so that a look at
    a month of a busy service does not count millions of rows.
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    meter = models.ForeignKey(Meter, models.PROTECT, related_name="days", verbose_name=_("meter"), db_index=False)
    day = models.DateField(_("day"))
    units = models.BigIntegerField(_("units"))
    records = models.PositiveIntegerField(_("records"))
    drawn = models.BigIntegerField(_("drawn (fen)"))

    class Meta:
        verbose_name = _("day of use")
        verbose_name_plural = _("days of use")
        ordering = ("meter", "day")
        constraints = [models.UniqueConstraint(fields=["meter", "day"], name="usage_day_once")]

    def __str__(self) -> str:
        return self.day.isoformat()
