"""An order's history as a picture: who did what and when, with the money that each step moved."""

import dataclasses
import datetime
from collections.abc import Iterable
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.states import Role
from market.kernel import money
from market.kernel.actors import SYSTEM
from market.ledger.states import AccountKind, TransferKind
from market.orders import selectors
from market.orders.models import Order
from market.orders.states import DisputeReason, Verdict
from market.workspaces.columns import moment_text

TOGETHER = datetime.timedelta(seconds=5)
"""An act and the money it moves are of one transaction; further apart they are told separately."""

ACTS = {
    "order.placed": (_("Order placed"), "shopping_cart"),
    "order.renewed": (_("Renewed by another order"), "autorenew"),
    "order.approved": (_("Approved by the buyer's finance"), "verified"),
    "order.declined": (_("Declined by the buyer's finance"), "block"),
    "order.paid": (_("Paid into escrow"), "account_balance_wallet"),
    "order.expired": (_("Void: nobody paid or approved in time"), "timer_off"),
    "order.cancelled": (_("Cancelled"), "cancel"),
    "order.delivering": (_("Delivery began"), "local_shipping"),
    "order.delivery_failed": (_("Delivery failed"), "error"),
    "order.delivery_retried": (_("Delivery tried again"), "refresh"),
    "order.delivered": (_("Delivered"), "inventory_2"),
    "order.accepted": (_("Accepted"), "task_alt"),
    "order.disputed": (_("Disputed"), "gavel"),
    "order.evidence_attached": (_("Evidence attached"), "attach_file"),
    "order.dispute_answered": (_("Vendor answered"), "forum"),
    "order.dispute_unanswered": (_("No answer in time"), "timer_off"),
    "order.dispute_escalated": (_("No decision in time"), "notification_important"),
    "order.dispute_decided": (_("Dispute decided"), "balance"),
    "order.captured": (_("Captured for the vendor"), "call_split"),
    "order.refunded": (_("Refunded"), "undo"),
    "order.settled": (_("Settled"), "done_all"),
    "order.amendment_proposed": (_("Amendment proposed"), "edit_note"),
    "order.amended": (_("Terms amended"), "history_edu"),
    "order.amendment_declined": (_("Amendment declined"), "block"),
    "order.amendment_withdrawn": (_("Amendment withdrawn"), "undo"),
    "order.amendment_expired": (_("Amendment expired"), "timer_off"),
    "subscription.began": (_("Subscription began"), "play_circle"),
    "subscription.trial_ended": (_("Ended within the trial"), "hourglass_bottom"),
    "subscription.month_charged": (_("Month charged"), "calendar_month"),
    "subscription.instalment_paid": (_("Instalment paid"), "payments"),
    "subscription.past_due": (_("Instalment late"), "schedule"),
    "subscription.suspended": (_("Suspended: an instalment is late"), "pause_circle"),
    "subscription.resumed_paying": (_("Paid again"), "resume"),
    "subscription.resumed": (_("To be renewed again"), "autorenew"),
    "subscription.cancelled": (_("Not to be renewed"), "event_busy"),
    "subscription.declined": (_("The vendor will not renew"), "event_busy"),
    "subscription.renewal_notice": (_("Renewal announced"), "notifications"),
    "subscription.not_renewed": (_("Not renewed"), "event_busy"),
    "subscription.shortened": (_("Early end agreed"), "content_cut"),
    "subscription.ended": (_("Subscription ended"), "stop_circle"),
    "meter.began": (_("Metering began"), "speed"),
    "meter.warned": (_("Prepayment nearly used up"), "warning"),
    "meter.topped_up": (_("Prepayment topped up"), "payments"),
    "meter.stopped": (_("Prepayment used up"), "pause_circle"),
    "meter.cancelled": (_("Ended early by the buyer"), "event_busy"),
    "meter.end_agreed": (_("Early end agreed"), "content_cut"),
    "meter.ended": (_("Metering ended"), "stop_circle"),
}
"""What an act is called on the pages, and its symbol; any other keeps the name that it has in the evidence."""

MOVED_BY = {
    TransferKind.ESCROW: {"order.placed", "order.paid", "subscription.instalment_paid", "meter.topped_up"},
    TransferKind.RELEASE: {
        "order.cancelled",
        "order.refunded",
        "order.dispute_decided",
        "subscription.trial_ended",
        "subscription.shortened",
        "meter.ended",
    },
    TransferKind.CAPTURE_NET: {"order.captured"},
    TransferKind.CAPTURE_COMMISSION: {"order.captured"},
    TransferKind.CAPTURE_VAT: {"order.captured"},
}
"""Which acts move money of a kind: where several acts happened at one moment, the money belongs to these."""

