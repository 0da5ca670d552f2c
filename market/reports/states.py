from django.db import models
from django.utils.translation import gettext_lazy as _

from market.kernel.states import TransitionTable


class ReportState(models.TextChoices):
    """Where an export stands. ``failed`` is left only when an operator sends its dead letter back to work."""

    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


REPORT_MOVES = TransitionTable(
    {
        ReportState.QUEUED: [ReportState.RUNNING, ReportState.FAILED],
        ReportState.RUNNING: [ReportState.RUNNING, ReportState.DONE, ReportState.FAILED],
        ReportState.FAILED: [ReportState.RUNNING, ReportState.FAILED],
    }
)
