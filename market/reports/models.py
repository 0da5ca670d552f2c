from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, User
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.reports.states import ReportState


class Report(models.Model):
    """WHY: one export that an auditor asked for: its parameters, how far it is, and the file with its SHA-256.

    ``storage_name`` points to a file only when the state is done, so a half-written file can never be downloaded.
    ``totals`` (rows, and sums in fen) were computed by the database in the snapshot that the file shows: whoever adds
    up the file must find them again. ``snapshot_at`` is that moment.
    """

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
    totals = models.JSONField(_("totals"), default=dict)
    snapshot_at = models.DateTimeField(_("as of"), null=True)
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
                | (
                    Q(bytes__isnull=False, finished_at__isnull=False, snapshot_at__isnull=False)
                    & Q(rows_done=F("rows_total"))
                    & ~Q(sha256="")
                    & ~Q(storage_name="")
                ),
            ),
            models.CheckConstraint(
                name="report_file_only_when_done", condition=Q(state=ReportState.DONE) | Q(storage_name="")
            ),
            models.CheckConstraint(
                name="report_failed_with_reason", condition=~Q(state=ReportState.FAILED) | ~Q(failure_reason="")
            ),
        ]
        indexes = [models.Index(fields=["organization", "-id"], name="report_of_organization")]

    def __str__(self) -> str:
        return f"{self.exporter} {self.created_at.astimezone(clock.BUSINESS_ZONE):%Y-%m-%d %H:%M}"

    @property
    def percent(self) -> int:
        """How much is written, in whole per cent; 100 only when the file is there."""
        if self.state == ReportState.DONE:
            return 100
        return min(99, 100 * self.rows_done // self.rows_total) if self.rows_total else 0

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.state in (ReportState.DONE, ReportState.FAILED)
