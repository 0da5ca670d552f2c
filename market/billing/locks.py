"""Locks on running contracts: the contract first, then its months, then accounts."""

import uuid

from django.db.models import QuerySet

from market.billing.models import Period, Subscription
from market.billing.states import PeriodState
from market.kernel.errors import NotFound
from market.kernel.locks import lock_in_order


def lock_subscription(subscriptions: QuerySet[Subscription], subscription_id: uuid.UUID) -> Subscription:
    """One subscription of ``subscriptions``, locked until the transaction ends. Raises ``NotFound``."""
    subscription = lock_in_order(subscriptions.filter(id=subscription_id)).first()
    if subscription is None:
        raise NotFound
    return subscription


def lock_open_periods(subscription: Subscription) -> list[Period]:
    """Its months that are neither charged nor dropped, locked until the transaction ends."""
    periods = Period.objects.filter(subscription=subscription, state__in=[PeriodState.PLANNED, PeriodState.FUNDED])
    return list(lock_in_order(periods))
