"""Bulk import: the rules of single acts, in a handful of statements, all or nothing."""

import dataclasses
import io

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Organization
from accounts.states import Capacity, OrganizationState, Role
from market.audit.models import AuditEvent
from market.catalog import services
from market.catalog.errors import CoreDataRefused, ReviewerNotIndependent, UploadIncomplete
from market.catalog.models import Asset, Offer, Product, Review, Revision
from market.catalog.selectors import orderable_offer
from market.catalog.services import ImportedFile, ImportedOffer, ImportedProduct
from market.catalog.states import ProductState, ReviewDecision, RevisionState
from market.kernel.actors import SYSTEM
from market.kernel.errors import Forbidden, InvalidInput
from tests import factories
from tests.catalog.conftest import ALL_CONFIRMED, CSV

ONE = ImportedProduct(
    vendor="",
    code="IMP",
    title="路况",
    description="逐小时路况。",
    kind="dataset",
    sector="G",
    rights_basis="operation",
    files=[ImportedFile("road.csv", CSV)],
    offers=[ImportedOffer("one_off", 500, "Internal use.")],
)


@pytest.fixture
def one(stall) -> ImportedProduct:
    return dataclasses.replace(ONE, vendor=stall.vendor.uscc)


def imported(stall, *products, **options) -> list:
    return services.import_products(actor=stall.reviewer, products=iter(products), **options)


@pytest.fixture
def untouched(stall, stored_files):
    """Shows at the end that no row and no file was left."""
    before = (stored_files(), AuditEvent.objects.count())
    yield
    for model in (Product, Revision, Asset, Offer, Review):
        assert not model.objects.exists()
    assert (stored_files(), AuditEvent.objects.count()) == before


def test_everything_a_single_act_would_have_made(stall, one, tmp_path):
    file = tmp_path / "large.bin"
    file.write_bytes(b"x" * 1_000_000)
    buyer = factories.organization(Capacity.BUYER)
    second = dataclasses.replace(
        one,
        vendor=stall.vendor.id,
        code="SECOND",
        files=[*one.files, ImportedFile("large.bin", file), ImportedFile("s.txt", io.BytesIO(b"text"), "text/plain")],
        offers=[*one.offers, ImportedOffer("free", 0, "Research.", 30, buyer.uscc)],
    )
    draft = dataclasses.replace(one, code="DRAFT", offers=[], state="draft")
    empty = dataclasses.replace(one, code="EMPTY", files=[], offers=[], state="draft")
    keys = imported(stall, one, second, draft, empty, reasons="reviewed on paper in 2025")

    products = [Product.objects.get(id=key) for key in keys]
    assert [product.state for product in products] == ["listed", "listed", "draft", "draft"]
    assert [product.revisions.count() for product in products] == [1, 1, 1, 0]
    listed = products[1]
    assert listed.certificate_number and listed.listed_at
    review = listed.reviews.get()
    assert (review.decision, review.decided_by_id) == (ReviewDecision.APPROVED, stall.operator.user_id)
    assert (review.checklist, review.reasons) == (ALL_CONFIRMED, "reviewed on paper in 2025")
    revision = listed.revisions.get()
    assert (revision.state, revision.number) == (RevisionState.PUBLISHED, 1)
    assert revision.profile["files"][0]["rows"] == 3
    assert revision.sample[0]["站点"] == "贵阳"
    assert products[2].revisions.get().state == RevisionState.DRAFT
    for asset in revision.assets.all():
        with storages["assets"].open(asset.storage_name) as stored:
            assert len(stored.read()) == asset.bytes
    private = listed.offers.get(price_model="free")
    assert (private.buyer_org, private.acceptance_days) == (buyer, 30)
    assert orderable_offer(private.id, buyer.id).revision_id == revision.id
    names = set(AuditEvent.objects.filter(vendor_org_id=stall.vendor.id).values_list("name", flat=True))
    assert names == {"product.created", "revision.published", "offer.created", "product.listed"}
    proof = AuditEvent.objects.get(name="product.listed", subject_id=listed.id)
    assert (proof.actor_user_id, proof.payload["is_imported"]) == (stall.operator.user_id, True)


