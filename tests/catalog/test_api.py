"""The catalogue over HTTP: who sees what, strict queries, and a constant number of queries."""

import base64
import urllib.parse
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Organization
from accounts.states import Capacity, OrganizationState, Role, Scope
from market.catalog import services
from market.catalog.models import Product
from market.catalog.states import Grade, PriceModel, ProductState
from tests import factories

PRODUCTS = "/api/v1/products"


@pytest.fixture
def purchaser(db):
    return factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER)


@pytest.fixture
def client(purchaser):
    return factories.api_client(purchaser)


def keys(reply) -> list[str]:
    assert reply.status_code == 200, reply.content
    return [row["id"] for row in reply.json()["results"]]


def test_a_buyer_sees_what_is_listed_and_no_more(stall, client):
    listed = stall.listed()
    hidden = [stall.draft(), stall.ready(), Product.objects.get(id=stall.submitted().product_id)]
    services.suspend_product(actor=stall.reviewer, product_id=(suspended := stall.listed()).id, reason="check")
    assert keys(client.get(PRODUCTS)) == [str(listed.id)]
    for product in [*hidden, suspended]:
        assert client.get(f"{PRODUCTS}/{product.id}").status_code == 404


def test_products_of_a_vendor_that_may_not_trade_are_hidden(stall, client):
    stall.listed()
    Organization.objects.filter(id=stall.vendor.id).update(state=OrganizationState.SUSPENDED)
    assert keys(client.get(PRODUCTS)) == []
    assert keys(client.get("/api/v1/vendors")) == []


def test_a_vendor_sees_its_own_in_any_state_and_not_a_rivals_draft(stall):
    draft, listed = stall.draft(), stall.listed()
    rival = factories.member(factories.organization(Capacity.VENDOR), Role.LISTER)
    assert set(keys(factories.api_client(stall.lister).get(PRODUCTS))) == {str(draft.id), str(listed.id)}
    assert keys(factories.api_client(rival).get(PRODUCTS)) == [str(listed.id)]
    assert factories.api_client(rival).get(f"{PRODUCTS}/{draft.id}").status_code == 404


@pytest.mark.parametrize(("capacity", "role"), [(Capacity.OPERATOR, Role.OPERATOR), (Capacity.REGULATOR, Role.AUDITOR)])
def test_supervisors_see_everything(stall, capacity, role):
    draft = stall.draft()
    client = factories.api_client(factories.member(factories.organization(capacity), role))
    assert keys(client.get(PRODUCTS)) == [str(draft.id)]


def test_a_private_offer_is_seen_by_its_buyer_alone(stall, purchaser, client):
    product = stall.listed()
    private = stall.offer(product, 77, buyer_org_id=purchaser.organization_id)
    shown = client.get(f"{PRODUCTS}/{product.id}").json()["offers"]
    assert [(offer["id"], offer["is_private"]) for offer in shown if offer["is_private"]] == [(str(private.id), True)]
    assert keys(client.get(PRODUCTS, {"max_amount": 77})) == [str(product.id)]

    stranger = factories.api_client(factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER))
    assert str(private.id) not in stranger.get(f"{PRODUCTS}/{product.id}").content.decode()
    assert str(private.id) not in stranger.get(PRODUCTS).content.decode()
    assert keys(stranger.get(PRODUCTS, {"max_amount": 77})) == []


def test_detail_describes_content_without_giving_it_away(stall, client):
    product = stall.listed()
    draft = stall.revision(product, {"next.csv": b"a\n1\n"}, publish=False)
    document = client.get(f"{PRODUCTS}/{product.id}").json()
    (revision,) = document["revisions"]
    assert str(draft.id) not in str(document)
    assert revision["sample"][0]["站点"] == "贵阳"
    assert revision["profile"]["files"][0]["rows"] == 3
    (asset,) = revision["assets"]
    assert set(asset) == {"id", "path", "media_type", "bytes", "sha256"}
    assert document["vendor"] == {"id": str(stall.vendor.id), "name": stall.vendor.name}
    assert document["offers"][0]["licence"] == "Internal use."
    assert "bank_account" not in str(document)


def test_revoked_revisions_stay_with_their_reason(stall, client):
    product = stall.listed()
    services.revoke_revision(actor=stall.actor, revision_id=product.revisions.get().id, reason="wrong station names")
    (revision,) = client.get(f"{PRODUCTS}/{product.id}").json()["revisions"]
    assert (revision["state"], revision["revocation_reason"]) == ("revoked", "wrong station names")
    assert client.get(PRODUCTS).json()["results"][0]["latest_revision"] is None


