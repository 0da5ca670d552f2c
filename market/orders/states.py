from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from market.kernel.states import TransitionTable


class OrderState(models.TextChoices):
    """Where an order stands. No money has moved yet in the two ``awaiting`` states."""

    AWAITING_APPROVAL = "awaiting_approval", _("awaiting approval")
    AWAITING_FUNDS = "awaiting_funds", _("awaiting funds")
    PAID = "paid", _("paid into escrow")
    DELIVERING = "delivering", _("delivering")
    DELIVERED = "delivered", _("delivered")
    DELIVERY_FAILED = "delivery_failed", _("delivery failed")
    ACCEPTED = "accepted", _("accepted")
    DISPUTED = "disputed", _("disputed")
    SETTLED = "settled", _("settled")
    CANCELLED = "cancelled", _("cancelled")
    EXPIRED = "expired", _("expired")
    REFUNDED = "refunded", _("refunded")


ORDER_MOVES = TransitionTable(
    {
        OrderState.AWAITING_APPROVAL: [
            OrderState.PAID,
            OrderState.AWAITING_FUNDS,
            OrderState.EXPIRED,
            OrderState.CANCELLED,
        ],
        OrderState.AWAITING_FUNDS: [OrderState.PAID, OrderState.EXPIRED, OrderState.CANCELLED],
        # Straight to failed: the job can die before it has begun.
        OrderState.PAID: [OrderState.DELIVERING, OrderState.DELIVERY_FAILED, OrderState.CANCELLED],
        OrderState.DELIVERING: [OrderState.DELIVERED, OrderState.DELIVERY_FAILED, OrderState.CANCELLED],
        OrderState.DELIVERY_FAILED: [OrderState.DELIVERING, OrderState.REFUNDED],
        OrderState.DELIVERED: [OrderState.ACCEPTED, OrderState.DISPUTED],
        OrderState.DISPUTED: [OrderState.ACCEPTED, OrderState.REFUNDED],
        OrderState.ACCEPTED: [OrderState.SETTLED],
    }
)

HOLDS_ESCROW = (
    OrderState.PAID,
    OrderState.DELIVERING,
    OrderState.DELIVERED,
    OrderState.DELIVERY_FAILED,
    OrderState.DISPUTED,
)
"""States in which the buyer's money lies in escrow; ``accepted`` does too until its capture is posted."""

WAITING = (OrderState.AWAITING_APPROVAL, OrderState.AWAITING_FUNDS)
"""States before any money has moved."""


class DisputeState(models.TextChoices):
    """Whose word is awaited."""

    AWAITING_ANSWER = "awaiting_answer", _("awaiting the vendor's answer")
    AWAITING_DECISION = "awaiting_decision", _("awaiting the operator's decision")
    DECIDED = "decided", pgettext_lazy("dispute", "decided")


DISPUTE_MOVES = TransitionTable(
    {
        DisputeState.AWAITING_ANSWER: [DisputeState.AWAITING_DECISION],
        DisputeState.AWAITING_DECISION: [DisputeState.DECIDED],
    }
)


class DisputeReason(models.TextChoices):
    """What a buyer objects to."""

    NOT_AS_DESCRIBED = "not_as_described", _("not as described")
    INCOMPLETE = "incomplete", _("incomplete")
    UNUSABLE = "unusable", _("cannot be used")
    NOT_RECEIVED = "not_received", _("not received")
    RIGHTS = "rights", _("rights in doubt")
    OTHER = "other", _("other")


class Verdict(models.TextChoices):
    """How an operator decides a dispute."""

    ACCEPT = "accept", _("the delivery is accepted")
    REFUND = "refund", _("the buyer is refunded")
    PARTIAL = "partial", _("the buyer is refunded in part")


class EvidenceKind(models.TextChoices):
    """What a document of evidence is about."""

    CONTRACT = "contract", _("contract")
    HISTORY = "history", _("history and money")
    DELIVERY = "delivery", _("delivery and receipts")


class AmendmentState(models.TextChoices):
    """Where a proposal to change a contract stands."""

    PROPOSED = "proposed", _("proposed")
    CONFIRMED = "confirmed", _("confirmed")
    DECLINED = "declined", _("declined")
    WITHDRAWN = "withdrawn", _("withdrawn")
    EXPIRED = "expired", _("expired")


AMENDMENT_MOVES = TransitionTable(
    {
        AmendmentState.PROPOSED: [
            AmendmentState.CONFIRMED,
            AmendmentState.DECLINED,
            AmendmentState.WITHDRAWN,
            AmendmentState.EXPIRED,
        ],
    }
)


class ContractSide(models.TextChoices):
    """Whose word it is."""

    BUYER = "buyer", _("buyer")
    VENDOR = "vendor", _("vendor")


_IN_FORCE = (
    OrderState.PAID,
    OrderState.DELIVERING,
    OrderState.DELIVERY_FAILED,
    OrderState.DELIVERED,
    OrderState.ACCEPTED,
    OrderState.SETTLED,
)

AMENDABLE = {
    "purpose": _IN_FORCE,
    "licence": _IN_FORCE,
    "acceptance_days": (
        OrderState.PAID,
        OrderState.DELIVERING,
        OrderState.DELIVERY_FAILED,
        OrderState.DELIVERED,
    ),
    "ends_on": (OrderState.ACCEPTED,),
}
"""What of a contract both sides may change, and in which states of the order. ``ends_on`` needs a contract that runs;
one that ran and is settled is over, so that nothing of it can be changed."""
