"""The end of a term: notice, another term, and who may want otherwise."""

import datetime
import json

import pytest
import structlog
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from market.audit.models import AuditEvent
from market.billing import services
from market.billing.errors import NothingToCancel, NothingToResume, TooLateToDecline
from market.billing.models import Subscription
from market.billing.states import EndReason, Renewal, SubscriptionState
from market.catalog import services as catalog
from market.catalog.models import Product
from market.catalog.states import ProductState
from market.kernel.errors import Forbidden, NotFound
from market.ledger.states import AccountKind
from market.orders import services as orders
from market.orders.errors import AlreadyRenewed
from market.orders.models import Order
from market.orders.states import OrderState
from market.settlement.services import reconcile
from tests import factories
from tests.billing.contracts import accept, at, beat, charges, day, market_of_contracts, money, on, ordered, subscribed
from tests.orders.trades import buyer

pytestmark = pytest.mark.django_db
END = "2027-04-17"
RENEWED = {"renewal_notice_days": 30}


def following(subscription: Subscription) -> Order:
    return Order.objects.get(renews=subscription.order)


def to_the_end() -> None:
    """Past the day of notice, to the end of the term."""
    beat("2027-03-18")
    beat(END)


def vendor(market) -> object:
    return factories.actor_of(market.lister)


def test_notice_is_given_once_so_many_days_before():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    assert subscription.notice_on == day("2027-03-18")
    notices = AuditEvent.objects.filter(name="subscription.renewal_notice")
    beat("2027-03-17")
    assert not notices.exists()
    beat("2027-03-18")
    beat("2027-03-19")
    assert notices.get().payload["renews_on"] == END


def test_another_term_follows_without_a_gap():
    market = market_of_contracts()
    subscription = subscribed(market, trial_days=3, **RENEWED)
    first = subscription.order
    end = subscription.ends_before
    assert end == day("2027-04-20")
    with on(end), transaction.atomic():
        assert first.entitlement.standing == "active", "the exchange has not yet come to renew it"
    beat("2027-03-21")
    beat(end)
    second = following(subscription)
    subscription.refresh_from_db()
    assert (subscription.state, subscription.end_reason) == (SubscriptionState.ENDED, EndReason.RENEWED)
    assert (second.state, second.amount, second.term_starts_on) == (OrderState.DELIVERED, 30_000, end)
    assert second.term_ends_on == day("2027-07-20"), "no second trial"
    with on(end):
        assert second.entitlement.standing == "active"
    assert charges(first)[-1] == ("2027-03-20", 10_000, True)
    assert money(first) == (30_000, 0, 30_000)
    accept(market, second, end)
    beat("2027-05-20")
    assert money(second) == (30_000, 0, 10_000)
    assert Subscription.objects.get(order=second).renewal == Renewal.AUTOMATIC
    assert reconcile().is_clean


def test_terms_and_evidence_of_the_renewal_name_what_it_goes_on_with():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    to_the_end()
    second = following(subscription)
    terms = json.loads(second.terms.get().document)
    assert terms["order"]["renews"] == str(subscription.order_id)
    assert terms["price"]["term"] == {"starts_on": END, "ends_before": "2027-07-17"}
    assert terms["price"]["rule"]["trial_days"] == 0
    placed = AuditEvent.objects.get(name="order.placed", subject_id=second.id)
    assert (placed.actor_label, placed.payload["renews"]) == ("system", str(subscription.order_id))
    assert second.client_reference == f"renewal-{second.id}"


def test_the_agreed_price_holds_when_the_offer_was_withdrawn():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    with on("2027-02-01"):
        catalog.withdraw_offer(actor=vendor(market), offer_id=subscription.order.offer_id)
        factories.offer(market.offer.product, 99_999, price_model="subscription", months=3, **RENEWED)
    to_the_end()
    assert following(subscription).amount == 30_000


def test_the_latest_revision_is_delivered_anew():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    newest = factories.revision(market.offer.product, {"second.csv": b"2"})
    to_the_end()
    assert following(subscription).revision == newest


def test_instalments_go_on_by_instalments():
    market = market_of_contracts(funds=40_000)
    subscription = subscribed(market, is_instalment=True, **RENEWED)
    for date in ("2027-02-17", "2027-03-17", "2027-03-18", END):
        beat(date)
    second = following(subscription)
    assert (second.amount, second.state) == (10_000, OrderState.DELIVERED)
    assert factories.balance(market.buyer, AccountKind.WALLET) == 0
    assert reconcile().is_clean


