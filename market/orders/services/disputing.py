"""A buyer objects to a delivery in time, and the vendor answers."""

import datetime
import hashlib
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import rfc8785
from django.conf import settings
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from market.audit.models import AuditEvent
from market.catalog.services.rules import Findings
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together, move_instance
from market.kernel.errors import Forbidden, NotFound
from market.ledger.selectors import transfers_of
from market.orders import jobs
from market.orders.errors import AcceptancePeriodOver, AnswerTooLate
from market.orders.locks import lock_order
from market.orders.models import Dispute, DisputeEvidence, Order, OrderTerms
from market.orders.selectors import ANSWERING_ROLES, bare_orders_visible_to
from market.orders.services.steps import BATCH, evidence, lock_for_buyer, move
from market.orders.services.words import objection, spoken
from market.orders.states import DISPUTE_MOVES, ORDER_MOVES, DisputeState, EvidenceKind, OrderState
from market.outbox.services import job

AlsoInsertDispute = Callable[[Dispute], Model] | None
"""Makes one more row from the dispute, which is inserted already (an idempotent reply)."""


def dispute(
    *, actor: Actor, order_id: uuid.UUID, reason: str, text: str, also_insert: AlsoInsertDispute = None
) -> Dispute:
    """The buyer objects to a delivery before its acceptance period ends; its money stays in escrow until a decision.

    The contract and the order's history so far are attached as evidence; a job asks the delivery room for the receipts.
    The vendor has ``DISPUTE_ANSWER_DAYS`` to answer.

    Raises ``InvalidInput``, ``IllegalTransition`` unless the order is delivered, ``AcceptancePeriodOver``,
    ``Forbidden``, ``NotFound``.
    """
    findings = Findings()
    text = objection(findings, "", reason, text)
    findings.raise_if_any()
    with transaction.atomic():
        order = lock_for_buyer(actor, order_id)
        require_disputable(order)
        move(order, OrderState.DISPUTED)
        insert_together(*disputed(actor, [(order, reason, text)]))
        if also_insert:
            insert_together(also_insert(order.dispute))
    return order.dispute


def require_disputable(order: Order) -> None:
    """Raise unless the locked order is delivered and may still be accepted or disputed by its buyer."""
    if order.state != OrderState.DELIVERED:
        raise ORDER_MOVES.illegal(order.state, OrderState.DISPUTED)
    if order.acceptance_due_at <= clock.now():
        raise AcceptancePeriodOver(_("It ended at %(at)s.") % {"at": order.acceptance_due_at.isoformat()})


def disputed(actor: Actor, objections: Iterable[tuple[Order, str, str]]) -> list[Model]:
    """The unsaved rows of disputes about orders that have just moved to ``disputed``: order, reason code, text of each.

    Sets ``order.dispute``. Three queries, however many.
    """
    objections = list(objections)
    documents = _what_is_known([order for order, _reason, _text in objections])
    now = clock.now()
    due = now + datetime.timedelta(days=settings.DISPUTE_ANSWER_DAYS)
    rows: list[Model] = []
    for order, reason, text in objections:
        opened = Dispute(
            order=order,
            buyer_org_id=order.buyer_org_id,
            vendor_org_id=order.vendor_org_id,
            reason=reason,
            text=text,
            amount=order.amount,
            currency=order.currency,
            opened_at=now,
            answer_due_at=due,
        )
        rows += [
            opened,
            *(_frozen(opened, kind, document) for kind, document in documents[order.id].items()),
            evidence(
                "order.disputed",
                actor,
                order,
                reason_code=reason,
                text_sha256=_sha256(text),
                answer_due_at=due.isoformat(),
            ),
            job(jobs.DISPUTED, key=str(order.id), subject_id=order.id),
        ]
    return rows


def _what_is_known(orders: list[Order]) -> dict[uuid.UUID, dict[str, dict[str, Any]]]:
    """Order -> kind of evidence -> document, of what this room can prove."""
    keys = [order.id for order in orders]
    terms = {row.order_id: row for row in OrderTerms.objects.filter(order__in=keys).order_by("version")}
    acts: dict[uuid.UUID, list] = {key: [] for key in keys}
    for event in AuditEvent.objects.filter(subject_id__in=keys).order_by("id"):
        acts[event.subject_id].append({"id": str(event.id), "name": event.name, "at": event.occurred_at.isoformat()})
    money: dict[uuid.UUID, list] = {key: [] for key in keys}
    for transfer in transfers_of(keys):
        money[transfer.subject_id].append({"id": str(transfer.id), "kind": transfer.kind, "amount": transfer.amount})
    return {
        order.id: {
            EvidenceKind.CONTRACT: {
                "order": order.number,
                "terms_version": terms[order.id].version,
                "terms_sha256": terms[order.id].sha256,
                "revision": str(order.revision_id),
                "delivered_at": order.delivered_at.isoformat(),
                "acceptance_due_at": order.acceptance_due_at.isoformat(),
            },
            EvidenceKind.HISTORY: {"order": order.number, "acts": acts[order.id], "money": money[order.id]},
        }
        for order in orders
    }


