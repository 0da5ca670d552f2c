from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from market.kernel import clock
from market.kernel.identifiers import uuid7


class AuditEvent(models.Model):
    """WHY: the evidence of every act, written in the act's own transaction, never changed afterwards.

    The actor's label and the payload are frozen here so that the row can be read, and one day be proved, without
    any other table. ``sequence`` and ``leaf_hash`` are filled once by a sequencer: writers never wait for it.
    There are no foreign keys: evidence outlives what it speaks of, and other organisations' shards.
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("act"), max_length=64)
    occurred_at = models.DateTimeField(_("when"), default=clock.now)
    actor_user_id = models.UUIDField(_("acting user"), null=True)
    actor_org_id = models.UUIDField(_("acting organisation"), null=True)
    actor_role = models.CharField(_("role"), max_length=32, blank=True)
    actor_label = models.CharField(_("who"), max_length=200)
    on_behalf_of_org_id = models.UUIDField(_("on behalf of"), null=True)
    subject_type = models.CharField(_("subject"), max_length=32)
    subject_id = models.UUIDField()
    buyer_org_id = models.UUIDField(_("buyer"), null=True)
    vendor_org_id = models.UUIDField(_("vendor"), null=True)
    payload = models.JSONField(_("details"), default=dict)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    sequence = models.BigIntegerField(_("number in the log"), null=True)
    leaf_hash = models.BinaryField(null=True, max_length=32)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["sequence"], condition=models.Q(sequence__isnull=False), name="audit_event_sequence_once"
            ),
        ]
        indexes = [
            models.Index(fields=["subject_id", "id"], name="audit_event_subject"),
            models.Index(fields=["name", "id"], name="audit_event_name"),
            models.Index(fields=["id"], condition=models.Q(sequence=None), name="audit_event_unsequenced"),
            # Events come in nearly in order of time: a few kilobytes find a day among millions.
            BrinIndex(fields=["occurred_at"], autosummarize=True, name="audit_event_when"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.subject_type} {self.subject_id}"
