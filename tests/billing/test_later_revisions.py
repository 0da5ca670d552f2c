"""A subscriber receives what is published within the term, and nothing else."""

import datetime

import pytest
from django.test import Client

from market.catalog import services as catalog
from market.catalog.models import Revision
from market.delivery.models import Receipt
from market.kernel import clock
from tests import factories
from tests.billing.contracts import beat, day, market_of_contracts, on, subscribed

pytestmark = pytest.mark.django_db
INCLUDED = {"includes_later_revisions": True}
TERM_END = day("2027-04-17")


def published(market, when: str, content: bytes = b"new") -> Revision:
    with on(when):
        return factories.revision(market.offer.product, {"news.csv": content})


def links(market, subscription, when: str, **body):
    with on(when):
        client = factories.api_client(market.purchaser)
        return client.post(f"/api/v1/entitlements/{subscription.order.entitlement.id}/links", body, format="json")


def received(url: str) -> bytes:
    """The body read to its end, when the test client closes it as a server does."""
    return b"".join(Client().get(url).streaming_content)


def detail(market, subscription, when: str, query: str = ""):
    with on(when):
        client = factories.api_client(market.purchaser)
        return client.get(f"/api/v1/entitlements/{subscription.order.entitlement.id}{query}")


def test_what_is_published_within_the_term_is_received():
    market = market_of_contracts()
    subscription = subscribed(market, **INCLUDED)
    newer = published(market, "2027-02-01", b"station,value\n")
    shown = detail(market, subscription, "2027-02-02").json()
    assert [revision["number"] for revision in shown["covered_revisions"]] == [2, 1]
    assert [asset["path"] for asset in shown["assets"]] == ["news.csv"]
    first = detail(market, subscription, "2027-02-02", "?revision=1").json()
    assert [asset["path"] for asset in first["assets"]] == ["observations.csv"]
    assert detail(market, subscription, "2027-02-02", "?revision=3").status_code == 404
    issued = links(market, subscription, "2027-02-02").json()["links"]
    assert [link["path"] for link in issued] == ["news.csv"]
    with on("2027-02-02"):
        assert received(issued[0]["url"]) == b"station,value\n"
    assert Receipt.objects.get().asset.revision == newer
    older = links(market, subscription, "2027-02-02", revision=1).json()["links"]
    assert [link["path"] for link in older] == ["observations.csv"]


def test_without_the_clause_only_what_was_ordered():
    market = market_of_contracts()
    subscription = subscribed(market)
    newer = published(market, "2027-02-01")
    shown = detail(market, subscription, "2027-02-02").json()
    assert [revision["number"] for revision in shown["covered_revisions"]] == [1]
    refused = links(market, subscription, "2027-02-02", assets=[str(newer.assets.get().id)])
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/assets/0")
    refused = links(market, subscription, "2027-02-02", revision=2)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/revision")


def test_another_products_files_are_never_covered():
    market = market_of_contracts()
    subscription = subscribed(market, **INCLUDED)
    other = factories.product(market.vendor)
    with on("2027-02-01"):
        factories.revision(other)
        foreign = factories.revision(other)
    answer = links(market, subscription, "2027-02-02", assets=[str(foreign.assets.get().id)])
    assert answer.status_code == 422


def test_links_that_are_out_end_with_the_term():
    market = market_of_contracts()
    subscription = subscribed(market, **INCLUDED)
    published(market, "2027-02-01")
    last_evening = datetime.datetime(2027, 4, 16, 15, 55, tzinfo=datetime.UTC)
    with clock.frozen_at(last_evening):
        client = factories.api_client(market.purchaser)
        issued = client.post(f"/api/v1/entitlements/{subscription.order.entitlement.id}/links", {}, format="json")
    url = issued.json()["links"][0]["url"]
    with clock.frozen_at(last_evening + datetime.timedelta(minutes=4)):
        assert received(url) == b"new"
    with clock.frozen_at(last_evening + datetime.timedelta(minutes=5)):
        assert Client().get(url).json()["code"] == "entitlement_ended"


def test_a_revision_that_was_revoked_is_not_among_them():
    market = market_of_contracts()
    subscription = subscribed(market, **INCLUDED)
    newer = published(market, "2027-02-01")
    with on("2027-02-02"):
        catalog.revoke_revision(actor=factories.actor_of(market.lister), revision_id=newer.id, reason="Wrong values.")
    shown = detail(market, subscription, "2027-02-02").json()
    assert [revision["number"] for revision in shown["covered_revisions"]] == [1]


def test_nothing_is_received_while_a_payment_is_long_overdue():
    market = market_of_contracts(funds=10_000)
    subscription = subscribed(market, is_instalment=True, **INCLUDED)
    beat("2027-02-17")
    assert links(market, subscription, "2027-02-18").status_code == 200, "within the days of grace"
    beat("2027-02-24")
    refused = links(market, subscription, "2027-02-24")
    assert (refused.status_code, refused.json()["code"]) == (403, "entitlement_suspended")
    shown = detail(market, subscription, "2027-02-24").json()
    assert shown["standing"] == "suspended"
    with on("2027-02-25"):
        factories.fund(market.buyer, 10_000)
    beat("2027-02-25")
    assert links(market, subscription, "2027-02-25").status_code == 200
