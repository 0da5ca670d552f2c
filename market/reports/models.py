from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, User
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.reports.states import ReportState


class Report(models.Model):
    """WHY: one export that an auditor asked for: its parameters, how far it is, and the file with its SHA-256."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization, models.PROTECT, related_name="reports", verbose_name=_("organisation")
    )
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("requested by"))
    exporter = models.CharField(_("kind of report"), max_length=64)
    parameters = models.JSONField(_("parameters"), default=dict)
    state = models.CharField(_("state"), max_length=16, choices=ReportState, default=ReportState.QUEUED)
    rows_total = models.BigIntegerField(_("rows to write"), null=True)
    rows_done = models.BigIntegerField(_("rows written"), default=0)
    storage_name = models.CharField(max_length=255, blank=True, editable=False)
    bytes = models.BigIntegerField(_("bytes"), null=True)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True)
    failure_reason = models.TextField(_("why it failed"), blank=True)
    created_at = models.DateTimeField(_("requested"), default=clock.now)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="report_done_has_file",
                condition=~Q(state=ReportState.DONE)
                | (Q(bytes__isnull=False, finished_at__isnull=False) & ~Q(sha256="") & ~Q(storage_name="")),
            ),
        ]
        indexes = [models.Index(fields=["organization", "-id"], name="report_of_organization")]

    def __str__(self) -> str:
        return f"{self.exporter} {self.created_at:%Y-%m-%d %H:%M}"
