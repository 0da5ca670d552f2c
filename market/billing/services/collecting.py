"""Instalments: from the wallet into escrow on the day they are due, and what happens when the wallet is short."""

import datetime
import uuid
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts.models import Organization
from market.billing.models import Period, Subscription
from market.billing.services.ending import end_unpaid
from market.billing.services.steps import one_by_one
from market.billing.states import LATE, PeriodState, SubscriptionState
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together
from market.ledger.selectors import organization_with_accounts
from market.ledger.services import posting
from market.orders import services as orders
from market.orders.services.steps import BATCH, evidence, into_escrow
from market.orders.services.waiting import locked_balance


def collect_due() -> int:
    """Draw every instalment that is due from its buyer's wallet, oldest first; returns how many were drawn.

    One transaction a buyer. What the wallet cannot pay makes its contract past due; what it can pay by now makes a late
    one run again. Any number of callers may run at once.
    """
    due = Period.objects.filter(
        state=PeriodState.PLANNED, due_on__lte=clock.business_date(), subscription__ended_at=None
    ).order_by("subscription__buyer_org_id", "currency")
    buyers = due.values_list("subscription__buyer_org_id", "currency").distinct()
    each = ({"buyer_org_id": buyer_org_id, "currency": currency} for buyer_org_id, currency in list(buyers))
    return one_by_one("billing.collect_failed", _collect, each)


def _collect(*, buyer_org_id: uuid.UUID, currency: str) -> int:
    today = clock.business_date()
    planned = Period.objects.filter(subscription=OuterRef("pk"), state=PeriodState.PLANNED, due_on__lte=today)
    with posting(), transaction.atomic():
        owing = list(
            Subscription.objects.filter(Exists(planned), buyer_org=buyer_org_id, currency=currency, ended_at=None)
            .select_related("order")
            .order_by("pk")
            .select_for_update(of=("self",), skip_locked=True, no_key=True)
        )
        if not owing:
            return 0
        due = Period.objects.filter(subscription__in=owing, state=PeriodState.PLANNED, due_on__lte=today)
        buyer = organization_with_accounts(buyer_org_id, currency)
        # Months that cost nothing need no wallet.
        balance = locked_balance(buyer) if any(period.amount for period in due) else 0
        payable, short = _payable(due.order_by("due_on", "subscription_id", "number"), balance)
        subscriptions = {subscription.id: subscription for subscription in owing}
        for period in payable:
            period.subscription = subscriptions[period.subscription_id]
        now_late = [one for one in owing if one.id in short and one.state == SubscriptionState.RUNNING]
        no_longer_late = [one for one in owing if one.id not in short and one.state in LATE]
        _pay(payable, buyer)
        _resume(no_longer_late)
        _mark_late(now_late, short)
    return len(payable)


def _payable(due: Iterable[Period], balance: int) -> tuple[list[Period], dict[uuid.UUID, Period]]:
    """The months that ``balance`` (fen) pays for, and of each contract left short the first month it does not.

    Oldest first; what does not fit is passed over for what does, so that one dear contract does not stop the others.
    """
    payable, short = [], {}
    for period in due:
        if period.subscription_id in short:
            continue
        if period.amount > balance:
            short[period.subscription_id] = period
            continue
        balance -= period.amount
        payable.append(period)
    return payable, short


def _pay(periods: Sequence[Period], buyer: Organization) -> None:
    Period.objects.filter(id__in=[period.id for period in periods]).update(
        state=PeriodState.FUNDED, funded_at=clock.now()
    )
    insert_together(
        [
            into_escrow(period.subscription.order, buyer, period.amount, part=period.number)
            for period in periods
            if period.amount
        ],
        [
            evidence(
                "subscription.instalment_paid",
                SYSTEM,
                period.subscription.order,
                month=period.number,
                paid=period.amount,
                due_on=period.due_on.isoformat(),
            )
            for period in periods
        ],
    )


def _resume(subscriptions: Sequence[Subscription]) -> None:
    ids = [subscription.id for subscription in subscriptions]
    Subscription.objects.filter(id__in=ids, state__in=LATE).update(
        state=SubscriptionState.RUNNING, suspends_at=None, lapses_at=None
    )
    orders.resume_access(order_ids=[subscription.order_id for subscription in subscriptions])
    insert_together([evidence("subscription.resumed_paying", SYSTEM, one.order) for one in subscriptions])


def _mark_late(subscriptions: Sequence[Subscription], short: dict[uuid.UUID, Period]) -> None:
    """From today on: an exchange that stood still for a while takes nobody's grace."""
    now = clock.now()
    suspends_at = now + datetime.timedelta(days=settings.SUBSCRIPTION_GRACE_DAYS)
    lapses_at = suspends_at + datetime.timedelta(days=settings.SUBSCRIPTION_SUSPENDED_DAYS)
    ids = [subscription.id for subscription in subscriptions]
    Subscription.objects.filter(id__in=ids, state=SubscriptionState.RUNNING).update(
        state=SubscriptionState.PAST_DUE, suspends_at=suspends_at, lapses_at=lapses_at
    )
    orders.await_payment(until={subscription.order_id: suspends_at for subscription in subscriptions})
    insert_together(
        [
            evidence(
                "subscription.past_due",
                SYSTEM,
                one.order,
                month=short[one.id].number,
                needed=short[one.id].amount,
                suspends_at=suspends_at.isoformat(),
                lapses_at=lapses_at.isoformat(),
            )
            for one in subscriptions
        ]
    )


def suspend_late() -> int:
    """Suspend what was not paid within its days of grace: nothing may be received until it is. Returns how many."""
    suspended = 0
    while batch := _suspend_batch():
        suspended += batch
    return suspended


def _suspend_batch() -> int:
    now = clock.now()
    with transaction.atomic():
        late = list(
            Subscription.objects.filter(state=SubscriptionState.PAST_DUE, suspends_at__lte=now)
            .select_related("order")
            .order_by("suspends_at")
            .select_for_update(of=("self",), skip_locked=True, no_key=True)[:BATCH]
        )
        Subscription.objects.filter(id__in=[one.id for one in late], state=SubscriptionState.PAST_DUE).update(
            state=SubscriptionState.SUSPENDED
        )
        orders.await_payment(until={one.order_id: one.lapses_at for one in late}, suspended_at=now)
        insert_together(
            [evidence("subscription.suspended", SYSTEM, one.order, lapses_at=one.lapses_at.isoformat()) for one in late]
        )
    return len(late)


def end_lapsed() -> int:
    """End what was suspended and not paid either; returns how many."""
    lapsed = Subscription.objects.filter(state__in=LATE, lapses_at__lte=clock.now()).order_by("lapses_at")
    each = ({"subscription_id": found} for found in list(lapsed.values_list("id", flat=True)))
    return one_by_one("billing.end_unpaid_failed", end_unpaid, each)
