"""A vendor's pages: the whole way to the market by hand, and nothing of anybody else's."""

import datetime
import json
import uuid

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.db import connection
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.test.utils import CaptureQueriesContext

from accounts.states import Capacity, OrganizationState, Role
from market.catalog import services
from market.catalog.models import Asset, Offer, Product, Revision, VendorProfile
from market.catalog.states import OfferState, ProductState, RevisionState
from market.kernel import clock
from tests import factories
from tests.catalog.conftest import CSV

PRODUCTS = "/vendor/catalog/product/"
REVISIONS = "/vendor/catalog/revision/"
FORM = {
    "code": "MET-1",
    "title": "气象观测",
    "description": "逐小时观测。",
    "kind": "dataset",
    "sector": "M",
    "grade": "general",
    "rights_basis": "operation",
}


# What a browser sends along for the tables of rows below the form.
TABLES = {
    f"{prefix}-{name}_FORMS": "0"
    for prefix in ("revisions", "offers", "reviews", "assets")
    for name in ("TOTAL", "INITIAL")
}


def signed_in(membership) -> Client:
    client = Client()
    client.force_login(membership.user)
    return client


@pytest.fixture
def page(stall) -> Client:
    return signed_in(stall.lister)


def act(client: Client, address: str, name: str, **answers):
    return client.post(f"{address}acts/{name}/", {"confirmed": "yes"} | answers)


def errors_on(reply) -> str:
    assert reply.status_code == 200
    text = reply.content.decode()
    assert "text-red" in text or "errors" in text
    return text


def test_the_whole_way_to_the_market(stall, page):
    assert page.get(f"{PRODUCTS}add/").status_code == 200
    reply = page.post(f"{PRODUCTS}add/", FORM)
    product = Product.objects.get()
    address = f"{PRODUCTS}{product.id}/"
    assert reply.url == f"{address}change/"
    assert "Start a revision" in page.get(reply.url).content.decode()

    reply = act(page, address, "start-revision")
    revision = product.revisions.get()
    at = f"{REVISIONS}{revision.id}/"
    assert reply.url == f"{at}change/"
    reply = act(
        page,
        at,
        "upload",
        files=[SimpleUploadedFile("观测.csv", CSV), SimpleUploadedFile("README.md", b"# hi")],
        folder="2026/01",
    )
    assert reply.url == f"{at}change/"
    assert {asset.path for asset in revision.assets.all()} == {"2026/01/观测.csv", "2026/01/README.md"}

    dictionary = {"fields": [{"name": "站点", "type": "string"}]}
    reply = page.post(
        f"{at}change/",
        TABLES | {"notes": "first", "data_dictionary": json.dumps(dictionary), "sample": "", "profile": ""},
    )
    assert reply.status_code == 302
    act(page, at, "publish")
    revision.refresh_from_db()
    assert (revision.state, revision.notes, revision.data_dictionary) == ("published", "first", dictionary)
    assert revision.sample

    act(page, address, "offer", price_model="one_off", amount="1280.5", licence="Internal use.", acceptance_days="7")
    assert product.offers.get().amount == 128_050
    act(page, address, "submit")
    product.refresh_from_db()
    assert product.state == ProductState.IN_REVIEW
    stall.approve(product.reviews.get())
    act(page, address, "delist", reason="replaced by another")
    product.refresh_from_db()
    assert product.state == ProductState.DELISTED
    assert LogEntry.objects.filter(object_id=product.id).count() >= 5


def test_mistakes_stand_beside_their_fields_and_nothing_is_saved(page):
    text = errors_on(page.post(f"{PRODUCTS}add/", FORM | {"code": "bad code", "title": ""}))
    assert "Latin letters" in text
    assert "This field is required" in text
    assert FORM["description"] in text
    assert not Product.objects.exists()


def test_a_code_used_before_is_told_and_nothing_typed_is_lost(stall, page):
    stall.draft(code="MET-1")
    text = errors_on(page.post(f"{PRODUCTS}add/", FORM | {"description": "a long text that took an hour"}))
    assert "each is used once" in text
    assert "a long text that took an hour" in text
    assert Product.objects.count() == 1


