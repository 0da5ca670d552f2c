"""The end of a contract, sooner or later: months are cut, unused money returns, the last charge closes the trade.

What was charged is never taken back: an end lies no earlier than the months that are charged.
"""

import datetime
import uuid
from typing import Any

from django.db import transaction

from market.billing.locks import lock_open_periods, lock_subscription
from market.billing.models import Period, Subscription
from market.billing.selectors import subscriptions_visible_to
from market.billing.services.beginning import plan_of
from market.billing.services.charging import charge_months_of
from market.billing.states import LATE, SUBSCRIPTION_MOVES, EndReason, PeriodState, Renewal, SubscriptionState
from market.catalog import pricing
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together, move_instance
from market.ledger.services import posting
from market.orders import services as orders
from market.orders.models import Charge
from market.orders.services.charging import back_to_wallet, capture_job, charge
from market.orders.services.steps import evidence

CLOSING = "end"
"""The part of a charge of nothing that only says: there will be no other."""


def terminate(*, order_id: uuid.UUID, leaves_on: datetime.date) -> Subscription | None:
    """Both sides agreed that the contract is over before ``leaves_on``: return what is unused from then on, at once.

    Months that end by then are paid whole, the one that is cut by its days (``pricing.unused_part``); when the day has
    come the used part is charged and the contract ends, else it runs until then and is not renewed. Calling again, or
    for a contract that has ended, does nothing. None when the order has no subscription.
    """
    with posting(), transaction.atomic():
        found = Subscription.objects.filter(order=order_id).values_list("id", flat=True).first()
        if found is None:
            return None
        subscription = lock_subscription(subscriptions_visible_to(SYSTEM), found)
        if subscription.state == SubscriptionState.ENDED or leaves_on >= subscription.ends_before:
            return subscription
        returned = cut(subscription, leaves_on)
        will_not_renew(subscription, Renewal.AGREED)
        insert_together(
            evidence(
                "subscription.shortened",
                SYSTEM,
                subscription.order,
                ends_before=subscription.ends_before.isoformat(),
                returned=returned,
            )
        )
        # Within a trial the right ends on the very day, although the contract has no paid day at all.
        last = leaves_on if leaves_on < subscription.starts_on else subscription.ends_before
        orders.end_access(order_id=order_id, at=clock.business_midnight(last))
        if subscription.ends_before <= clock.business_date():
            conclude(subscription, EndReason.AGREEMENT)
    return subscription


def end_trial(*, actor: Actor, subscription: Subscription, also_insert: Any = None) -> None:
    """Within the trial the contract costs nothing: everything returns, and the right to receive ends now.

    The caller has locked the subscription and is inside ``posting()``.
    """
    returned = cut(subscription, subscription.starts_on)
    will_not_renew(subscription, Renewal.CANCELLED)
    insert_together(evidence("subscription.trial_ended", actor, subscription.order, returned=returned))
    finish(subscription, EndReason.TRIAL, access_until=clock.now(), also_insert=also_insert)


def end_unpaid(*, subscription_id: uuid.UUID) -> bool:
    """End one contract whose time to pay has run out: what was not paid is dropped. False when it is no longer late."""
    with posting(), transaction.atomic():
        subscription = lock_subscription(subscriptions_visible_to(SYSTEM), subscription_id)
        if subscription.state not in LATE or subscription.lapses_at > clock.now():
            return False
        unpaid = [period for period in lock_open_periods(subscription) if period.state == PeriodState.PLANNED]
        cut(subscription, unpaid[0].starts_on)
        conclude(subscription, EndReason.UNPAID, access_until=clock.now())
    return True


def cut(subscription: Subscription, leaves_on: datetime.date) -> int:
    """Let the contract be over before ``leaves_on`` and return what escrow holds for later; how much (fen).

    The caller has locked the subscription and is inside ``posting()``.
    """
    returned = 0
    changed = []
    plan = {month.number: month for month in plan_of(subscription.order)}
    for period in lock_open_periods(subscription):
        if period.ends_before <= leaves_on:
            continue
        unused = _cut_period(period, plan[period.number], leaves_on)
        if period.funded_at is not None:
            returned += unused
        changed.append(period)
    Period.objects.bulk_update(changed, ["state", "amount", "ends_before"])
    kept = Period.objects.filter(subscription=subscription).exclude(state=PeriodState.DROPPED).order_by("-number")
    rows = list(kept.values_list("amount", "ends_before"))
    subscription.amount = sum(amount for amount, _end in rows)
    subscription.ends_before = rows[0][1] if rows else subscription.starts_on
    Subscription.objects.filter(id=subscription.id).update(
        amount=subscription.amount, ends_before=subscription.ends_before
    )
    if returned:
        insert_together(back_to_wallet(subscription.order, part=f"from-{leaves_on}", amount=returned))
    return returned


def will_not_renew(subscription: Subscription, why: Renewal) -> None:
    """What would be renewed, or was declined or cancelled, ends for another reason now. The caller has locked it."""
    if subscription.renewal != Renewal.NEVER:
        subscription.renewal = why
        Subscription.objects.filter(id=subscription.id).update(renewal=why)


def _cut_period(period: Period, month: pricing.Month, leaves_on: datetime.date) -> int:
    """Drop the month or shorten it, on the instance; the fen that are not needed for it any more.

    The days are counted in the month as ordered, so that cutting twice comes to the same as cutting once.
    """
    if period.starts_on >= leaves_on:
        period.state = PeriodState.DROPPED
        return period.amount
    used = month.amount - pricing.unused_part(month.amount, month.starts_on, month.ends_before, leaves_on)
    unused = period.amount - used
    period.amount = used
    period.ends_before = leaves_on
    return unused


def conclude(subscription: Subscription, reason: EndReason, access_until: datetime.datetime | None = None) -> bool:
    """Charge what is over and end the contract, unless a month is still open. The caller has locked it."""
    charge_months_of(subscription)
    if lock_open_periods(subscription):
        return False
    finish(subscription, reason, access_until=access_until)
    return True


def finish(
    subscription: Subscription,
    reason: EndReason,
    *,
    access_until: datetime.datetime | None = None,
    also_insert: Any = None,
    **changes: Any,
) -> None:
    """Nothing is open any more: the contract has ended, and no other charge will follow.

    ``access_until``: when the right to receive ends, by default with the term. The caller has locked the subscription.
    """
    now = clock.now()
    ended = {"ended_at": now, "end_reason": reason, "suspends_at": None, "lapses_at": None, **changes}
    move_instance(subscription, SUBSCRIPTION_MOVES, SubscriptionState.ENDED, **ended)
    order = subscription.order
    orders.resume_access(order_ids=[order.id])
    orders.end_access(order_id=order.id, at=access_until or clock.business_midnight(subscription.ends_before))
    is_closed = Charge.objects.filter(order=order, is_final=True).exists()
    closing = None if is_closed else charge(order, part=CLOSING, amount=0, is_final=True)
    insert_together(
        closing,
        capture_job(closing) if closing else None,
        evidence("subscription.ended", SYSTEM, order, reason=str(reason)),
        also_insert(subscription) if also_insert else None,
    )
