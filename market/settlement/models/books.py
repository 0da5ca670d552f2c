"""What the looks at the books found, day by day, and what follows from it."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from market.kernel import clock
from market.kernel.identifiers import uuid7


class ReconciliationReport(models.Model):
    """WHY: what one look at all the books found, kept for ever, so that nobody can say it was not seen. Append-only.

    ``findings`` has one object a check: its ``name``, how many objects it ``looked_at``, how many ``drifted``, and
    the first of these in ``drift``, each with its ``object``, ``id``, ``label``, ``fact``, ``expected`` and
    ``found`` (fen).
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(_("books as of"))
    seconds = models.FloatField(_("took (seconds)"))
    looked_at = models.BigIntegerField(_("objects looked at"))
    drifted = models.BigIntegerField(_("objects that drifted"))
    findings = models.JSONField(_("findings"))

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")
        ordering = ("-id",)

    def __str__(self) -> str:
        return clock.business_date(self.at).isoformat()

    @property
    def is_clean(self) -> bool:
        """Whether nothing drifted, not by a fen."""
        return not self.drifted


class DayClose(models.Model):
    """WHY: says that a business day has been closed, once, and which look at the books followed. Append-only.

    Days that a sleeping beat left behind are closed together and share one report.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    day = models.DateField(_("business day"))
    report = models.ForeignKey(
        ReconciliationReport, models.PROTECT, related_name="days", verbose_name=_("reconciliation")
    )
    closed_at = models.DateTimeField(_("closed on"), default=clock.now)

    class Meta:
        verbose_name = _("close of day")
        verbose_name_plural = _("closes of day")
        ordering = ("-day",)
        constraints = [models.UniqueConstraint(fields=["day"], name="day_close_once")]

    def __str__(self) -> str:
        return self.day.isoformat()


class PayoutStop(models.Model):
    """WHY: no payment leaves while the books do not add up; a trigger on payouts sees to it. At most one is open.

    One person looks into it and explains what happened and what was done; another, who has read that, lets payments
    leave again. Both are kept; the database refuses one person in both roles.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    report = models.OneToOneField(
        ReconciliationReport, models.PROTECT, related_name="stop", verbose_name=_("reconciliation")
    )
    opened_at = models.DateTimeField(_("stopped"), default=clock.now)
    explanation = models.CharField(_("what happened and what was done"), max_length=2000, blank=True)
    explained_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("explained by"), db_index=False
    )
    explained_at = models.DateTimeField(_("explained"), null=True)
    lift_reason = models.CharField(_("why payments may leave again"), max_length=2000, blank=True)
    lifted_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("lifted by"), db_index=False
    )
    lifted_at = models.DateTimeField(_("lifted"), null=True)

    class Meta:
        verbose_name = _("stop of payouts")
        verbose_name_plural = _("stops of payouts")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="payout_stop_explained_whole",
                condition=Q(explained_at=None, explained_by=None, explanation="")
                | (Q(explained_at__isnull=False, explained_by__isnull=False) & ~Q(explanation="")),
            ),
            models.CheckConstraint(
                name="payout_stop_lifted_after_explained",
                condition=Q(lifted_at=None, lifted_by=None, lift_reason="")
                | (
                    Q(lifted_at__isnull=False, lifted_by__isnull=False, explained_at__isnull=False) & ~Q(lift_reason="")
                ),
            ),
            models.CheckConstraint(
                name="payout_stop_two_people",
                condition=Q(lifted_by=None) | ~Q(lifted_by=F("explained_by")),
            ),
        ]

    def __str__(self) -> str:
        return clock.business_date(self.opened_at).isoformat()
