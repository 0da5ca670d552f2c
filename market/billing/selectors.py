"""Reads of running contracts, scoped by who asks."""

import datetime
import uuid
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _

from accounts.selectors import sees_everything
from market.billing.closing import closes_for_good
from market.billing.errors import NotMetered
from market.billing.models import Meter, Period, Statement, Subscription, UsageDay, UsageRecord
from market.billing.states import MeterState, PeriodState, Renewal, SubscriptionState
from market.catalog.pricing import Calculation, month_charge
from market.catalog.selectors import may_list
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.errors import InvalidInput, NotFound
from market.orders.selectors import BUYING_ROLES, order_visible_to


def with_next_payment(subscriptions: QuerySet[Subscription]) -> QuerySet[Subscription]:
    """Subscriptions with all that a line about them shows.

    The next payment comes as ``next_due_on`` and ``next_amount`` (fen), None when nothing more is to be paid in.
    """
    planned = Period.objects.filter(subscription=OuterRef("pk"), state=PeriodState.PLANNED).order_by("number")
    return subscriptions.select_related(
        "order__product", "order__offer", "order__renewed_by", "buyer_org", "vendor_org"
    ).annotate(
        next_due_on=Subquery(planned.values("due_on")[:1]),
        next_amount=Subquery(planned.values("amount")[:1]),
    )


def subscriptions_visible_to(actor: Actor) -> QuerySet[Subscription]:
    """Subscriptions as ``with_next_payment``: a buyer's own, a vendor's subscribers, all for auditors."""
    return _visible(with_next_payment(Subscription.objects.all()), actor)


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
        "resume": is_buyer and is_open and subscription.renewal == Renewal.CANCELLED,
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


MOST_DAYS = 366
"""Days that one look at use may span."""


def meters_visible_to(actor: Actor) -> QuerySet[Meter]:
    """Meters with all that a look at one shows: a buyer's, a vendor's, everything for auditors."""
    return _visible(Meter.objects.select_related("order__offer", "order__product", "buyer_org", "vendor_org"), actor)


def meter_of(actor: Actor, order_id: uuid.UUID) -> Meter:
    """The meter of one order. Raises ``NotFound`` also for other organisations' orders, ``NotMetered``."""
    meter = meters_visible_to(actor).filter(order=order_id).first()
    if meter is None:
        order_visible_to(actor, order_id)
        raise NotMetered(_("Nothing is metered under this order, or it has not been accepted yet."))
    return meter


def meter_acts(actor: Actor, meter: Meter) -> list[str]:
    """What the actor may do with the meter now: ``top_up`` and ``end`` for its buyer, ``report`` for its vendor."""
    is_open = meter.state != MeterState.ENDED
    is_buyer = meter.buyer_org_id == actor.organization_id and actor.role in BUYING_ROLES
    is_vendor = meter.vendor_org_id == actor.organization_id and may_list(actor)
    acts = {
        "report": is_open and is_vendor,
        "top_up": is_open and is_buyer,
        "end": is_open and is_buyer and clock.now() < meter.ends_at,
    }
    return [name for name, open_now in acts.items() if open_now]


def meter_deadline(meter: Meter) -> dict[str, Any] | None:
    """What happens by itself next: ``statement`` at the month's end, or ``last_statement``; None once it has ended."""
    if meter.closes_at is None:
        return None
    return {"what": "last_statement" if closes_for_good(meter) else "statement", "at": meter.closes_at}


def days_of(meter: Meter, first: datetime.date, last: datetime.date) -> list[UsageDay]:
    """Use of every day from ``first`` to ``last``, days without any included, so that it can be drawn; one query.

    Raises ``InvalidInput`` for more than ``MOST_DAYS`` or for an end before the beginning.
    """
    length = (last - first).days + 1
    if not 1 <= length <= MOST_DAYS:
        raise InvalidInput(errors={"/until": _("From 1 to %(most)d days.") % {"most": MOST_DAYS}})
    known = {used.day: used for used in meter.days.filter(day__gte=first, day__lte=last)}
    every = [first + datetime.timedelta(days=number) for number in range(length)]
    return [known.get(day) or UsageDay(meter=meter, day=day, units=0, records=0, drawn=0) for day in every]


def open_month(meter: Meter) -> Calculation:
    """How what the open month has drawn so far comes about."""
    return month_charge(meter.order.offer.price_rule(), meter.units)


def statements_of(meter: Meter) -> QuerySet[Statement]:
    """The closed months of one order, the first first: few, for a contract has an end."""
    return Statement.objects.filter(order=meter.order_id).order_by("month")


def usage_of(actor: Actor, order_id: uuid.UUID) -> QuerySet[UsageRecord]:
    """The records of one order, each with its ``currency`` and the id of what took it back as ``reversed_by``.

    Raises as ``meter_of``.
    """
    records = UsageRecord.objects.filter(order=meter_of(actor, order_id).order_id).select_related("reverses")
    back = UsageRecord.objects.filter(reverses=OuterRef("pk"))
    return records.annotate(currency=F("order__currency"), reversed_by=Subquery(back.values("record_id")[:1]))


def filter_usage(
    records: QuerySet[UsageRecord],
    *,
    record: str | None = None,
    month: datetime.date | None = None,
    used_from: datetime.date | None = None,
    used_until: datetime.date | None = None,
) -> QuerySet[UsageRecord]:
    """Narrow a list; ``month`` is that of the statement, the days are business days, both included."""
    if record is not None:
        records = records.filter(record_id=record)
    if month is not None:
        records = records.filter(month=month)
    if used_from is not None:
        records = records.filter(used_at__gte=clock.business_midnight(used_from))
    if used_until is not None:
        records = records.filter(used_at__lt=clock.business_midnight(used_until + datetime.timedelta(days=1)))
    return records


def statements_visible_to(actor: Actor) -> QuerySet[Statement]:
    """Statements with all that a line about them shows: a buyer's, a vendor's, everything for auditors."""
    statements = Statement.objects.select_related("order__product", "order__offer", "buyer_org", "vendor_org")
    return _visible(statements, actor)


def statement_visible_to(actor: Actor, statement_id: uuid.UUID) -> Statement:
    """One statement. Raises ``NotFound`` also for other organisations' statements."""
    statement = statements_visible_to(actor).filter(id=statement_id).first()
    if statement is None:
        raise NotFound
    return statement


def filter_statements(
    statements: QuerySet[Statement], *, order: uuid.UUID | None = None, month: datetime.date | None = None
) -> QuerySet[Statement]:
    """Narrow a list."""
    exact = {"order": order, "month": month}
    return statements.filter(**{name: value for name, value in exact.items() if value is not None})


def _visible(rows: QuerySet, actor: Actor) -> QuerySet:
    if sees_everything(actor):
        return rows
    return rows.filter(Q(buyer_org=actor.organization_id) | Q(vendor_org=actor.organization_id))
