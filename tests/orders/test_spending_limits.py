"""Orders beyond a purchaser's monthly limit: kept for the buyer's finance, who approves or declines."""

import datetime
import threading

import pytest

from accounts.models import Organization
from accounts.states import OrganizationState, Role
from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.errors import Forbidden, IllegalTransition
from market.ledger.errors import InsufficientFunds
from market.ledger.models import Transfer
from market.orders import jobs, limits, services
from market.orders.models import Order, SpendingLimit
from market.orders.states import OrderState
from market.outbox.models import Job
from market.settlement.services import reconcile
from tests import factories
from tests.concurrency.together import together
from tests.orders.trades import buyer, money, place, post

pytestmark = pytest.mark.django_db(transaction=True)
MARCH = datetime.datetime(2027, 3, 31, 15, 59, tzinfo=datetime.UTC)  # 23:59 in Shanghai
PAGE = "/api/v1/spending-limits"


@pytest.fixture
def market() -> factories.Market:
    """A price of 100.00 yuan and 1,000.00 in the wallet."""
    return factories.market()


@pytest.fixture
def finance(market):
    return factories.member(market.buyer, Role.FINANCE)


def limit(market, finance, amount: int, membership=None) -> SpendingLimit:
    membership_id = membership.id if membership else None
    return services.set_limit(actor=factories.actor_of(finance), membership_id=membership_id, amount=amount)


def everything() -> list[int]:
    acts = AuditEvent.objects.filter(subject_type__in=["order", "spending_limit"])
    return [acts.count(), *(model.objects.count() for model in (Order, Transfer, Job, SpendingLimit))]


def states(*orders: Order) -> list[str]:
    found = dict(Order.objects.values_list("id", "state"))
    return [found[order.id] for order in orders]


# --- Limits -----------------------------------------------------------------------------------------------------------


def test_finance_sets_changes_and_removes_limits(market, finance):
    client = factories.api_client(finance)
    first = client.put(PAGE, {"membership": None, "amount": 500}, format="json")
    assert first.status_code == 200, first.data
    own = client.put(PAGE, {"membership": str(market.purchaser.id), "amount": 700}, format="json").json()
    again = client.put(PAGE, {"membership": None, "amount": 600}, format="json").json()
    assert (again["id"], again["amount"]) == (first.json()["id"], 600)
    assert [row["amount"] for row in client.get(PAGE).json()["results"]] == [700, 600]
    assert factories.api_client(market.purchaser).get(PAGE).status_code == 200
    assert client.delete(f"{PAGE}/{own['id']}").status_code == 204
    assert client.delete(f"{PAGE}/{own['id']}").status_code == 404
    names = AuditEvent.objects.filter(subject_type="spending_limit").order_by("id").values_list("name", flat=True)
    assert list(names) == ["spending_limit.set"] * 3 + ["spending_limit.removed"]


def test_nobody_else_touches_them(market, finance):
    mine = limit(market, finance, 500)
    stranger = factories.api_client(factories.member(factories.organization("buyer"), Role.FINANCE))
    theirs = {"membership": str(market.purchaser.id), "amount": 1}
    before = everything()
    assert stranger.get(PAGE).json()["results"] == []
    assert stranger.delete(f"{PAGE}/{mine.id}").status_code == 404
    assert stranger.put(PAGE, theirs, format="json").status_code == 404
    for outsider in (market.purchaser, market.vendor_finance, market.operator, market.auditor):
        client = factories.api_client(outsider)
        assert client.put(PAGE, theirs | {"membership": None}, format="json").status_code == 403
        assert client.delete(f"{PAGE}/{mine.id}").status_code == 403
    assert factories.api_client(market.lister).get(PAGE).status_code == 403
    for wrong in ({"amount": -1}, {"amount": "5"}, {"amount": 10**15 + 1}, {"more": 1}):
        answer = factories.api_client(finance).put(PAGE, {"membership": None, "amount": 1} | wrong, format="json")
        assert answer.status_code == 422
    assert everything() == before


# --- Placing ----------------------------------------------------------------------------------------------------------


def test_within_the_limit_to_the_fen_and_beyond_it(market, finance):
    limit(market, finance, 20_000)
    within = [place(market), place(market)]
    beyond = place(market)
    assert states(*within, beyond) == ["paid", "paid", "awaiting_approval"]
    assert money(market) == (80_000, 20_000)
    assert not Job.objects.filter(kind=jobs.DELIVER, subject_id=beyond.id).exists()
    shown = factories.api_client(finance).get(f"/api/v1/orders/{beyond.id}").json()
    assert shown["next_deadline"] == {"what": "approval", "at": shown["approval_due_at"]}
    assert shown["acts"] == ["approve", "decline"]
    assert factories.api_client(market.purchaser).get(f"/api/v1/orders/{beyond.id}").json()["acts"] == ["cancel"]
    assert reconcile().is_clean


def test_each_purchaser_is_counted_alone_and_an_own_limit_comes_first(market, finance):
    limit(market, finance, 10_000)
    second = factories.member(market.buyer, Role.PURCHASER)
    limit(market, finance, 20_000, second)
    theirs = [place(market, actor=factories.actor_of(second)) for _number in range(3)]
    mine = [place(market), place(market)]
    assert states(*theirs) == ["paid", "paid", "awaiting_approval"]
    assert states(*mine) == ["paid", "awaiting_approval"]


def test_the_month_is_shanghais_and_what_was_cancelled_does_not_count(market, finance):
    limit(market, finance, 10_000)
    with clock.frozen_at(MARCH):
        first = place(market)
        services.cancel(actor=buyer(market), order_id=first.id)
        orders = [place(market), place(market)]
    with clock.frozen_at(MARCH + datetime.timedelta(minutes=1)):
        orders += [place(market), place(market)]
    assert states(*orders) == ["paid", "awaiting_approval"] * 2