def _frozen(dispute: Dispute, kind: str, document: dict[str, Any]) -> DisputeEvidence:
    canonical = rfc8785.dumps(document).decode()
    return DisputeEvidence(
        dispute=dispute,
        vendor_org_id=dispute.vendor_org_id,
        kind=kind,
        document=canonical,
        sha256=_sha256(canonical),
        created_at=clock.now(),
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def attach_evidence(*, order_id: uuid.UUID, kind: str, document: dict[str, Any]) -> None:
    """A higher room adds what it knows about a disputed order, once a kind; what stands there already stays.

    ``document`` must be JSON. Raises ``NotFound`` for an order without a dispute.
    """
    with transaction.atomic():
        order = lock_order(Order.objects, order_id)
        dispute = Dispute.objects.filter(order=order).first()
        if dispute is None:
            raise NotFound
        if not dispute.evidence.filter(kind=kind).exists():
            frozen = _frozen(dispute, kind, document)
            proof = evidence("order.evidence_attached", SYSTEM, order, kind=kind, sha256=frozen.sha256)
            insert_together(frozen, proof)


def answer_dispute(*, actor: Actor, order_id: uuid.UUID, text: str, also_insert: AlsoInsertDispute = None) -> Dispute:
    """The vendor says its word, once and in time; then the operator decides.

    Raises ``InvalidInput``, ``IllegalTransition`` when nothing waits for an answer, ``AnswerTooLate``, ``Forbidden``,
    ``NotFound``.
    """
    actor.require_role(*ANSWERING_ROLES)
    findings = Findings()
    text = spoken(findings, "/text", text)
    findings.raise_if_any()
    with transaction.atomic():
        order, dispute = lock_dispute(actor, order_id)
        if order.vendor_org_id != actor.organization_id:
            raise Forbidden(_("Only the vendor may do this."))
        now = clock.now()
        if dispute.state == DisputeState.AWAITING_ANSWER and dispute.answer_due_at <= now:
            raise AnswerTooLate(_("The operator decides without it."))
        advance(
            dispute,
            DisputeState.AWAITING_DECISION,
            answer=text,
            answered_at=now,
            decision_due_at=_decision_due(now),
        )
        insert_together(
            evidence("order.dispute_answered", actor, order, text_sha256=_sha256(text)),
            also_insert(dispute) if also_insert else None,
        )
    return dispute


def lock_dispute(actor: Actor, order_id: uuid.UUID) -> tuple[Order, Dispute]:
    """A visible order, locked, and its dispute. Raises ``NotFound``, ``IllegalTransition`` when there is none."""
    order = lock_order(bare_orders_visible_to(actor), order_id)
    if order.state != OrderState.DISPUTED:
        raise ORDER_MOVES.illegal(order.state, OrderState.DISPUTED)
    return order, order.dispute


def advance(dispute: Dispute, target: str, **changes: Any) -> None:
    """Compare-and-set in the database, and the same on the instance. Raises ``IllegalTransition``."""
    move_instance(dispute, DISPUTE_MOVES, target, **changes)


def _decision_due(now: datetime.datetime) -> datetime.datetime:
    return now + datetime.timedelta(days=settings.DISPUTE_DECISION_DAYS)


def close_unanswered() -> int:
    """Hand every dispute whose vendor did not answer in time to the operator; returns how many.

    In batches; any number of callers may run at once, each takes what no other holds.
    """
    now = clock.now()
    unanswered = Dispute.objects.filter(state=DisputeState.AWAITING_ANSWER, answer_due_at__lte=now)
    changes = {"state": DisputeState.AWAITING_DECISION, "decision_due_at": _decision_due(now)}
    return _in_batches(unanswered.order_by("answer_due_at"), "order.dispute_unanswered", changes)


def escalate_undecided() -> int:
    """Put on record, once a dispute, that the operator did not decide in time; returns how many.

    No clock gives a verdict: the money stays in escrow, and the delay is in the order's timeline, for both parties and
    auditors, and on every page of the operators' workspace until somebody decides. Batches as ``close_unanswered``.
    """
    now = clock.now()
    undecided = Dispute.objects.filter(
        state=DisputeState.AWAITING_DECISION, decision_due_at__lte=now, escalated_at=None
    )
    return _in_batches(undecided.order_by("decision_due_at"), "order.dispute_escalated", {"escalated_at": now})


def _in_batches(overdue: QuerySet[Dispute], event: str, changes: dict[str, Any]) -> int:
    """Make the changes to every dispute of the queryset, each with its event; returns how many."""
    done = 0
    while batch := _one_batch(overdue, event, changes):
        done += batch
    return done


def _one_batch(overdue: QuerySet[Dispute], event: str, changes: dict[str, Any]) -> int:
    with transaction.atomic():
        batch = list(
            overdue.select_related("order").select_for_update(of=("self",), skip_locked=True, no_key=True)[:BATCH]
        )
        Dispute.objects.filter(id__in=[dispute.id for dispute in batch]).update(**changes)
        insert_together([evidence(event, SYSTEM, dispute.order) for dispute in batch])
    return len(batch)
