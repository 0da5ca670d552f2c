"""Reads of running contracts, scoped by who asks."""

import datetime
import uuid
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery

from accounts.states import Capacity
from market.billing.models import Period, Subscription
from market.billing.states import PeriodState, Renewal, SubscriptionState
from market.catalog.selectors import may_list
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.errors import NotFound
from market.orders.selectors import BUYING_ROLES

_SEE_ALL = frozenset({Capacity.OPERATOR, Capacity.REGULATOR})


def subscriptions_visible_to(actor: Actor) -> QuerySet[Subscription]:
    """Subscriptions with all that a line about them shows: a buyer's own, a vendor's subscribers, all for auditors.

    Each has its next payment as ``next_due_on`` and ``next_amount`` (fen), None when nothing more is to be paid in.
    """
    planned = Period.objects.filter(subscription=OuterRef("pk"), state=PeriodState.PLANNED).order_by("number")
    subscriptions = Subscription.objects.select_related(
        "order__product", "order__revision", "order__renewed_by", "buyer_org", "vendor_org"
    ).annotate(
        next_due_on=Subquery(planned.values("due_on")[:1]),
        next_amount=Subquery(planned.values("amount")[:1]),
    )
    if actor is SYSTEM or actor.capacities & _SEE_ALL:
        return subscriptions
    return subscriptions.filter(Q(buyer_org=actor.organization_id) | Q(vendor_org=actor.organization_id))


def filter_subscriptions(
    subscriptions: QuerySet[Subscription],
    *,
    state: str | None = None,
    order: uuid.UUID | None = None,
    product: uuid.UUID | None = None,
) -> QuerySet[Subscription]:
    """Narrow a list."""
    exact = {"state": state, "order": order, "order__product": product}
    return subscriptions.filter(**{name: value for name, value in exact.items() if value is not None})


def subscription_visible_to(actor: Actor, subscription_id: uuid.UUID) -> Subscription:
    """One subscription. Raises ``NotFound`` also for other organisations' subscriptions."""
    subscription = subscriptions_visible_to(actor).filter(id=subscription_id).first()
    if subscription is None:
        raise NotFound
    return subscription


def periods_of(subscription: Subscription) -> QuerySet[Period]:
    """Its months, the first first: at most 36."""
    return Period.objects.filter(subscription=subscription).order_by("number")


def is_cut_short(subscription: Subscription) -> bool:
    """Whether an early end was agreed on. The order should be loaded."""
    return subscription.ends_before != subscription.order.term_ends_on


def acts_open_to(actor: Actor, subscription: Subscription) -> list[str]:
    """What the actor may do with the subscription now: ``cancel`` or ``resume`` for buyers, ``decline`` for vendors."""
    is_open = subscription.state != SubscriptionState.ENDED
    is_buyer = subscription.buyer_org_id == actor.organization_id and actor.role in BUYING_ROLES
    is_vendor = subscription.vendor_org_id == actor.organization_id and may_list(actor)
    is_renewed = subscription.renewal == Renewal.AUTOMATIC
    acts = {
        "cancel": is_buyer and is_open and (is_renewed or subscription.is_in_trial()),
        "resume": is_buyer and is_open and subscription.renewal == Renewal.CANCELLED and not is_cut_short(subscription),
        "decline": is_vendor and is_open and may_still_decline(subscription),
    }
    return [name for name, open_now in acts.items() if open_now]


def may_still_decline(subscription: Subscription) -> bool:
    """Whether the vendor may say now that it will not renew: before the buyer is told that it is renewed."""
    return (
        subscription.renewal in (Renewal.AUTOMATIC, Renewal.CANCELLED)
        and subscription.notified_at is None
        and clock.business_date() < subscription.notice_on
    )


def next_deadline(subscription: Subscription) -> dict[str, Any] | None:
    """What happens by itself next and when, as ``what`` and ``at``; None once it has ended.

    ``suspension`` and ``end`` threaten while a payment is late; otherwise ``payment``, ``notice`` of the renewal, or at
    the end of the term ``renewal`` or ``term_end``.
    """
    if subscription.state == SubscriptionState.ENDED:
        return None
    if subscription.state == SubscriptionState.PAST_DUE:
        return {"what": "suspension", "at": subscription.suspends_at}
    if subscription.state == SubscriptionState.SUSPENDED:
        return {"what": "end", "at": subscription.lapses_at}
    is_renewed = subscription.renewal == Renewal.AUTOMATIC
    days: list[tuple[datetime.date, str]] = [(subscription.ends_before, "renewal" if is_renewed else "term_end")]
    if subscription.next_due_on is not None:
        days.append((subscription.next_due_on, "payment"))
    if is_renewed and subscription.notified_at is None:
        days.append((subscription.notice_on, "notice"))
    day, what = min(days)
    return {"what": what, "at": clock.business_midnight(day)}
