from django.db import models
from django.utils.translation import gettext_lazy as _

from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.outbox.states import JobState


class Job(models.Model):
    """WHY: work that must happen after a transaction, recorded in that transaction, so that it can neither be lost
    with the broker nor start before the commit.

    ``lease_until`` and ``fence`` make one worker the owner: each claim raises the fence, and a worker whose fence is
    old can no longer finish. ``attempts`` are counted here, so a job that kills its worker ends as a dead letter.
    ``key`` is unique per kind: the same work asked for twice is one job.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(_("kind"), max_length=64)
    key = models.CharField(_("key"), max_length=128)
    subject_id = models.UUIDField(_("subject"))
    state = models.CharField(_("state"), max_length=16, choices=JobState, default=JobState.PENDING)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    fence = models.BigIntegerField(_("fence"), default=0)
    due_at = models.DateTimeField(_("due"), default=clock.now)
    hinted_at = models.DateTimeField(_("last hinted"), null=True)
    lease_until = models.DateTimeField(_("leased until"), null=True)
    last_error = models.TextField(_("last error"), blank=True)
    created_at = models.DateTimeField(_("created"), default=clock.now)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["kind", "key"], name="outbox_job_once"),
            models.CheckConstraint(
                name="outbox_job_lease_while_running",
                condition=~models.Q(state=JobState.RUNNING) | models.Q(lease_until__isnull=False),
            ),
            models.CheckConstraint(
                name="outbox_job_finished_when_done",
                condition=~models.Q(state=JobState.DONE) | models.Q(finished_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["subject_id"], name="outbox_job_subject"),
            models.Index(fields=["due_at"], condition=models.Q(state=JobState.PENDING), name="outbox_job_due"),
            models.Index(fields=["lease_until"], condition=models.Q(state=JobState.RUNNING), name="outbox_job_leased"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
