"""The operator's queue and brake, and the auditor's view."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.states import Capacity, Role
from market.catalog import services
from market.catalog.models import Product, Review
from market.catalog.states import REVIEW_CHECKLIST, ProductState, ReviewDecision
from tests import factories

CONFIRMED = dict.fromkeys(REVIEW_CHECKLIST, "on")
REVIEWS = "/admin/catalog/review/"
PRODUCTS = "/admin/catalog/product/"


def signed_in(membership) -> Client:
    client = Client()
    client.force_login(membership.user)
    return client


@pytest.fixture
def desk(stall) -> Client:
    return signed_in(stall.operator)


def act(client: Client, address: str, name: str, **answers):
    return client.post(f"{address}acts/{name}/", {"confirmed": "yes"} | answers)


def test_a_review_shows_all_that_a_decision_needs(stall, desk):
    review = stall.submitted(title="贵州路况")
    text = desk.get(f"{REVIEWS}{review.id}/change/").content.decode()
    asset = review.product.revisions.get().assets.get()
    for part in (
        "贵州路况",
        stall.vendor.name,
        "逐小时观测",
        asset.path,
        asset.sha256,
        "贵阳",
        "CNY 100.00",
        "Internal use.",
    ):
        assert part in text
    assert "Approve" in text
    assert "Reject" in text


def test_what_a_vendor_writes_is_shown_and_never_run(stall, desk):
    script = "<script>alert(1)</script>"
    product = stall.draft(title=script, description=script)
    revision = services.start_revision(
        actor=stall.actor,
        product_id=product.id,
        notes=script,
        data_dictionary={"fields": [{"name": script, "description": script}]},
        sample=[{script: script}],
        profile={"files": [{"path": script, "rows": script, "columns": [{"name": script, "type": script}]}]},
    )
    stall.upload(revision, "a.csv", b"a\n1\n")
    services.publish_revision(actor=stall.actor, revision_id=revision.id)
    stall.offer(product, licence=script)
    review = services.submit_product(actor=stall.actor, product_id=product.id)
    for address in (
        REVIEWS,
        f"{REVIEWS}{review.id}/change/",
        f"{REVIEWS}{review.id}/acts/approve/",
        PRODUCTS,
        f"{PRODUCTS}{product.id}/change/",
        f"/admin/catalog/revision/{revision.id}/change/",
        f"/admin/catalog/offer/{product.offers.get().id}/change/",
    ):
        text = desk.get(address).content.decode()
        assert "&lt;script&gt;alert(1)" in text
        assert script not in text


@pytest.mark.parametrize(
    "profile", [{"files": 5}, {"files": [5]}, {"files": [{"columns": [{}]}]}, {"files": [{"columns": 7}]}, {"rows": 1}]
)
def test_a_vendors_own_profile_may_have_any_shape(stall, desk, profile):
    product = stall.draft()
    revision = services.start_revision(
        actor=stall.actor, product_id=product.id, profile=profile, sample=[{"a": {"nested": [1]}}, {}, {"b": None}]
    )
    stall.upload(revision, "a.csv", b"a\n1\n")
    services.publish_revision(actor=stall.actor, revision_id=revision.id)
    stall.offer(product)
    review = services.submit_product(actor=stall.actor, product_id=product.id)
    assert desk.get(f"{REVIEWS}{review.id}/change/").status_code == 200
    assert desk.get(f"/admin/catalog/revision/{revision.id}/change/").status_code == 200


def test_columns_of_a_sample_keep_the_files_order(stall, desk):
    review = stall.submitted()
    text = desk.get(f"{REVIEWS}{review.id}/change/").content.decode()
    headers = text[text.index("Sample rows") :]
    assert headers.index("站点") < headers.index("温度") < headers.index("日期")


def test_what_waits_longest_is_on_top(stall, desk):
    done = stall.submitted(title="已批准")
    stall.approve(done)
    first, second = stall.submitted(title="先提交"), stall.submitted(title="后提交")
    text = desk.get(REVIEWS).content.decode()
    assert text.index(str(first.id)) < text.index(str(second.id)) < text.index(str(done.id))
    assert "Reviews waiting" in desk.get("/admin/").content.decode()


def test_approval_needs_every_point_of_the_checklist(stall, desk):
    review = stall.submitted()
    at = f"{REVIEWS}{review.id}/"
    for name in REVIEW_CHECKLIST:
        reply = act(desk, at, "approve", **{point: "on" for point in REVIEW_CHECKLIST if point != name})
        assert reply.status_code == 200
        assert "Confirm this" in reply.content.decode()
    review.refresh_from_db()
    assert review.decision == ReviewDecision.PENDING
    assert act(desk, at, "approve", **CONFIRMED).status_code == 302
    product = Product.objects.get()
    review.refresh_from_db()
    assert (product.state, review.decision) == (ProductState.LISTED, ReviewDecision.APPROVED)
    assert review.checklist == dict.fromkeys(REVIEW_CHECKLIST, True)
    assert product.certificate_number in desk.get(f"{PRODUCTS}{product.id}/change/").content.decode()
    assert act(desk, at, "reject", reasons="too late").status_code == 404


def test_rejection_needs_reasons(stall, desk):
    review = stall.submitted()
    at = f"{REVIEWS}{review.id}/"
    assert act(desk, at, "reject", reasons=" ").status_code == 200
    assert Review.objects.get().decision == ReviewDecision.PENDING
    act(desk, at, "reject", reasons="样本有误", checklist=["rights", "grade"])
    review.refresh_from_db()
    assert (review.decision, review.reasons) == (ReviewDecision.REJECTED, "样本有误")
    assert {name for name, is_confirmed in review.checklist.items() if is_confirmed} == {"rights", "grade"}
    assert Product.objects.get().state == ProductState.REJECTED


def test_a_reviewer_who_worked_for_the_vendor_is_refused_on_the_page(stall, desk):
    review = stall.submitted()
    factories.accounts.add_members(actor=factories.SYSTEM, members=[(stall.operator.user, stall.vendor, Role.FINANCE)])
    reply = act(desk, f"{REVIEWS}{review.id}/", "approve", **CONFIRMED)
    assert "never worked for this vendor" in reply.content.decode()
    assert Product.objects.get().state == ProductState.IN_REVIEW


def test_suspend_and_resume(stall, desk):
    product = stall.listed()
    at = f"{PRODUCTS}{product.id}/"
    act(desk, at, "suspend", reason="complaint of a buyer")
    product.refresh_from_db()
    assert product.state == ProductState.SUSPENDED
    assert act(desk, at, "suspend", reason="again").status_code == 404
    act(desk, at, "resume", reason="settled")
    product.refresh_from_db()
    assert product.state == ProductState.LISTED


def test_operators_without_the_role_look_and_do_not_decide(stall):
    review = stall.submitted()
    looker = signed_in(factories.member(stall.operator.organization, Role.FINANCE))
    text = looker.get(f"{REVIEWS}{review.id}/change/").content.decode()
    assert "/acts/" not in text
    assert act(looker, f"{REVIEWS}{review.id}/", "approve", **CONFIRMED).status_code == 404
    assert Product.objects.get().state == ProductState.IN_REVIEW


@pytest.mark.parametrize("site", ["admin", "auditor"])
def test_nothing_is_added_edited_or_deleted_from_above(stall, desk, site):
    product = stall.listed()
    client = desk
    if site == "auditor":
        client = signed_in(factories.member(factories.organization(Capacity.REGULATOR), Role.AUDITOR))
    rows = {
        "product": product,
        "revision": product.revisions.get(),
        "offer": product.offers.get(),
        "review": product.reviews.get(),
    }
    for name, row in rows.items():
        at = f"/{site}/catalog/{name}/"
        assert client.get(at).status_code == 200
        assert client.get(f"{at}{row.pk}/change/").status_code == 200
        assert client.get(f"{at}{row.pk}/history/").status_code == 200
        assert client.get(f"{at}add/").status_code == 403
        assert client.post(f"{at}{row.pk}/change/", {"title": "x"}).status_code == 403
        assert client.post(f"{at}{row.pk}/delete/", {"post": "yes"}).status_code in (403, 404)
    product.refresh_from_db()
    assert product.title == "气象观测"


def test_an_auditor_has_no_acts(stall):
    product = stall.listed()
    auditor = signed_in(factories.member(factories.organization(Capacity.REGULATOR), Role.AUDITOR))
    assert "/acts/" not in auditor.get(f"/auditor/catalog/product/{product.id}/change/").content.decode()
    assert act(auditor, f"/auditor/catalog/product/{product.id}/", "suspend", reason="because").status_code == 404
    assert "Listed products" in auditor.get("/auditor/").content.decode()


@pytest.mark.parametrize("name", ["product", "revision", "offer", "review", "vendorprofile"])
def test_a_list_costs_the_same_whatever_its_length(stall, desk, name):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert desk.get(f"/admin/catalog/{name}/").status_code == 200
        return len(queries)

    def one_more():
        vendor = factories.organization(Capacity.VENDOR)
        product = factories.product(vendor)
        factories.revision(product)
        factories.offer(product)
        stall.submitted()
        services.edit_vendor_profile(
            actor=factories.actor_of(factories.member(vendor, Role.OWNER)), sector="M", introduction="气象"
        )

    one_more()
    few = cost()
    one_more()
    one_more()
    assert cost() == few