def test_core_data_cannot_even_be_chosen(page):
    errors_on(page.post(f"{PRODUCTS}add/", FORM | {"grade": "core"}))
    assert not Product.objects.exists()


def test_a_draft_is_edited_and_a_submitted_product_is_not(stall, page):
    product = stall.ready()
    address = f"{PRODUCTS}{product.id}/change/"
    assert page.post(address, TABLES | FORM | {"title": "新标题"}).status_code == 302
    product.refresh_from_db()
    assert product.title == "新标题"
    services.submit_product(actor=stall.actor, product_id=product.id)
    assert page.get(address).status_code == 200
    assert page.post(address, TABLES | FORM | {"title": "偷换"}).status_code == 403
    product.refresh_from_db()
    assert (product.title, product.state) == ("新标题", ProductState.IN_REVIEW)


def test_reasons_of_a_rejection_are_shown_and_the_product_can_be_mended(stall, page):
    review = stall.submitted()
    services.decide_review(actor=stall.reviewer, review_id=review.id, decision="rejected", reasons="样本有误")
    address = f"{PRODUCTS}{review.product_id}/change/"
    assert "样本有误" in page.get(address).content.decode()
    shown = page.get(f"/vendor/catalog/review/{review.id}/change/").content.decode()
    assert "样本有误" in shown
    assert stall.operator.user.email not in shown
    page.post(address, TABLES | FORM)
    assert Product.objects.get(id=review.product_id).state == ProductState.DRAFT


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"amount": "12.345"}, "at most two decimals"),
        ({"amount": "1e3"}, "at most two decimals"),
        ({"amount": "-5"}, "at most two decimals"),
        ({"amount": "１２"}, "at most two decimals"),
        ({"amount": ""}, "Say what it costs"),
        ({"amount": "0"}, "0.01"),
        ({"amount": "99999999999999"}, "characters|two decimals|yuan"),
        ({"price_model": "free", "amount": "5"}, "no price"),
        ({"price_model": "rent"}, "valid choice"),
        ({"licence": ""}, "required"),
        ({"acceptance_days": "91"}, "90"),
        ({"buyer_org": "91520100MA6DJ7XQ5T"}, "No buyer"),
        ({"last_day": "2020-01-01"}, "From today"),
    ],
)
def test_an_offer_with_a_mistake_is_not_made(stall, page, answers, said):
    product = stall.draft()
    given = {"price_model": "one_off", "amount": "10", "licence": "Internal use.", "acceptance_days": "7"}
    text = errors_on(act(page, f"{PRODUCTS}{product.id}/", "offer", **given | answers))
    assert any(part in text for part in said.split("|"))
    assert not Offer.objects.exists()


def test_a_private_offer_with_an_end(stall, page):
    buyer = factories.organization(Capacity.BUYER)
    product = stall.draft()
    day = clock.business_date() + datetime.timedelta(days=30)
    act(
        page,
        f"{PRODUCTS}{product.id}/",
        "offer",
        price_model="free",
        licence="Research.",
        acceptance_days="1",
        buyer_org=buyer.uscc.lower(),
        last_day=day.isoformat(),
    )
    offer = Offer.objects.get()
    assert (offer.buyer_org, offer.amount) == (buyer, 0)
    assert offer.valid_until == clock.business_midnight(day + datetime.timedelta(days=1))
    act(page, f"/vendor/catalog/offer/{offer.id}/", "withdraw")
    offer.refresh_from_db()
    assert offer.state == OfferState.WITHDRAWN


def test_a_file_is_taken_out_again(stall, page, stored_files, django_capture_on_commit_callbacks):
    revision = stall.revision(stall.draft(), publish=False)
    asset = revision.assets.get()
    address = f"/vendor/catalog/asset/{asset.id}/"
    assert page.get(f"{address}change/").status_code == 200
    assert asset.storage_name in stored_files()
    with django_capture_on_commit_callbacks(execute=True):
        reply = act(page, address, "remove")
    assert reply.url == f"{REVISIONS}{revision.id}/change/"
    assert not Asset.objects.exists()
    assert asset.storage_name not in stored_files()