def test_the_vendor_goes_on_where_the_import_ended(stall, one):
    (key,) = imported(stall, one)
    product = Product.objects.get(id=key)
    assert stall.revision(product).number == 2
    (key,) = imported(stall, dataclasses.replace(one, code="D", state="draft"))
    revision = Revision.objects.get(product=key)
    services.publish_revision(actor=stall.actor, revision_id=revision.id)
    assert stall.approve(services.submit_product(actor=stall.actor, product_id=key)).state == ProductState.LISTED


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"vendor": "91520100MA6DJ7XQ5T"}, "/1/vendor"),
        ({"code": "no spaces"}, "/1/code"),
        ({"code": "FIRST"}, "/1/code"),
        ({"title": ""}, "/1/title"),
        ({"kind": "boat"}, "/1/kind"),
        ({"sector": "Z"}, "/1/sector"),
        ({"state": "in_review"}, "/1/state"),
        ({"files": []}, "/1/state"),
        ({"offers": []}, "/1/state"),
        ({"data_dictionary": {"fields": []}}, "/1/data_dictionary"),
        ({"sample": {}}, "/1/sample"),
        ({"files": [ImportedFile("../up", b"x")]}, "/1/files/0/path"),
        ({"files": [ImportedFile("a", b"x"), ImportedFile("A", b"x")]}, "/1/files/1/path"),
        ({"files": [ImportedFile("a", b"x", "nonsense")]}, "/1/files/0/media_type"),
        ({"offers": [ImportedOffer("one_off", 0, "x")]}, "/1/offers/0/amount"),
        ({"offers": [ImportedOffer("one_off", 5, "")]}, "/1/offers/0/licence"),
        ({"offers": [ImportedOffer("one_off", 5, "x", 7, "nobody")]}, "/1/offers/0/buyer"),
        ({"grade": "important"}, "/1/offers/0/buyer_org"),
    ],
)
def test_one_wrong_value_is_named_and_keeps_everything_out(stall, one, changes, pointer):
    first = dataclasses.replace(one, code="FIRST")
    with pytest.raises(InvalidInput) as refusal:
        imported(stall, first, dataclasses.replace(one, **changes))
    assert set(refusal.value.errors) == {pointer}


@pytest.mark.usefixtures("untouched")
def test_a_mistake_in_a_later_batch_takes_back_the_earlier_ones(stall, one):
    products = [dataclasses.replace(one, code=f"P{number}") for number in range(5)]
    with pytest.raises(InvalidInput) as refusal:
        imported(stall, *products, dataclasses.replace(one, title=""), batch_size=2)
    assert set(refusal.value.errors) == {"/5/title"}


@pytest.mark.usefixtures("untouched")
def test_a_file_that_cannot_be_read_keeps_everything_out(stall, one, tmp_path):
    for content, refusal in ((b"", UploadIncomplete), (tmp_path / "missing", FileNotFoundError)):
        bad = dataclasses.replace(one, code="BAD", files=[*one.files, ImportedFile("b", content)])
        with pytest.raises(refusal):
            imported(stall, one, bad)


@pytest.mark.usefixtures("untouched")
def test_core_data_is_refused(stall, one):
    with pytest.raises(CoreDataRefused):
        imported(stall, dataclasses.replace(one, grade="core", state="draft"))


def test_codes_used_before_are_named(stall, one):
    stall.draft(code="IMP")
    with pytest.raises(InvalidInput) as refusal:
        imported(stall, dataclasses.replace(one, code="NEW"), one)
    assert set(refusal.value.errors) == {"/1/code"}
    assert Product.objects.count() == 1


def test_an_unverified_vendor_gets_drafts_only(stall, one):
    Organization.objects.filter(id=stall.vendor.id).update(state=OrganizationState.PENDING)
    with pytest.raises(InvalidInput) as refusal:
        imported(stall, one)
    assert set(refusal.value.errors) == {"/0/vendor"}
    assert imported(stall, dataclasses.replace(one, state="draft"))


def test_who_may_import(stall, one):
    owner = factories.actor_of(factories.member(stall.operator.organization, Role.OWNER))
    for actor in (stall.actor, owner):
        with pytest.raises(Forbidden):
            services.import_products(actor=actor, products=[one])
    factories.accounts.add_members(actor=SYSTEM, members=[(stall.operator.user, stall.vendor, Role.FINANCE)])
    with pytest.raises(ReviewerNotIndependent):
        imported(stall, one)
    assert not Product.objects.exists()
    assert services.import_products(actor=SYSTEM, products=[one])


def test_nothing_to_import(stall):
    assert imported(stall) == []


def test_statements_do_not_grow_with_the_batch(stall, one):
    def cost(number: int, prefix: str) -> int:
        products = [dataclasses.replace(one, code=f"{prefix}{index}") for index in range(number)]
        with CaptureQueriesContext(connection) as queries:
            imported(stall, *products)
        return len(queries)

    assert cost(3, "A") == cost(30, "B")