def test_filters(stall, client, purchaser):
    wind = stall.listed(title="风电功率", kind="api", sector="D", code="WIND-1")
    rain = stall.listed(title="逐日降水", description="贵州 100% 覆盖", sector="M", code="RAIN_1")
    secret = stall.draft(title="重要数据", grade=Grade.IMPORTANT)
    stall.revision(secret)
    stall.offer(secret, 5, buyer_org_id=purchaser.organization_id)
    secret = stall.approve(services.submit_product(actor=stall.actor, product_id=secret.id))
    stall.offer(wind, 0, price_model=PriceModel.FREE)
    other = factories.product(factories.organization(Capacity.VENDOR, name="遵义交通大数据"))

    def found(**query):
        return set(keys(client.get(PRODUCTS, query)))

    assert found(kind="api") == {str(wind.id)}
    assert found(sector="D") == {str(wind.id)}
    assert found(grade="important") == {str(secret.id)}
    assert found(vendor=str(other.vendor_org_id)) == {str(other.id)}
    assert found(price_model="free") == {str(wind.id)}
    assert found(max_amount=4) == {str(wind.id)}
    assert found(max_amount=5) == {str(wind.id), str(secret.id)}
    assert found(price_model="one_off", max_amount=4) == set()
    assert found(q="风电") == {str(wind.id)}
    assert found(q="rain_1") == {str(rain.id)}
    assert found(q="100%") == {str(rain.id)}
    assert found(q="遵义 交通") == {str(other.id)}
    assert found(q="风电 降水") == set()


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("colour=red", "/colour"),
        ("kind=boat", "/kind"),
        ("sector=Z", "/sector"),
        ("sector=A&sector=B", "/sector"),
        ("grade=", "/grade"),
        ("vendor=abc", "/vendor"),
        ("max_amount=-1", "/max_amount"),
        ("max_amount=1.5", "/max_amount"),
        ("max_amount=99999999999999999999", "/max_amount"),
        ("page_size=0", "/page_size"),
        ("page_size=201", "/page_size"),
        ("cursor=nonsense", "/cursor"),
        ("ordering=price", "/ordering"),
        ("q=%00", "/q"),
        ("q=" + "a" * 101, "/q"),
        ("q=a+b+c+d+e+f+g+h+i", "/q"),
        ("cursor=" + base64.b64encode(b"p=not-a-key").decode(), "/cursor"),
        ("cursor=" + base64.b64encode(b"p=%00").decode(), "/cursor"),
    ],
)
@pytest.mark.parametrize("address", [PRODUCTS, "/api/v1/vendors"])
def test_a_wrong_parameter_is_named(client, address, query, pointer):
    reply = client.get(f"{address}?{query}")
    assert reply.status_code == 422, reply.content
    assert reply["Content-Type"] == "application/problem+json"
    assert pointer in [error["pointer"] for error in reply.json()["errors"]]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    name=st.sampled_from(
        ["q", "kind", "vendor", "max_amount", "cursor", "page_size", "ordering", "region", "sector", "x"]
    ),
    value=st.one_of(st.text(), st.binary().map(lambda raw: base64.b64encode(raw).decode()), st.binary()),
    address=st.sampled_from([PRODUCTS, "/api/v1/vendors"]),
)
def test_no_query_string_breaks_the_list(client, name, value, address):
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    reply = client.get(f"{address}?{name}={urllib.parse.quote(value)}")
    assert reply.status_code in (200, 422)


def test_vendors_with_profile_and_count(stall, client):
    stall.listed()
    stall.draft()
    services.edit_vendor_profile(
        actor=stall.actor, sector="M", introduction="气象数据", website="https://data.example.cn"
    )
    pending = factories.organization(Capacity.VENDOR, state=OrganizationState.PENDING)
    factories.organization(Capacity.BUYER)
    (vendor,) = client.get("/api/v1/vendors").json()["results"]
    assert (vendor["id"], vendor["listed_products"], vendor["sector"]) == (str(stall.vendor.id), 1, "M")
    assert client.get(f"/api/v1/vendors/{stall.vendor.id}").json() == vendor
    assert client.get(f"/api/v1/vendors/{pending.id}").status_code == 404
    assert client.get(f"/api/v1/vendors/{uuid.uuid4()}").status_code == 404
    assert keys(client.get("/api/v1/vendors", {"sector": "A"})) == []
    assert keys(client.get("/api/v1/vendors", {"q": "气象", "region": stall.vendor.region})) == [str(stall.vendor.id)]


def test_paging_walks_every_product_once(stall, client):
    expected = [str(stall.listed().id) for _turn in range(5)]
    for ordering, order in (("newest", expected[::-1]), ("oldest", expected)):
        seen, address = [], f"{PRODUCTS}?page_size=2&ordering={ordering}"
        while address:
            page = client.get(address).json()
            seen += [row["id"] for row in page["results"]]
            address = page["next"]
        assert seen == order


@pytest.mark.parametrize("address", [f"{PRODUCTS}?page_size=100", "/api/v1/vendors?page_size=100"])
def test_a_page_costs_the_same_whatever_its_length(stall, client, address):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        return len(queries)

    stall.listed()
    few = cost()
    for _turn in range(4):
        product = stall.listed()
        stall.offer(product, 3)
        factories.offer(factories.product(factories.organization(Capacity.VENDOR)))
    assert cost() == few <= 3


def test_detail_costs_the_same_whatever_it_holds(stall, client):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"{PRODUCTS}/{product.id}").status_code == 200
        return len(queries)

    product = stall.listed()
    few = cost()
    for turn in range(3):
        stall.revision(product, {f"{turn}.csv": b"a\n1\n", f"{turn}-b.csv": b"b\n2\n"})
        stall.offer(product, 3 + turn)
    assert cost() == few <= 5


def test_doors_are_closed_without_token_or_scope(stall, purchaser):
    product = stall.listed()
    narrow = factories.api_client(purchaser, scopes=[Scope.ACCOUNT_READ])
    for address in (PRODUCTS, f"{PRODUCTS}/{product.id}", "/api/v1/vendors", f"/api/v1/vendors/{stall.vendor.id}"):
        assert narrow.get(address).status_code == 403
        assert narrow.post(address, {}).status_code in (403, 405)
        assert type(narrow)().get(address).status_code == 401
    assert Product.objects.get(id=product.id).state == ProductState.LISTED
