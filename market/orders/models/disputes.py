"""A buyer's objection to a delivery, and what is known about it."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from market.kernel import clock
from market.kernel.constraints import is_sha256
from market.kernel.identifiers import uuid7
from market.kernel.money import CURRENCY
from market.orders.models.orders import Order
from market.orders.states import DisputeReason, DisputeState, EvidenceKind, Verdict


class Dispute(models.Model):
    """WHY: what the buyer objects to in a delivery, what the vendor answers, and what the operator decides.

    ``amount`` (fen) is what the order held in escrow when it was disputed, ``refund_amount`` what of it goes back to
    the buyer. ``answer_due_at`` and ``decision_due_at`` are the deadlines that beat enforces: after the first the
    operator decides without an answer, after the second its delay is put on record, at ``escalated_at``. What is said
    stays as it was said, in the database too; who said it is in the audit log.
    """

    id = models.UUIDField(_("key"), primary_key=True, default=uuid7, editable=False)
    order = models.OneToOneField(Order, models.PROTECT, related_name="dispute", verbose_name=_("order"))
    buyer_org_id = models.UUIDField(editable=False)
    vendor_org_id = models.UUIDField(editable=False)
    state = models.CharField(_("state"), max_length=20, choices=DisputeState, default=DisputeState.AWAITING_ANSWER)
    reason = models.CharField(_("reason"), max_length=20, choices=DisputeReason)
    text = models.TextField(_("what the buyer says"))
    amount = models.BigIntegerField(_("disputed (fen)"))
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    opened_at = models.DateTimeField(pgettext_lazy("time", "disputed"), default=clock.now)
    answer_due_at = models.DateTimeField(_("to be answered by"))
    decision_due_at = models.DateTimeField(_("to be decided by"), null=True)
    escalated_at = models.DateTimeField(_("escalated"), null=True)
    answer = models.TextField(_("what the vendor says"), blank=True)
    answered_at = models.DateTimeField(pgettext_lazy("time", "answered"), null=True)
    verdict = models.CharField(_("decision"), max_length=8, choices=Verdict, blank=True)
    refund_amount = models.BigIntegerField(_("refund (fen)"), null=True)
    grounds = models.TextField(_("grounds of the decision"), blank=True)
    decided_at = models.DateTimeField(pgettext_lazy("time", "decided"), null=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="dispute_answered_when_said",
                condition=Q(answer="", answered_at=None)
                | (~Q(answer="") & Q(answered_at__isnull=False) & ~Q(state=DisputeState.AWAITING_ANSWER)),
            ),
            models.CheckConstraint(
                name="dispute_decision_due_when_awaited",
                condition=Q(state=DisputeState.AWAITING_ANSWER, decision_due_at=None, escalated_at=None)
                | (~Q(state=DisputeState.AWAITING_ANSWER) & Q(decision_due_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="dispute_decided_with_grounds",
                condition=Q(
                    state__in=[DisputeState.AWAITING_ANSWER, DisputeState.AWAITING_DECISION],
                    verdict="",
                    refund_amount=None,
                    grounds="",
                    decided_at=None,
                )
                | (
                    Q(state=DisputeState.DECIDED, decided_at__isnull=False, refund_amount__isnull=False)
                    & ~Q(grounds="")
                    & ~Q(verdict="")
                ),
            ),
            models.CheckConstraint(
                name="dispute_refund_fits_verdict",
                condition=Q(verdict="")
                | Q(verdict=Verdict.ACCEPT, refund_amount=0)
                | Q(verdict=Verdict.REFUND, refund_amount=F("amount"))
                | Q(verdict=Verdict.PARTIAL, refund_amount__gt=0, refund_amount__lt=F("amount")),
            ),
        ]
        indexes = [
            models.Index(fields=["vendor_org_id", "-id"], name="dispute_of_vendor"),
            models.Index(
                fields=["answer_due_at"],
                condition=Q(state=DisputeState.AWAITING_ANSWER),
                name="dispute_answer_due",
            ),
            models.Index(
                fields=["decision_due_at"],
                condition=Q(state=DisputeState.AWAITING_DECISION),
                name="dispute_decision_due",
            ),
        ]

    def __str__(self) -> str:
        return self.order.number


class DisputeEvidence(models.Model):
    """WHY: what the exchange itself knew about a disputed order at that moment, frozen: canonical JSON and its SHA-256.

    Attached without anybody's asking; each room writes one document of its kind. Append-only.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    dispute = models.ForeignKey(
        Dispute, models.PROTECT, related_name="evidence", verbose_name=_("dispute"), db_index=False
    )
    vendor_org_id = models.UUIDField(editable=False)
    kind = models.CharField(_("kind"), max_length=16, choices=EvidenceKind)
    document = models.TextField(_("document"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    created_at = models.DateTimeField(_("frozen"), default=clock.now)

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["dispute", "kind"], name="dispute_evidence_once"),
            models.CheckConstraint(name="dispute_evidence_sha256", condition=is_sha256("sha256")),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.sha256[:12]}…"
