from django.db import models

from market.kernel import clock
from market.kernel.identifiers import uuid7


class IdempotentReply(models.Model):
    """WHY: a client that repeats a request after a lost answer must get the first answer, not a second act.

    The row is written in the business transaction, so it exists exactly when the act happened. A refused request
    leaves no row: nothing happened, and the same key may try again.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField()
    operation = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField()
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "operation", "key"], name="api_idempotent_reply_once"),
        ]
        indexes = [models.Index(fields=["created_at"], name="api_idempotent_reply_age")]

    def __str__(self) -> str:
        return f"{self.operation} {self.key}"