def test_without_money_the_renewal_waits_and_the_right_goes_on_for_the_days_of_grace():
    market = market_of_contracts(funds=30_000)
    subscription = subscribed(market, **RENEWED)
    first = subscription.order
    to_the_end()
    second = following(subscription)
    assert (second.state, money(second)) == (OrderState.AWAITING_FUNDS, (0, 0, 0))
    grace = datetime.timedelta(days=settings.SUBSCRIPTION_GRACE_DAYS)
    with on(day(END) + grace - datetime.timedelta(days=1)):
        first.refresh_from_db()
        assert first.entitlement.standing == "active"
    with on(day(END) + grace):
        assert first.entitlement.standing == "ended"
    with on("2027-04-20"):
        factories.fund(market.buyer, 30_000)
    beat("2027-04-20")
    second.refresh_from_db()
    assert (second.state, money(second)) == (OrderState.DELIVERED, (30_000, 0, 0))
    assert reconcile().is_clean


def test_a_cancelled_contract_ends_with_its_term():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    with on("2027-04-16"):
        services.cancel_subscription(actor=buyer(market), subscription_id=subscription.id)
        with pytest.raises(NothingToCancel), transaction.atomic():
            services.cancel_subscription(actor=buyer(market), subscription_id=subscription.id)
    to_the_end()
    subscription.refresh_from_db()
    assert subscription.end_reason == EndReason.TERM_OVER
    assert not Order.objects.filter(renews=subscription.order).exists()
    with on(END):
        subscription.order.refresh_from_db()
        assert subscription.order.entitlement.standing == "ended"
    assert money(subscription.order) == (30_000, 0, 30_000)


def test_a_cancellation_can_be_taken_back_until_the_end():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    with on("2027-02-01"):
        with pytest.raises(NothingToResume), transaction.atomic():
            services.resume_subscription(actor=buyer(market), subscription_id=subscription.id)
        services.cancel_subscription(actor=buyer(market), subscription_id=subscription.id)
    with on("2027-04-16"):
        services.resume_subscription(actor=buyer(market), subscription_id=subscription.id)
    to_the_end()
    assert following(subscription).state == OrderState.DELIVERED


def test_an_agreed_early_end_is_not_taken_back_by_one_side():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    with on("2027-02-01"):
        services.terminate_subscription(order_id=subscription.order_id, leaves_on=day("2027-03-17"))
        with pytest.raises(NothingToResume), transaction.atomic():
            services.resume_subscription(actor=buyer(market), subscription_id=subscription.id)
        with pytest.raises(TooLateToDecline), transaction.atomic():
            services.decline_renewal(actor=vendor(market), subscription_id=subscription.id)
    subscription.refresh_from_db()
    assert subscription.renewal == Renewal.AGREED
    beat("2027-03-17")
    assert not Order.objects.filter(renews=subscription.order).exists()


def test_what_is_never_renewed_has_nothing_to_cancel():
    market = market_of_contracts()
    subscription = subscribed(market)
    assert (subscription.renewal, subscription.notice_on) == (Renewal.NEVER, None)
    with on("2027-02-01"), pytest.raises(NothingToCancel):
        services.cancel_subscription(actor=buyer(market), subscription_id=subscription.id)


def test_the_vendor_declines_before_the_notice_and_not_after():
    market = market_of_contracts()
    early, late = subscribed(market, **RENEWED), subscribed(market, **RENEWED)
    with on("2027-03-17"):
        services.decline_renewal(actor=vendor(market), subscription_id=early.id)
        with pytest.raises(NothingToResume), transaction.atomic():
            services.resume_subscription(actor=buyer(market), subscription_id=early.id)
    with on("2027-03-18"), pytest.raises(TooLateToDecline), transaction.atomic():
        services.decline_renewal(actor=vendor(market), subscription_id=late.id)
    to_the_end()
    assert not Order.objects.filter(renews=early.order).exists()
    assert following(late)
    stranger = factories.member(factories.organization("vendor"), "lister")
    for actor, refusal in ((factories.actor_of(stranger), NotFound), (buyer(market), Forbidden)):
        with pytest.raises(refusal), transaction.atomic():
            services.decline_renewal(actor=actor, subscription_id=early.id)