def test_free_orders_and_other_buyers_are_not_held(market, finance):
    limit(market, finance, 0)
    assert place(market, offer_id=factories.offer(market.offer.product, 0).id).state == OrderState.PAID
    other = factories.organization("buyer")
    factories.fund(other, 10_000)
    assert place(market, actor=factories.actor_of(factories.member(other, Role.PURCHASER))).state == OrderState.PAID


# --- Deciding ---------------------------------------------------------------------------------------------------------


def test_finance_approves_and_the_order_is_paid(market, finance):
    limit(market, finance, 0)
    order = place(market)
    answer = post(factories.api_client(finance), f"orders/{order.id}/approve")
    assert (answer.status_code, answer.json()["state"]) == (200, "paid"), answer.data
    assert money(market) == (90_000, 10_000)
    assert Job.objects.get(kind=jobs.DELIVER).key == f"{order.id}:1"
    names = AuditEvent.objects.filter(subject_id=order.id).order_by("id").values_list("name", flat=True)
    assert list(names) == ["order.placed", "order.approved", "order.paid"]
    services.cancel(actor=buyer(market), order_id=order.id)
    assert money(market) == (100_000, 0) and reconcile().is_clean


def test_finance_declines_and_nothing_moves(market, finance):
    limit(market, finance, 0)
    order = place(market)
    answer = post(factories.api_client(finance), f"orders/{order.id}/decline")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert post(factories.api_client(finance), f"orders/{order.id}/approve").status_code == 409
    assert money(market) == (100_000, 0) and reconcile().is_clean


def test_who_may_not_decide(market, finance):
    limit(market, finance, 0)
    owner = factories.member(market.buyer, Role.OWNER)
    order, own = place(market), place(market, actor=factories.actor_of(owner))
    before = everything()
    stranger = factories.member(factories.organization("buyer"), Role.FINANCE)
    wanted = ((market.purchaser, 403), (market.operator, 403), (market.vendor_finance, 403), (stranger, 404))
    for act in ("approve", "decline"):
        for member, status in wanted:
            assert post(factories.api_client(member), f"orders/{order.id}/{act}").status_code == status, member
        with pytest.raises(Forbidden):
            getattr(services, act)(actor=factories.actor_of(owner), order_id=own.id)
    assert everything() == before and states(order, own) == ["awaiting_approval"] * 2


def test_an_approval_without_the_money_changes_nothing_or_lets_it_wait_if_asked(market, finance):
    limit(market, finance, 0)
    plain, patient = place(market, quantity=11), place(market, quantity=11, wait_for_funds=True)
    before = everything()
    with pytest.raises(InsufficientFunds):
        services.approve(actor=factories.actor_of(finance), order_id=plain.id)
    assert everything() == before
    assert services.approve(actor=factories.actor_of(finance), order_id=patient.id).state == OrderState.AWAITING_FUNDS
    factories.fund(market.buyer, 10_000)
    assert services.pay_waiting(buyer_org_id=market.buyer.id) == 1
    assert states(plain, patient) == ["awaiting_approval", "paid"] and reconcile().is_clean


def test_a_suspended_vendors_order_is_not_paid(market, finance):
    limit(market, finance, 0)
    order = place(market)
    Organization.objects.filter(id=market.vendor.id).update(state=OrganizationState.SUSPENDED)
    assert post(factories.api_client(finance), f"orders/{order.id}/approve").status_code == 403
    assert states(order) == ["awaiting_approval"]


def test_it_expires(market, finance):
    limit(market, finance, 0)
    order = place(market)
    with clock.frozen_at(clock.now() + datetime.timedelta(days=7)):
        with pytest.raises(IllegalTransition):
            services.approve(actor=factories.actor_of(finance), order_id=order.id)
        assert (services.expire_waiting(), services.expire_waiting()) == (1, 0)
    assert states(order) == ["expired"] and money(market) == (100_000, 0) and reconcile().is_clean


# --- At the same moment -----------------------------------------------------------------------------------------------


def test_without_the_lock_two_orders_go_beyond_the_limit_together(market, finance, monkeypatch):
    limit(market, finance, 10_000)
    meeting, count = threading.Barrier(2), limits.spent
    monkeypatch.setattr(limits, "lock_limits", lambda _order: list(SpendingLimit.objects.all()))

    def counted(order: Order) -> int:
        total = count(order)
        meeting.wait(timeout=30)
        return total

    monkeypatch.setattr(limits, "spent", counted)
    assert [order.state for order in together([lambda: place(market)] * 2)] == ["paid", "paid"]


def test_with_the_lock_only_one_fits(market, finance):
    limit(market, finance, 10_000)
    orders = together([lambda: place(market)] * 5)
    assert sorted(states(*orders)) == ["awaiting_approval"] * 4 + ["paid"]
    assert money(market) == (90_000, 10_000)


def test_approved_declined_and_cancelled_at_once_one_wins(market, finance):
    limit(market, finance, 0)
    for _number in range(4):
        order, actor = place(market), factories.actor_of(finance)
        before = money(market)
        results = together(
            [
                lambda order=order, actor=actor: services.approve(actor=actor, order_id=order.id),
                lambda order=order, actor=actor: services.approve(actor=actor, order_id=order.id),
                lambda order=order, actor=actor: services.decline(actor=actor, order_id=order.id),
            ]
        )
        assert [isinstance(result, IllegalTransition) for result in results].count(True) == 2, results
        held = order.amount if states(order) == ["paid"] else 0
        assert money(market) == (before[0] - held, before[1] + held)
    assert reconcile().is_clean
