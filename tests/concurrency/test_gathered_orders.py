"""Orders at the same moment go to the database as one, and each is answered for itself."""

import contextlib
from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import ApiToken, Membership
from accounts.states import Role
from market.audit.models import AuditEvent
from market.kernel import clock, gathering
from market.ledger.models import Account
from market.ledger.states import AccountKind
from market.orders.models import Order, OrderTerms
from market.orders.services import placing
from tests import factories
from tests.concurrency.together import InBackground, blocked_backends
from tests.conftest import wait_until
from tests.orders.trades import post, wish

pytestmark = pytest.mark.django_db(transaction=True)
PRICE = 10_000


class Buyer:
    """A purchaser of its own organisation, with money for ``orders`` orders, who has ordered once."""

    def __init__(self, market: factories.Market, orders: int = 10) -> None:
        self.market = market
        self.organization = factories.organization("buyer")
        self.member: Membership = factories.member(self.organization, Role.PURCHASER)
        factories.fund(self.organization, orders * PRICE)
        self.client: APIClient = factories.api_client(self.member)
        assert self.order().status_code == 201

    def order(self, **changes):
        return post(self.client, "orders", wish(self.market, **changes))


@contextlib.contextmanager
def locked(buyer: Buyer) -> Iterator[None]:
    """Somebody else has the buyer's wallet."""
    other = connection.copy()
    try:
        other.set_autocommit(False)
        wallet = Account.objects.get(organization=buyer.organization, kind=AccountKind.WALLET)
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM ledger_account WHERE id = %s FOR UPDATE", [wallet.id])
        yield
        other.rollback()
    finally:
        other.close()


@pytest.fixture
def behind(monkeypatch) -> Callable[[Buyer, list[Callable]], list]:
    """Gives the answers to requests that all come while an order of the first buyer waits for its wallet."""
    monkeypatch.setattr(gathering, "PATIENCE", "20s")
    return _behind


def _behind(first: Buyer, requests: list[Callable]) -> list:
    with locked(first):
        leading, running = InBackground(first.order), []
        wait_until(lambda: blocked_backends() == 1)
        for number, request in enumerate(requests, start=1):
            running.append(InBackground(request))
            wait_until(lambda number=number: len(placing.GATHERING) == number)
    assert leading.wait().status_code == 201
    return [each.wait() for each in running]


def test_they_are_one_transaction_and_each_has_its_own_answer_evidence_and_terms(behind):
    market = factories.market(price=PRICE)
    buyers = [Buyer(market) for _number in range(5)]
    answers = behind(buyers[0], [buyer.order for buyer in buyers[1:]])
    with connection.cursor() as cursor:
        cursor.execute("SELECT id::text, xmin::text FROM orders_order")
        transactions = dict(cursor.fetchall())
    assert len({transactions[answer.json()["id"]] for answer in answers}) == 1
    for buyer, answer in zip(buyers[1:], answers, strict=True):
        assert answer.status_code == 201 and answer.json()["buyer"]["id"] == str(buyer.organization.id)
        order = Order.objects.get(id=answer.json()["id"])
        assert order.buyer_org_id == buyer.organization.id
        assert OrderTerms.objects.get(order=order).sha256 == answer.json()["terms_sha256"] == order.terms_sha256
        proof = AuditEvent.objects.get(name="order.placed", subject_id=order.id)
        assert (proof.request_id, proof.actor_org_id) == (answer["X-Request-ID"], buyer.organization.id)
        assert factories.balance(buyer.organization, AccountKind.WALLET) == 8 * PRICE


def test_what_is_wrong_with_one_is_told_to_that_one_and_the_others_are_placed(behind):
    market = factories.market(price=PRICE)
    first, good, poor, barred, twice, other = (Buyer(market, 1 if number == 2 else 10) for number in range(6))
    ApiToken.objects.filter(membership=barred.member).update(revoked_at=clock.now())
    body = wish(market)
    before = Order.objects.count()
    answers = behind(
        first,
        [
            good.order,
            poor.order,
            barred.order,
            lambda: post(twice.client, "orders", body, key="once"),
            lambda: post(twice.client, "orders", body | {"client_reference": "PO-other"}, key="two"),
            lambda: post(twice.client, "orders", body, key="three"),
            lambda: post(twice.client, "orders", body | {"purpose": "Another."}, key="once"),
            other.order,
        ],
    )
    codes = [answer.status_code for answer in answers]
    assert codes[:3] == [201, 409, 401] and codes[4] == 201 and codes[7] == 201
    assert answers[1].json()["code"] == "insufficient_funds"
    # Of two under one reference one is placed; of two bodies under one key one is taken for the other's repetition.
    assert sorted(codes[3:4] + codes[5:7]) in ([201, 409, 409], [201, 409, 422])
    assert Order.objects.count() == before + 1 + 4
    assert factories.balance(poor.organization, AccountKind.WALLET) == 0
    assert factories.balance(twice.organization, AccountKind.WALLET) == 7 * PRICE
    assert factories.balance(barred.organization, AccountKind.WALLET) == 9 * PRICE


def test_an_order_whose_wallet_is_locked_holds_up_nobody_else():
    market = factories.market(price=PRICE)
    held, other = Buyer(market), Buyer(market)
    with locked(held):
        waiting = InBackground(held.order)
        wait_until(lambda: blocked_backends() == 1)
        assert [other.order().status_code for _order in range(3)] == [201, 201, 201]
    assert waiting.wait().status_code == 201
