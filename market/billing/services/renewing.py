"""The end of the term: notice, renewal by another order, and what either side may say about it before."""

import datetime
import uuid
from collections.abc import Callable

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.utils.translation import gettext as _

from accounts.states import Capacity, Role
from market.billing.errors import NothingToCancel, NothingToResume, TooLateToDecline
from market.billing.locks import lock_subscription
from market.billing.models import Period, Subscription
from market.billing.selectors import is_cut_short, may_still_decline, subscriptions_visible_to
from market.billing.services.beginning import HANDOVER, access_end
from market.billing.services.ending import end_trial, finish
from market.billing.services.steps import one_by_one
from market.billing.states import SUBSCRIPTION_MOVES, EndReason, PeriodState, Renewal, SubscriptionState
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together
from market.kernel.errors import BusinessError, Forbidden
from market.ledger.services import posting
from market.orders import services as orders
from market.orders.errors import AlreadyRenewed
from market.orders.models import Order
from market.orders.selectors import BUYING_ROLES
from market.orders.services.steps import BATCH, evidence
from market.orders.states import OrderState

AlsoInsert = Callable[[Subscription], Model] | None
"""Makes one more row from the changed subscription, inserted in the act's own statement (an idempotent reply)."""


def cancel(*, actor: Actor, subscription_id: uuid.UUID, also_insert: AlsoInsert = None) -> Subscription:
    """The buyer does not want another term: the contract ends with this one. Within the trial it ends at once.

    ``resume`` takes it back, except after a trial. Raises ``Forbidden``, ``NotFound``, ``IllegalTransition`` when it
    has ended, ``NothingToCancel`` when it is not renewed anyway.
    """
    with posting(), transaction.atomic():
        subscription = _lock_for_buyer(actor, subscription_id)
        if subscription.is_in_trial():
            end_trial(actor=actor, subscription=subscription, also_insert=also_insert)
            return subscription
        if subscription.renewal != Renewal.AUTOMATIC:
            raise NothingToCancel(_("Its last day is the one before %(day)s.") % {"day": subscription.ends_before})
        _choose(actor, subscription, Renewal.CANCELLED, "subscription.cancelled", also_insert)
    return subscription


def resume(*, actor: Actor, subscription_id: uuid.UUID, also_insert: AlsoInsert = None) -> Subscription:
    """The buyer takes its cancellation back, as long as the term runs.

    Raises ``Forbidden``, ``NotFound``, ``IllegalTransition`` when it has ended, ``NothingToResume``.
    """
    with transaction.atomic():
        subscription = _lock_for_buyer(actor, subscription_id)
        if subscription.renewal != Renewal.CANCELLED:
            raise NothingToResume(_("Order the product again, or ask the vendor."))
        _choose(actor, subscription, Renewal.AUTOMATIC, "subscription.resumed", also_insert)
    return subscription


def decline(*, actor: Actor, subscription_id: uuid.UUID) -> Subscription:
    """The vendor will not renew; it says so before the day on which the buyer is told of the renewal.

    Raises ``Forbidden``, ``NotFound``, ``IllegalTransition`` when it has ended, ``TooLateToDecline``.
    """
    actor.require_role(Role.OWNER, Role.LISTER)
    actor.require_capacity(Capacity.VENDOR)
    with transaction.atomic():
        subscription = lock_subscription(subscriptions_visible_to(actor), subscription_id)
        if subscription.vendor_org_id != actor.organization_id:
            raise Forbidden(_("Only the vendor may do this."))
        _require_open(subscription)
        if not may_still_decline(subscription):
            raise TooLateToDecline(_("You may agree on an earlier end with the buyer instead."))
        _choose(actor, subscription, Renewal.DECLINED, "subscription.declined", None)
    return subscription


def _lock_for_buyer(actor: Actor, subscription_id: uuid.UUID) -> Subscription:
    actor.require_role(*BUYING_ROLES)
    subscription = lock_subscription(subscriptions_visible_to(actor), subscription_id)
    if subscription.buyer_org_id != actor.organization_id:
        raise Forbidden(_("Only the buyer may do this."))
    _require_open(subscription)
    return subscription


def _require_open(subscription: Subscription) -> None:
    if subscription.state == SubscriptionState.ENDED:
        raise SUBSCRIPTION_MOVES.illegal(subscription.state, SubscriptionState.ENDED)


