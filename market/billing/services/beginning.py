"""An accepted order of a subscription becomes a contract that runs by months."""

import datetime
import uuid

from django.db import transaction

from market.billing.models import Period, Subscription
from market.billing.states import PeriodState, Renewal
from market.catalog import pricing
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together
from market.kernel.identifiers import uuid7
from market.orders import services as orders
from market.orders.locks import lock_order
from market.orders.models import Order
from market.orders.services.steps import evidence

HANDOVER = datetime.timedelta(days=1)
"""How much longer than its term a contract that is renewed lets receive: time to hand the next one over."""


def begin(*, order_id: uuid.UUID) -> Subscription:
    """Divide the term into months: those that the order has paid for are funded, the others are due month by month.

    Calling again gives the same subscription. Raises ``NotFound``.
    """
    with transaction.atomic():
        order = lock_order(Order.objects.select_related("offer"), order_id)
        begun = Subscription.objects.filter(order=order).first()
        if begun is not None:
            return begun
        subscription = _drawn_up(order)
        periods = [_period(subscription, month) for month in plan_of(order)]
        insert_together(
            subscription,
            periods,
            evidence(
                "subscription.began",
                SYSTEM,
                order,
                subscription=str(subscription.id),
                starts_on=subscription.starts_on.isoformat(),
                ends_before=subscription.ends_before.isoformat(),
                months=len(periods),
                price=subscription.amount,
            ),
        )
        orders.end_access(order_id=order.id, at=access_end(subscription))
    return subscription


def _drawn_up(order: Order) -> Subscription:
    rule = order.offer.price_rule()
    notice = rule.renewal_notice_days
    return Subscription(
        id=uuid7(),
        order=order,
        buyer_org_id=order.buyer_org_id,
        vendor_org_id=order.vendor_org_id,
        starts_on=order.term_starts_on,
        ends_before=order.term_ends_on,
        amount=price_of(order),
        currency=order.currency,
        is_instalment=rule.is_instalment,
        renewal=Renewal.NEVER if notice is None else Renewal.AUTOMATIC,
        notice_on=None if notice is None else order.term_ends_on - datetime.timedelta(days=notice),
        began_at=clock.now(),
    )


def price_of(order: Order) -> int:
    """What the whole term costs, in fen."""
    return pricing.order_price(order.offer.price_rule(), order.quantity).total


def plan_of(order: Order) -> list[pricing.Month]:
    """The months of the term as ordered."""
    return pricing.months(price_of(order), order.offer.months, order.term_starts_on)


def _period(subscription: Subscription, month: pricing.Month) -> Period:
    # The order's own escrow holds the whole price, or the first month's.
    is_paid = month.number == 1 or not subscription.is_instalment
    return Period(
        subscription=subscription,
        number=month.number,
        due_on=month.starts_on if subscription.is_instalment else subscription.starts_on,
        starts_on=month.starts_on,
        ends_before=month.ends_before,
        amount=month.amount,
        currency=subscription.currency,
        state=PeriodState.FUNDED if is_paid else PeriodState.PLANNED,
        funded_at=clock.now() if is_paid else None,
    )


def access_end(subscription: Subscription) -> datetime.datetime:
    """When the right to receive ends: with the term, or ``HANDOVER`` later when another term follows by itself."""
    end = clock.business_midnight(subscription.ends_before)
    return end + HANDOVER if subscription.renewal == Renewal.AUTOMATIC else end