def test_a_cut_off_upload_is_refused_and_nothing_is_kept(stall, page, stored_files):
    revision = stall.revision(stall.draft(), {"a.csv": CSV}, publish=False)
    before = stored_files()
    whole = encode_multipart(
        BOUNDARY, {"folder": "", "files": SimpleUploadedFile("b.csv", CSV * 50), "confirmed": "yes"}
    )
    address = f"{REVISIONS}{revision.id}/acts/upload/"
    for length in (len(whole) // 2, len(whole) - 60, len(whole) - 25):
        text = errors_on(page.generic("POST", address, whole[:length], content_type=MULTIPART_CONTENT))
        assert "cut off" in text or "No whole file" in text
        assert [asset.path for asset in revision.assets.all()] == ["a.csv"]
        assert stored_files() == before
    assert page.generic("POST", address, whole, content_type=MULTIPART_CONTENT).status_code == 302
    assert revision.assets.count() == 2


def test_a_file_past_the_limit_is_dropped_while_it_arrives(stall, page, settings, stored_files):
    settings.ASSET_MAX_BYTES = 1000
    revision = stall.revision(stall.draft(), {"a.csv": CSV}, publish=False)
    before = stored_files()
    at = f"{REVISIONS}{revision.id}/"
    text = errors_on(act(page, at, "upload", files=[SimpleUploadedFile("big.bin", b"x" * 1001)]))
    assert "No whole file arrived" in text
    assert stored_files() == before
    assert act(page, at, "upload", files=[SimpleUploadedFile("fits.bin", b"x" * 1000)]).status_code == 302
    assert revision.assets.get(path="fits.bin").bytes == 1000


def test_one_wrong_file_of_several_keeps_them_all_out(stall, page, stored_files):
    revision = stall.revision(stall.draft(), {"a.csv": CSV}, publish=False)
    before = stored_files()
    at = f"{REVISIONS}{revision.id}/"
    files = [SimpleUploadedFile("good.csv", CSV), SimpleUploadedFile("A.CSV", CSV)]
    assert "is there already" in errors_on(act(page, at, "upload", files=files))
    text = errors_on(act(page, at, "upload", files=[SimpleUploadedFile("good.csv", CSV)], folder="../up"))
    assert "not empty, no . or .." in text
    assert (revision.assets.count(), stored_files()) == (1, before)


class Recorder(FileUploadHandler):
    """Stands where Django's handlers would put what arrives on the disk."""

    received = 0

    def receive_data_chunk(self, raw_data, start):
        type(self).received += len(raw_data)

    def file_complete(self, file_size):
        return None


@pytest.mark.parametrize("is_guarded", [False, True])
def test_a_visitor_cannot_make_the_server_store_files(stall, settings, is_guarded):
    guard = ["market.catalog.uploads.BoundedUpload"] if is_guarded else []
    settings.FILE_UPLOAD_HANDLERS = [*guard, f"{__name__}.Recorder"]
    Recorder.received = 0
    body = {"files": SimpleUploadedFile("big.bin", b"x" * 3_000_000), "confirmed": "yes"}
    visitor = Client(enforce_csrf_checks=True)
    visitor.get("/vendor/login/")  # whoever has the cookie makes the server read the form
    assert visitor.post("/vendor/login/", body).status_code == 403
    assert (Recorder.received == 0) is is_guarded


def test_a_profile_is_written_once_and_edited(stall, page):
    address = "/vendor/catalog/vendorprofile/"
    assert page.get(address).url == f"{address}add/"
    given = {
        "sector": "M",
        "introduction": "气象",
        "website": "https://data.example.cn",
        "contact_email": "d@example.cn",
    }
    assert page.post(f"{address}add/", given).status_code == 302
    assert page.get(address).url == f"{address}{stall.vendor.id}/change/"
    assert page.post(f"{address}{stall.vendor.id}/change/", given | {"introduction": "气象与水文"}).status_code == 302
    assert VendorProfile.objects.get().introduction == "气象与水文"
    errors_on(page.post(f"{address}{stall.vendor.id}/change/", given | {"website": "javascript:alert(1)"}))
    assert VendorProfile.objects.get().website == "https://data.example.cn"
    assert page.get(f"{address}add/").status_code == 403


class TestScope:
    """Another vendor's lister, and a colleague who may only look."""

    @pytest.fixture
    def rival(self, db) -> Client:
        return signed_in(factories.member(factories.organization(Capacity.VENDOR), Role.LISTER))

    def test_a_rival_finds_nothing_anywhere(self, stall, rival):
        product = stall.listed(title="秘密产品")
        draft = stall.revision(product, publish=False)
        rows = {
            "product": product,
            "revision": draft,
            "asset": draft.assets.get(),
            "offer": product.offers.get(),
            "review": product.reviews.get(),
        }
        for name, row in rows.items():
            at = f"/vendor/catalog/{name}/"
            assert "秘密产品" not in rival.get(at).content.decode()
            assert rival.get(f"{at}{row.pk}/change/").status_code == 404
            assert rival.get(f"{at}{row.pk}/history/").status_code == 404
            assert rival.get(f"{at}{row.pk}/delete/").status_code in (403, 404)
        for at, name in (
            (f"{PRODUCTS}{product.id}/", "delist"),
            (f"{PRODUCTS}{product.id}/", "offer"),
            (f"{REVISIONS}{draft.id}/", "upload"),
            (f"{REVISIONS}{draft.id}/", "publish"),
            (f"/vendor/catalog/asset/{rows['asset'].id}/", "remove"),
            (f"/vendor/catalog/offer/{rows['offer'].id}/", "withdraw"),
        ):
            assert act(rival, at, name, reason="because").status_code == 404
        assert rival.post(f"{REVISIONS}{draft.id}/change/", {"notes": "mine"}).status_code == 404
        product.refresh_from_db()
        draft.refresh_from_db()
        assert (product.state, draft.state, draft.notes) == (ProductState.LISTED, RevisionState.DRAFT, "")

    def test_autocomplete_offers_the_own_rows_only(self, stall, rival):
        stall.listed(title="秘密产品")
        query = {"app_label": "catalog", "model_name": "revision", "field_name": "product", "term": "秘密"}
        assert rival.get("/vendor/autocomplete/", query).json()["results"] == []
        own = signed_in(stall.lister).get("/vendor/autocomplete/", query).json()["results"]
        assert [row["text"] for row in own] == ["秘密产品"]

    def test_finance_looks_and_does_not_touch(self, stall):
        product = stall.ready()
        looker = signed_in(factories.member(stall.vendor, Role.FINANCE))
        page = looker.get(f"{PRODUCTS}{product.id}/change/")
        assert page.status_code == 200
        assert "/acts/" not in page.content.decode()
        assert looker.get(f"{PRODUCTS}add/").status_code == 403
        assert act(looker, f"{PRODUCTS}{product.id}/", "submit").status_code == 404
        assert looker.post(f"{PRODUCTS}{product.id}/change/", FORM).status_code == 403
        assert Product.objects.get().state == ProductState.DRAFT

    def test_what_does_not_exist_is_a_404(self, page):
        assert page.get(f"{PRODUCTS}{uuid.uuid4()}/change/").status_code == 404
        assert page.get(f"{PRODUCTS}nonsense/change/").status_code == 404


@pytest.mark.django_db
def test_an_unverified_vendor_is_told_what_it_waits_for():
    vendor = factories.organization(Capacity.VENDOR, state=OrganizationState.PENDING)
    lister = factories.member(vendor, Role.LISTER)
    product = services.create_product(actor=factories.actor_of(lister), **FORM)
    text = signed_in(lister).get(f"{PRODUCTS}{product.id}/change/").content.decode()
    assert "verifies your organisation" in text


@pytest.mark.parametrize("name", ["product", "revision", "offer", "review"])
def test_a_list_costs_the_same_whatever_its_length(stall, page, name):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert page.get(f"/vendor/catalog/{name}/").status_code == 200
        return len(queries)

    stall.listed()
    few = cost()
    for _turn in range(3):
        stall.listed()
    assert cost() == few


def test_a_product_page_costs_the_same_whatever_it_holds(stall, page):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert page.get(f"{PRODUCTS}{product.id}/change/").status_code == 200
        return len(queries)

    product = stall.ready()
    few = cost()
    for _turn in range(3):
        stall.revision(product)
        stall.offer(product)
    assert cost() == few
    assert Revision.objects.count() == 4
