"""Who sees which entitlement, who gets links, who reads receipts."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client

from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.delivery import services
from market.delivery.models import Entitlement, Receipt
from market.kernel import clock
from market.kernel.identifiers import uuid7
from market.orders import services as orders
from tests import factories
from tests.delivery.trade import deliver, entitled, place

pytestmark = pytest.mark.django_db
LIST = "/api/v1/entitlements"
FILES = {"a.csv": b"a" * 1000, "数据/b.csv": b"b" * 500}


@pytest.fixture
def market(db) -> factories.Market:
    return factories.market(price=100)


@pytest.fixture
def entitlement(market) -> Entitlement:
    return entitled(market, FILES)


@pytest.fixture
def buyer(market):
    return factories.api_client(market.purchaser)


def address(entitlement, *parts: str) -> str:
    return "/".join([LIST, str(entitlement.id), *parts])


def links(client, entitlement, **body) -> list[dict]:
    response = client.post(address(entitlement, "links"), body)
    assert response.status_code == 200, response.content
    return response.json()["links"]


def download(url: str, **headers) -> bytes:
    return b"".join(Client().get(urlsplit(url).path, headers=headers).streaming_content)


def stranger():
    return factories.api_client(factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER))


def test_from_order_to_bytes(market, buyer):
    factories.revision(market.offer.product, FILES)
    order = place(market)
    assert buyer.get(LIST, {"order": str(order.id)}).json()["results"] == [], "nothing before it is delivered"
    deliver(order)
    (found,) = buyer.get(LIST, {"order": str(order.id)}).json()["results"]
    detail = buyer.get(f"{LIST}/{found['id']}").json()
    assert detail["standing"] == "active"
    assert detail["order"] == {"id": str(order.id), "number": order.number}
    assert detail["buyer"] == {"id": str(market.buyer.id), "name": market.buyer.name}
    assert detail["vendor"] == {"id": str(market.vendor.id), "name": market.vendor.name}
    assert [(file["path"], file["bytes"], file["bytes_sent"]) for file in detail["assets"]] == [
        ("a.csv", 1000, 0),
        ("数据/b.csv", 500, 0),
    ]
    entitlement = Entitlement.objects.get()
    urls = {link["path"]: link["url"] for link in links(buyer, entitlement)}
    assert {path: download(url) for path, url in urls.items()} == FILES
    download(urls["a.csv"], Range="bytes=0-99")
    sent = [file["bytes_sent"] for file in buyer.get(address(entitlement)).json()["assets"]]
    assert sent == [1100, 500]


def test_links_for_chosen_files(buyer, entitlement):
    wanted = entitlement.revision.assets.get(path="a.csv")
    (link,) = links(buyer, entitlement, assets=[str(wanted.id), str(wanted.id)])
    assert (link["asset"], link["sha256"]) == (str(wanted.id), wanted.sha256)
    assert link["url"].startswith("http://testserver/api/v1/downloads/")


def test_links_last_as_long_as_the_setting_says(buyer, entitlement, settings):
    settings.DOWNLOAD_LINK_SECONDS = 60
    now = clock.now().replace(microsecond=0)
    with clock.frozen_at(now):
        response = buyer.post(address(entitlement, "links"), {})
    assert datetime.fromisoformat(response.json()["expires_at"]) == now + timedelta(seconds=60)
    assert response["Cache-Control"] == "no-store"


def test_issuing_links_leaves_evidence_without_the_links(buyer, entitlement, market):
    issued = links(buyer, entitlement)
    proof = AuditEvent.objects.get(name="entitlement.links_issued")
    assert proof.actor_label == market.purchaser.user.email
    assert (proof.subject_id, proof.payload["files"]) == (entitlement.id, 2)
    for link in issued:
        assert link["url"].rpartition(":")[2] not in str(proof.payload)


def test_refused_links_change_nothing(buyer, entitlement, market):
    before = AuditEvent.objects.count()
    path = address(entitlement, "links")
    foreign = factories.revision(factories.product(market.vendor)).assets.get()
    for body, pointer in (
        ({"assets": []}, "/assets"),
        ({"assets": ["x"]}, "/assets/0"),
        ({"assets": [str(foreign.id)]}, "/assets/0"),
        ({"assets": [str(uuid7())] * 1001}, "/assets"),
        ({"files": []}, "/files"),
    ):
        refusal = buyer.post(path, body)
        assert refusal.status_code == 422, body
        assert refusal.json()["errors"][0]["pointer"] == pointer
    assert buyer.post(path.replace(str(entitlement.id), str(uuid7())), {}).status_code == 404
    assert stranger().post(path, {}).status_code == 404
    assert factories.api_client(market.purchaser, ["orders:read"]).post(path, {}).status_code == 403
    assert Client().post(path).status_code == 401
    vendor_owner = factories.api_client(factories.member(market.vendor, Role.OWNER))
    assert vendor_owner.get(address(entitlement)).status_code == 200, "the vendor sees its sale"
    assert vendor_owner.post(path, {}).status_code == 403, "and receives nothing"
    ignored = ("api_token.issued", "membership.added", "organization.registered")
    names = AuditEvent.objects.order_by("id").values_list("name", flat=True)
    assert [name for name in list(names)[before:] if name not in ignored] == []


def test_revoked_entitlement_gives_no_links(buyer, entitlement, market):
    services.revoke_entitlement(
        actor=factories.actor_of(market.operator), entitlement_id=entitlement.id, reason="Wrong buyer."
    )
    refusal = buyer.post(address(entitlement, "links"), {})
    assert (refusal.status_code, refusal.json()["code"]) == (403, "entitlement_revoked")
    detail = buyer.get(address(entitlement)).json()
    assert (detail["standing"], detail["revocation_reason"]) == ("revoked", "Wrong buyer.")


def test_who_sees_what(entitlement, market):
    Receipt.objects.create(
        entitlement=entitlement,
        asset=entitlement.revision.assets.first(),
        buyer_org_id=market.buyer.id,
        vendor_org_id=market.vendor.id,
        range_start=0,
        bytes_requested=1000,
        bytes_sent=10,
        started_at=clock.now(),
    )
    for membership in (market.purchaser, market.lister, market.vendor_finance, market.auditor, market.operator):
        client = factories.api_client(membership)
        assert [row["id"] for row in client.get(LIST).json()["results"]] == [str(entitlement.id)]
        assert client.get(address(entitlement)).status_code == 200
        (receipt,) = client.get(address(entitlement, "receipts")).json()["results"]
        assert (receipt["path"], receipt["bytes_requested"], receipt["bytes_sent"]) == ("a.csv", 1000, 10)
    other_vendor = factories.member(factories.organization(Capacity.VENDOR), Role.LISTER)
    for client in (stranger(), factories.api_client(other_vendor)):
        assert client.get(LIST).json()["results"] == []
        assert client.get(address(entitlement)).status_code == 404
        assert client.get(address(entitlement, "receipts")).status_code == 404


def test_scopes(entitlement, market):
    for scope, expected in (("delivery:read", 200), ("orders:read", 200), ("ledger:read", 403)):
        client = factories.api_client(market.purchaser, [scope])
        assert client.get(LIST).status_code == expected
        assert client.get(address(entitlement)).status_code == expected
        assert client.get(address(entitlement, "receipts")).status_code == expected
    assert Client().get(LIST).status_code == 401


def test_filters(buyer, entitlement, market):
    product = str(entitlement.product_id)
    assert len(buyer.get(LIST, {"product": product}).json()["results"]) == 1
    assert buyer.get(LIST, {"product": str(uuid7())}).json()["results"] == []
    for wrong in ({"product": "x"}, {"prodct": product}):
        assert buyer.get(LIST, wrong).status_code == 422
    assert buyer.get(address(entitlement, "receipts"), {"asset": "x"}).status_code == 422


def test_lists_cost_the_same_for_any_number_of_rows(buyer, market, django_assert_num_queries):
    for _order in range(6):
        entitlement = entitled(market)
    asset = entitlement.revision.assets.get()
    parties = {"buyer_org_id": market.buyer.id, "vendor_org_id": market.vendor.id}
    Receipt.objects.bulk_create(
        Receipt(
            entitlement=entitlement,
            asset=asset,
            range_start=0,
            bytes_requested=1,
            bytes_sent=1,
            started_at=clock.now(),
            **parties,
        )
        for _receipt in range(6)
    )
    for path, queries in ((LIST, 2), (address(entitlement, "receipts"), 3)):
        for page_size in (1, 5):
            with django_assert_num_queries(queries):
                page = buyer.get(path, {"page_size": page_size}).json()
            assert len(page["results"]) == page_size
            assert page["next"]


def test_detail_costs_the_same_for_any_number_of_files(buyer, market, django_assert_num_queries):
    for count in (1, 20):
        entitlement = entitled(market, {f"{number}.csv": b"x" for number in range(count)})
        with django_assert_num_queries(4):
            assert len(buyer.get(address(entitlement)).json()["assets"]) == count


def test_pages_follow_each_other(buyer, market):
    made = {str(entitled(market).id) for _order in range(5)}
    seen, url = [], f"{LIST}?page_size=2"
    while url:
        page = buyer.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
    assert len(seen) == len(set(seen)) == 5
    assert set(seen) == made


def test_entitlement_outlives_acceptance(buyer, entitlement, market):
    orders.accept(actor=factories.actor_of(market.purchaser), order_id=entitlement.order_id)
    assert len(links(buyer, entitlement)) == 2