def _choose(actor: Actor, subscription: Subscription, choice: str, name: str, also_insert: AlsoInsert) -> None:
    subscription.renewal = choice
    Subscription.objects.filter(id=subscription.id).update(renewal=choice)
    orders.end_access(order_id=subscription.order_id, at=access_end(subscription))
    insert_together(
        evidence(name, actor, subscription.order, ends_before=subscription.ends_before.isoformat()),
        also_insert(subscription) if also_insert else None,
    )


def give_notice() -> int:
    """Tell the buyers whose contract is renewed soon, once each, and so that they can still cancel; returns how many.

    In batches; any number of callers may run at once.
    """
    given = 0
    while batch := _notice_batch():
        given += batch
    return given


def _notice_batch() -> int:
    now = clock.now()
    due = Subscription.objects.filter(
        notified_at=None, renewal=Renewal.AUTOMATIC, ended_at=None, notice_on__lte=clock.business_date(now)
    )
    with transaction.atomic():
        found = list(
            due.select_related("order")
            .order_by("notice_on")
            .select_for_update(of=("self",), skip_locked=True, no_key=True)[:BATCH]
        )
        Subscription.objects.filter(id__in=[one.id for one in found], notified_at=None).update(notified_at=now)
        insert_together(
            [
                evidence(
                    "subscription.renewal_notice",
                    SYSTEM,
                    one.order,
                    renews_on=one.ends_before.isoformat(),
                    price=one.amount,
                )
                for one in found
            ]
        )
    return len(found)


def end_terms() -> int:
    """End every contract whose term is over and whose months are all charged, and renew those that are to be renewed.

    One transaction each; returns how many ended. Any number of callers may run at once: each takes what no other holds.
    """
    found = _over().order_by("ends_before").values_list("id", flat=True)
    return one_by_one("billing.end_term_failed", end_term, ({"subscription_id": one} for one in list(found)))


def _over() -> QuerySet[Subscription]:
    is_open = Period.objects.filter(subscription=OuterRef("pk"), state__in=[PeriodState.PLANNED, PeriodState.FUNDED])
    return Subscription.objects.filter(
        ~Exists(is_open), state=SubscriptionState.RUNNING, ends_before__lte=clock.business_date()
    )


def end_term(*, subscription_id: uuid.UUID) -> bool:
    """End one contract whose term is over. False when there was nothing to do, or somebody else is doing it."""
    with posting(), transaction.atomic():
        held = _over().select_for_update(of=("self",), skip_locked=True, no_key=True)
        subscription = held.select_related("order__offer").filter(id=subscription_id).first()
        if subscription is None:
            return False
        if subscription.renewal == Renewal.AUTOMATIC and _was_told(subscription):
            _renew(subscription)
        elif subscription.renewal == Renewal.AUTOMATIC:
            _give_up(subscription, "not_told", _("The buyer was not told of the renewal before the term was over."))
        else:
            reason = EndReason.AGREEMENT if is_cut_short(subscription) else EndReason.TERM_OVER
            finish(subscription, reason)
    return True


def _renew(subscription: Subscription) -> None:
    try:
        following = orders.renew(order=subscription.order)
    except AlreadyRenewed:
        finish(subscription, EndReason.RENEWED)
    except BusinessError as refusal:
        reason = " ".join(str(text) for text in (refusal.title, refusal.detail) if text)
        _give_up(subscription, refusal.code, reason)
    else:
        finish(subscription, EndReason.RENEWED, access_until=_until_handed_over(subscription, following))


def _was_told(subscription: Subscription) -> bool:
    """Not when it was accepted after its term, nor when the exchange stood still for all the days of notice."""
    told = subscription.notified_at
    return told is not None and clock.business_date(told) < subscription.ends_before


def _give_up(subscription: Subscription, code: str, reason: str) -> None:
    insert_together(evidence("subscription.not_renewed", SYSTEM, subscription.order, why=code))
    finish(subscription, EndReason.TERM_OVER, renewal_refusal=reason)


def _until_handed_over(subscription: Subscription, following: Order) -> datetime.datetime:
    """The old right lasts until the new one can be there: the money may take as long as a late instalment may."""
    waits = following.state == OrderState.AWAITING_FUNDS
    grace = datetime.timedelta(days=settings.SUBSCRIPTION_GRACE_DAYS) if waits else HANDOVER
    return clock.business_midnight(following.term_starts_on) + grace