def test_what_may_not_be_sold_any_more_is_not_renewed_and_says_why():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    Product.objects.filter(id=market.offer.product_id).update(state=ProductState.DELISTED)
    to_the_end()
    subscription.refresh_from_db()
    assert (subscription.state, subscription.end_reason) == (SubscriptionState.ENDED, EndReason.TERM_OVER)
    assert "no longer listed" in subscription.renewal_refusal
    assert AuditEvent.objects.get(name="subscription.not_renewed").payload["why"] == "offer_not_orderable"
    assert money(subscription.order) == (30_000, 0, 30_000), "running contracts go on to their end"
    with on(END):
        subscription.order.refresh_from_db()
        assert subscription.order.entitlement.standing == "ended"


def test_an_order_is_renewed_once():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    with on(END):
        orders.renew(order=subscription.order)
        with pytest.raises(AlreadyRenewed), transaction.atomic():
            orders.renew(order=subscription.order)
    assert Order.objects.filter(renews=subscription.order).count() == 1
    to_the_end()
    subscription.refresh_from_db()
    assert subscription.end_reason == EndReason.RENEWED


def test_the_database_keeps_what_was_agreed():
    market = market_of_contracts()
    subscription = subscribed(market, is_instalment=True, **RENEWED)
    now = at("2027-02-01").isoformat()
    refused = [
        ("UPDATE billing_subscription SET starts_on = starts_on + 1", "billing_subscription_is_immutable"),
        ("UPDATE billing_subscription SET notice_on = notice_on + 1", "billing_subscription_is_immutable"),
        ("DELETE FROM billing_period", "billing_period_is_immutable"),
        ("UPDATE billing_period SET due_on = due_on + 1", "billing_period_is_immutable"),
        (
            f"UPDATE billing_period SET state = 'charged', charged_at = '{now}', funded_at = '{now}' WHERE number = 2",
            "billing_period_state_moves",
        ),
        ("UPDATE billing_period SET state = 'funded' WHERE number = 2", "period_funded_when"),
        ("UPDATE billing_period SET state = 'dropped', amount = -1 WHERE number = 2", "period_amount"),
        ("UPDATE billing_subscription SET state = 'suspended'", "billing_subscription_state_moves"),
        ("UPDATE billing_subscription SET state = 'past_due'", "subscription_late_has_deadlines"),
        ("UPDATE billing_subscription SET state = 'ended'", "subscription_ended_with_reason"),
        ("UPDATE billing_subscription SET renewal = 'never'", "subscription_renewal_has_notice"),
        ("UPDATE orders_order SET renews_id = id", "orders_order_is_immutable"),
    ]
    for sql, constraint in refused:
        with pytest.raises(IntegrityError) as refusal, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
        assert refusal.value.__cause__.diag.constraint_name == constraint, sql
    assert subscription.periods.count() == 3


def test_renewed_late_the_term_begins_that_day():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    beat("2027-03-20")
    beat("2027-05-02")
    second = following(subscription)
    assert (second.term_starts_on, second.term_ends_on) == (day("2027-05-02"), day("2027-08-02"))
    assert reconcile().is_clean


def test_who_was_not_told_in_time_is_not_renewed():
    """Accepted when the term was over, or an exchange that stood still for all the days of notice."""
    market = market_of_contracts()
    order = ordered(market, months=1, renewal_notice_days=10, acceptance_days=60)
    accept(market, order, "2027-03-01")
    beat("2027-03-01")
    stood_still = subscribed(market, **RENEWED)
    beat("2027-05-02")
    for subscription in (Subscription.objects.get(order=order), stood_still):
        subscription.refresh_from_db()
        assert (subscription.state, subscription.end_reason) == (SubscriptionState.ENDED, EndReason.TERM_OVER)
        assert "not told" in subscription.renewal_refusal
        assert not Order.objects.filter(renews=subscription.order).exists()
    assert reconcile().is_clean


def test_one_broken_contract_does_not_hold_up_the_others():
    market = market_of_contracts()
    broken, sound = subscribed(market, **RENEWED), subscribed(market, **RENEWED)
    beat("2027-03-18")
    with on(END):
        services.charge_months()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("DELETE FROM orders_orderterms WHERE order_id = %s", [broken.order_id])
            cursor.execute("SET LOCAL session_replication_role = origin")
        with structlog.testing.capture_logs() as logs:
            assert services.end_terms() == 1
    assert following(sound) and not Order.objects.filter(renews=broken.order).exists()
    broken.refresh_from_db()
    assert broken.state == SubscriptionState.RUNNING
    assert "billing.end_term_failed" in [line["event"] for line in logs]
