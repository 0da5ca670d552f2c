"""The operator's word on a dispute: the money goes to the vendor, to the buyer, or to both."""

import uuid

from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from market.catalog.services.rules import Findings
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together
from market.kernel.errors import Forbidden, InvalidInput
from market.ledger.services import posting
from market.orders import jobs
from market.orders.models import Dispute, Order
from market.orders.selectors import is_running
from market.orders.services.charging import back_to_wallet, capture_job, charge, due_at_acceptance
from market.orders.services.disputing import AlsoInsertDispute, advance, lock_dispute
from market.orders.services.steps import evidence, money_back, move, require_operator
from market.orders.services.words import spoken
from market.orders.states import DisputeState, OrderState, Verdict
from market.outbox.services import job

DISPUTED_PART = "dispute"
"""The part of an order that a decision charges, and the part that it returns."""


def decide_dispute(
    *,
    actor: Actor,
    order_id: uuid.UUID,
    verdict: str,
    grounds: str,
    refund_amount: int | None = None,
    also_insert: AlsoInsertDispute = None,
) -> Dispute:
    """An operator decides: accept (the vendor is charged for, a contract that runs begins), refund (everything returns,
    and the right to receive ends), or partial (``refund_amount`` fen return and the rest is charged).

    Raises ``InvalidInput``, ``IllegalTransition`` unless the dispute awaits a decision, ``Forbidden`` also for a party
    of the order, ``NotFound``.
    """
    require_operator(actor)
    grounds = _sound(verdict, grounds, refund_amount)
    with posting(), transaction.atomic():
        order, dispute = lock_dispute(actor, order_id)
        if actor.organization_id in (order.buyer_org_id, order.vendor_org_id):
            raise Forbidden(_("A party of the order does not decide about it."))
        refund = _refund(order, verdict, refund_amount)
        now = clock.now()
        advance(dispute, DisputeState.DECIDED, verdict=verdict, refund_amount=refund, grounds=grounds, decided_at=now)
        if verdict == Verdict.REFUND:
            move(order, OrderState.REFUNDED, closed_at=now)
        else:
            move(order, OrderState.ACCEPTED, accepted_at=now)
        insert_together(
            evidence("order.dispute_decided", actor, order, verdict=verdict, returned=refund, reason=grounds),
            _consequences(order, verdict, refund),
            also_insert(dispute) if also_insert else None,
        )
    return dispute


def _sound(verdict: str, grounds: str, refund_amount: int | None) -> str:
    """The cleaned grounds. Raises ``InvalidInput``."""
    findings = Findings()
    if verdict not in Verdict.values:
        findings.errors["/verdict"] = _("Choose one of the decisions.")
    if (verdict == Verdict.PARTIAL) != (refund_amount is not None):
        findings.errors["/refund_amount"] = _("Name an amount for a refund in part, and only for that.")
    grounds = spoken(findings, "/grounds", grounds)
    findings.raise_if_any()
    return grounds


def _refund(order: Order, verdict: str, refund_amount: int | None) -> int:
    """What returns to the buyer, in fen. Raises ``InvalidInput`` when a part is not between nothing and all."""
    if verdict != Verdict.PARTIAL:
        return order.amount if verdict == Verdict.REFUND else 0
    if is_running(order):
        raise InvalidInput(errors={"/verdict": _("A contract that runs is accepted or refunded whole.")})
    if not 0 < refund_amount < order.amount:
        raise InvalidInput(errors={"/refund_amount": _("More than nothing, and less than the whole amount.")})
    return refund_amount


def _consequences(order: Order, verdict: str, refund: int) -> list[Model]:
    """What follows for the order's money and for the buyer's right to receive."""
    if verdict == Verdict.ACCEPT:
        return due_at_acceptance(order)
    if verdict == Verdict.REFUND:
        return [*money_back([order]), job(jobs.REVOKE, key=str(order.id), subject_id=order.id)]
    rest = charge(order, part=DISPUTED_PART, amount=order.amount - refund, is_final=True)
    return [rest, capture_job(rest), back_to_wallet(order, part=DISPUTED_PART, amount=refund)]