PARTIES = {"buyer": _("buyer"), "vendor": _("vendor"), "exchange": _("exchange")}
ACCOUNTS = dict(AccountKind.choices)
ROLES = dict(Role.choices)


@dataclasses.dataclass(slots=True)
class Step:
    """One act with the movements of money that belong to it; a movement without an act is a step of its own."""

    act: selectors.Moment | None
    movements: list[selectors.Moment]

    @property
    def at(self) -> datetime.datetime:
        """When it happened."""
        return (self.act or self.movements[0]).at


def steps_of(moments: Iterable[selectors.Moment]) -> list[Step]:
    """The history with each movement of money at the act that moved it, oldest first."""
    moments = list(moments)
    steps = [Step(moment, []) for moment in moments if moment.amount is None]
    for movement in (moment for moment in moments if moment.amount is not None):
        step = _moved_by(movement, steps)
        if step is None:
            steps.append(Step(None, [movement]))
        else:
            step.movements.append(movement)
    return sorted(steps, key=lambda step: step.at)


def _moved_by(movement: selectors.Moment, steps: list[Step]) -> Step | None:
    near = [step for step in steps if step.act is not None and abs(step.at - movement.at) <= TOGETHER]
    expected = MOVED_BY.get(movement.name.removeprefix("money."), set())
    ranked = sorted(near, key=lambda step: (step.act.name not in expected, abs(step.at - movement.at)))
    return ranked[0] if ranked else None


def timeline(order: Order) -> SafeString:
    """The picture of the history as ``order.reader`` may know it."""
    steps = [_line(step) for step in steps_of(selectors.timeline(order.reader, order))]
    return render_to_string("orders/timeline.html", {"steps": steps})


def _line(step: Step) -> dict[str, Any]:
    line: dict[str, Any] = {
        "at": moment_text(step.at),
        "movements": [_movement(movement) for movement in step.movements],
    }
    act = step.act
    if act is None:
        return line | {"title": _("Money moved"), "icon": "swap_horiz", "party": "exchange"}
    title, icon = ACTS.get(act.name, (act.name, "radio_button_checked"))
    by_itself = act.actor == SYSTEM.label
    person = (
        _("by itself")
        if by_itself
        else " · ".join(str(part) for part in (ROLES.get(act.role, act.role), act.actor) if part)
    )
    return line | {
        "title": title,
        "icon": icon,
        "name": act.name,
        "party": act.party,
        "who": PARTIES[act.party],
        "person": person,
        "details": list(_details(act.details)),
    }


def _details(details: dict[str, Any]) -> Iterable[Any]:
    """What the evidence says beyond the title, in words."""
    if details.get("automatic"):
        yield _("The time for it had run out.")
    if reason := details.get("reason_code"):
        yield DisputeReason(reason).label
    if verdict := details.get("verdict"):
        yield Verdict(verdict).label
    if reason := details.get("reason"):
        yield reason
    if (part := details.get("part")) and part != "whole":
        yield _("part: %(part)s") % {"part": part}


def _movement(movement: selectors.Moment) -> dict[str, Any]:
    return {
        "kind": TransferKind(movement.name.removeprefix("money.")).label,
        "yuan": money.to_text(movement.amount),
        "debit": ACCOUNTS[movement.debit],
        "credit": ACCOUNTS[movement.credit],
    }


def money_picture(order: Order) -> SafeString:
    """Where the order's money is: a bar of what went into escrow, divided by what became of it."""
    sums = selectors.money_of(order)
    names = {
        "captured": _("captured for the vendor"),
        "held": _("held in escrow"),
        "returned": _("returned to the buyer"),
    }
    parts, start = [], 0
    for name, label in names.items():
        parts.append(
            {
                "name": name,
                "label": label,
                "yuan": money.to_text(sums[name]),
                # In thousandths of the bar, so that rounding never leaves a gap at its end.
                "start": start * 1000 // sums["escrowed"] if sums["escrowed"] else 0,
                "width": 1000 - start * 1000 // sums["escrowed"] if sums[name] else 0,
            }
        )
        start += sums[name]
    return render_to_string("orders/money.html", {"escrowed": money.to_text(sums["escrowed"]), "parts": parts})
