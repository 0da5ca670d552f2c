from django.db import models
from django.utils.translation import gettext_lazy as _

from market.kernel.states import TransitionTable


class JobState(models.TextChoices):
    """Where a job stands. ``dead`` waits for an operator, who may send it back to ``pending``."""

    PENDING = "pending", _("pending")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    DEAD = "dead", _("dead letter")


JOB_MOVES = TransitionTable(
    {
        JobState.PENDING: [JobState.RUNNING],
        JobState.RUNNING: [JobState.RUNNING, JobState.DONE, JobState.PENDING, JobState.DEAD],
        JobState.DEAD: [JobState.PENDING],
    }
)
