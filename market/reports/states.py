from django.db import models
from django.utils.translation import gettext_lazy as _

from market.kernel.states import TransitionTable


class ReportState(models.TextChoices):
    """Where an export stands."""

    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


REPORT_MOVES = TransitionTable(
    {
        ReportState.QUEUED: [ReportState.RUNNING, ReportState.FAILED],
        ReportState.RUNNING: [ReportState.RUNNING, ReportState.DONE, ReportState.FAILED],
    }
)
