"""What the database itself refuses, whoever asks and however."""

import threading

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.states import Capacity
from market.catalog import services
from market.catalog.models import Asset, Product, Revision
from market.kernel import clock
from market.kernel.identifiers import uuid7
from tests import factories


def refused(sql: str, *parameters) -> str:
    """The constraint that refuses the statement; the statement must fail."""
    with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
    return error.value.__cause__.diag.constraint_name


@pytest.fixture
def listed(stall) -> Product:
    return stall.listed()


@pytest.mark.parametrize(
    "change",
    [
        "notes = 'other'",
        "number = 7",
        "sample = '[]'",
        "data_dictionary = '{}', profile = '{\"rows\": 1}'",
        "published_at = now()",
        "vendor_org_id = gen_random_uuid()",
    ],
)
def test_a_published_revision_never_changes(listed, change):
    revision = listed.revisions.get()
    assert refused(f"UPDATE catalog_revision SET {change} WHERE id = %s", revision.id) == (
        "catalog_revision_is_immutable"
    )


def test_a_published_revision_never_goes(listed):
    revision = listed.revisions.get()
    sql = "DELETE FROM catalog_revision WHERE id = %s"
    assert refused(sql, revision.id) == "catalog_revision_is_immutable"


def test_a_revision_never_goes_back(stall, listed):
    revision = listed.revisions.get()
    back = "UPDATE catalog_revision SET state = 'draft' WHERE id = %s"
    assert refused(back, revision.id) == "catalog_revision_state_moves"
    services.revoke_revision(actor=stall.actor, revision_id=revision.id, reason="wrong")
    assert refused(back, revision.id) == "catalog_revision_state_moves"
    again = "UPDATE catalog_revision SET state = 'published' WHERE id = %s"
    assert refused(again, revision.id) == "catalog_revision_state_moves"


def test_a_revocation_has_a_reason(listed):
    revision = listed.revisions.get()
    sql = "UPDATE catalog_revision SET state = 'revoked', revoked_at = now() WHERE id = %s"
    assert refused(sql, revision.id) == "revision_revoked_with_reason"


@pytest.mark.parametrize("change", ["path = 'x'", "bytes = 1", f"sha256 = '{'0' * 64}'", "storage_name = 'x'"])
def test_files_of_a_published_revision_never_change(listed, change):
    asset = Asset.objects.get()
    sql = f"UPDATE catalog_asset SET {change} WHERE id = %s"
    assert refused(sql, asset.id) == "catalog_asset_is_immutable"


def test_files_of_a_published_revision_neither_come_nor_go(listed):
    asset = Asset.objects.get()
    assert refused("DELETE FROM catalog_asset WHERE id = %s", asset.id) == "catalog_asset_is_immutable"
    copy = """INSERT INTO catalog_asset SELECT gen_random_uuid(), vendor_org_id, 'late.csv', media_type, bytes, sha256,
              storage_name, created_at, revision_id FROM catalog_asset"""
    assert refused(copy) == "catalog_asset_joins_draft"


@pytest.mark.parametrize(
    "change", ["amount = 1", "licence = ''", "buyer_org_id = vendor_org_id", "currency = 'USD'", "acceptance_days = 90"]
)
def test_an_offer_never_changes(listed, change):
    assert refused(f"UPDATE catalog_offer SET {change}") == "catalog_offer_is_immutable"
    assert refused("DELETE FROM catalog_offer") == "catalog_offer_is_immutable"


def test_a_withdrawn_offer_stays_withdrawn(stall, listed):
    services.withdraw_offer(actor=stall.actor, offer_id=listed.offers.get().id)
    assert refused("UPDATE catalog_offer SET state = 'active'") == "catalog_offer_state_moves"


@pytest.mark.parametrize(
    "change", ["decision = 'rejected', reasons = 'x'", "decision = 'pending'", "checklist = '{}'", "decided_at = now()"]
)
def test_a_decision_stands(listed, change):
    assert refused(f"UPDATE catalog_review SET {change}") == "catalog_review_is_immutable"
    assert refused("DELETE FROM catalog_review") == "catalog_review_is_immutable"


@pytest.mark.parametrize(
    "change",
    [
        "title = 'x'",
        "grade = 'important'",
        "certificate_number = 'X'",
        "certificate_number = NULL",
        "listed_at = now()",
    ],
)
def test_what_was_certified_never_changes(listed, change):
    assert refused(f"UPDATE catalog_product SET {change}") == "catalog_product_is_immutable"
    assert refused("DELETE FROM catalog_product") == "catalog_product_is_immutable"


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("product_core_data_never_listed", "grade = 'core'"),
        ("product_listed_has_certificate", "state = 'listed'"),
        ("product_state_known", "state = 'sold'"),
    ],
)
def test_products_that_make_no_sense(stall, constraint, change):
    stall.submitted()
    assert refused(f"UPDATE catalog_product SET {change}") == constraint


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("review_rejected_with_reasons", "decision = 'rejected', decided_at = now()"),
        ("review_decided_by_another", "decision = 'approved', decided_at = now(), decided_by_id = submitted_by_id"),
        ("review_decided_when", "decision = 'approved'"),
        ("review_decision_known", "decision = 'perhaps', decided_at = now()"),
    ],
)
def test_decisions_that_make_no_sense(stall, constraint, change):
    stall.submitted()
    assert refused(f"UPDATE catalog_review SET {change}") == constraint


def late_asset(revision: Revision) -> Asset:
    return Asset(
        id=uuid7(),
        revision=revision,
        vendor_org_id=revision.vendor_org_id,
        path="late.csv",
        media_type="text/csv",
        bytes=1,
        sha256="0" * 64,
        storage_name="late",
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_guarded", [False, True])
def test_a_file_that_arrives_during_publication(is_guarded):
    """Without the trigger the file joins a revision that is final by then; with it, it waits and is refused."""
    product = factories.product(factories.organization(Capacity.VENDOR))
    draft = Revision.objects.create(product=product, vendor_org_id=product.vendor_org_id, number=1)
    outcome = []
    began = threading.Event()

    def arrive():
        began.set()
        try:
            late_asset(draft).save(force_insert=True)
            outcome.append("joined")
        except IntegrityError as error:
            outcome.append(error.__cause__.diag.constraint_name)
        finally:
            connection.close()

    switch = "ENABLE" if is_guarded else "DISABLE"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE catalog_asset {switch} TRIGGER catalog_asset_joins_draft")
    try:
        arrival = threading.Thread(target=arrive)
        with transaction.atomic():
            Revision.objects.filter(id=draft.id).update(state="published", published_at=clock.now())
            arrival.start()
            began.wait()
            arrival.join(timeout=2)
        arrival.join()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE catalog_asset ENABLE TRIGGER catalog_asset_joins_draft")
    assert outcome == (["catalog_asset_joins_draft"] if is_guarded else ["joined"])
    assert Revision.objects.get().state == "published"
    assert Asset.objects.count() == (0 if is_guarded else 1)
