"""A process keeps what an order stood on, and no order is placed on what has changed since."""

import uuid
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiToken, Membership, Organization, User
from accounts.states import OrganizationState, Role
from market.catalog.models import Offer, Product
from market.catalog.states import OfferState, ProductState
from market.kernel import clock
from market.kernel.memory import Memory
from market.ledger.states import AccountKind
from market.orders.models import Order
from market.orders.services import placing
from tests import factories
from tests.orders.trades import buyer, money, place, post, wish

Change = Callable[[factories.Market], object]


def limited(market: factories.Market) -> None:
    finance = factories.api_client(factories.member(market.buyer, Role.FINANCE))
    finance.put("/api/v1/spending-limits", {"membership": None, "amount": 1}, format="json")


def suspend(organization: Organization) -> None:
    Organization.objects.filter(id=organization.id).update(state=OrganizationState.SUSPENDED)


REFUSED: dict[str, tuple[Change, int, str]] = {
    "the token is revoked": (
        lambda market: ApiToken.objects.filter(membership=market.purchaser).update(revoked_at=clock.now()),
        401,
        "authentication_failed",
    ),
    "the person is barred": (
        lambda market: User.objects.filter(id=market.purchaser.user_id).update(is_active=False),
        401,
        "authentication_failed",
    ),
    "the person's role changes": (
        lambda market: Membership.objects.filter(id=market.purchaser.id).update(role=Role.FINANCE),
        403,
        "forbidden",
    ),
    "the buyer may not trade": (lambda market: suspend(market.buyer), 403, "organization_not_trading"),
    "the vendor may not trade": (lambda market: suspend(market.vendor), 403, "organization_not_trading"),
    "the offer is withdrawn": (
        lambda market: Offer.objects.filter(id=market.offer.id).update(state=OfferState.WITHDRAWN),
        409,
        "offer_not_orderable",
    ),
    "the product is suspended": (
        lambda market: Product.objects.filter(id=market.offer.product_id).update(state=ProductState.SUSPENDED),
        409,
        "offer_not_orderable",
    ),
}


@pytest.mark.django_db(transaction=True)
def test_what_may_no_longer_be_ordered_is_refused():
    for name, (change, status, code) in REFUSED.items():
        market = factories.market()
        client = factories.api_client(market.purchaser)
        assert [post(client, "orders", wish(market)).status_code for _order in range(2)] == [201, 201], name
        change(market)
        before = money(market)
        refused = post(client, "orders", wish(market))
        assert (refused.status_code, refused.json()["code"]) == (status, code), name
        assert money(market) == before and market.buyer.purchases.count() == 2, name


@pytest.mark.django_db(transaction=True)
def test_the_next_order_is_of_what_is_there_now():
    market = factories.market()
    client = factories.api_client(market.purchaser)
    first = post(client, "orders", wish(market)).json()
    revision = factories.revision(market.offer.product)
    second = post(client, "orders", wish(market)).json()
    assert (first["revision"]["number"], second["revision"]["number"]) == (1, 2)
    assert second["revision"]["id"] == str(revision.id)
    Organization.objects.filter(id=market.vendor.id).update(name="黔云数据集团")
    assert post(client, "orders", wish(market)).json()["vendor"]["name"] == "黔云数据集团"
    limited(market)
    assert post(client, "orders", wish(market)).json()["state"] == "awaiting_approval"


@pytest.mark.django_db(transaction=True)
def test_a_service_reads_once_and_sees_changes_too(monkeypatch):
    market = factories.market()
    placed_at = []
    monkeypatch.setattr(placing, "announce", lambda rows: placed_at.append(len(rows)))

    def order() -> tuple[Order, int]:
        with CaptureQueriesContext(connection) as queries:
            wanted = wish(market)
            made = placing.place(actor=buyer(market), offer_id=uuid.UUID(wanted.pop("offer")), **wanted)
        return made, sum("accounts_organization" in query["sql"] for query in queries)

    order()
    made, asked = order()
    assert (made.state, asked) == ("paid", 1), "the insert alone asks"
    Organization.objects.filter(id=market.buyer.id).update(name="遵义食品集团")
    made, asked = order()
    assert made.buyer_org.name == "遵义食品集团" and asked > 1
    assert len(placed_at) == 3 and factories.balance(market.buyer, AccountKind.ESCROW) == 30_000


@pytest.mark.django_db
def test_what_a_transaction_has_not_committed_is_not_kept():
    market = factories.market()
    place(market)
    assert placing.kept_ground(placing.Wish(market.offer.id, 1, "p", "r"), market.buyer.id) is None


def test_of_too_many_the_first_is_forgotten():
    memory = Memory(2)
    for key in "aba":
        memory.keep(key, key.upper())
    memory.keep("c", "C")
    assert [memory.get(key) for key in "abc"] == ["A", None, "C"]
    memory.forget("a")
    memory.forget("a")
    assert [memory.get(key) for key in "abc"] == [None, None, "C"]
