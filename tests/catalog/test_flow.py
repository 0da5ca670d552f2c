"""From the first draft to a listed product that can be ordered."""

import pytest

from accounts.states import Capacity
from market.audit.models import AuditEvent
from market.catalog import services
from market.catalog.models import Product, Revision
from market.catalog.selectors import orderable_offer
from market.catalog.states import ProductState, RevisionState
from market.kernel.errors import NotFound
from tests import factories
from tests.catalog.conftest import ALL_CONFIRMED, CSV


def test_a_product_goes_from_draft_to_market(stall):
    product = stall.draft()
    revision = stall.revision(product)
    offer = stall.offer(product, 12_345)
    buyer = factories.organization(Capacity.BUYER)
    with pytest.raises(NotFound):
        orderable_offer(offer.id, buyer.id)

    review = services.submit_product(actor=stall.actor, product_id=product.id)
    services.decide_review(
        actor=stall.reviewer, review_id=review.id, decision="approved", checklist=ALL_CONFIRMED, reasons="fine"
    )

    found = orderable_offer(offer.id, buyer.id)
    assert (found.revision_id, found.revision_number) == (revision.id, 1)
    assert found.product.state == ProductState.LISTED
    assert found.product.certificate_number.startswith("QS-20")
    assert len(found.product.certificate_number) == 18
    names = AuditEvent.objects.filter(vendor_org_id=stall.vendor.id).order_by("id").values_list("name", flat=True)
    assert list(names) == [
        "product.created",
        "revision.started",
        "asset.added",
        "revision.published",
        "offer.created",
        "product.submitted",
        "product.listed",
    ]


def test_publication_describes_csv_files(stall):
    revision = stall.revision(stall.draft())
    stored = Revision.objects.get(id=revision.id)
    assert stored.state == RevisionState.PUBLISHED
    assert stored.sample[0] == {"站点": "贵阳", "温度": "21.5", "日期": "2026-01-01"}
    (profile,) = stored.profile["files"]
    assert (profile["path"], profile["rows"], profile["complete"]) == ("observations.csv", 3, True)
    assert profile["columns"] == [
        {"name": "站点", "type": "string", "missing": 0},
        {"name": "温度", "type": "number", "missing": 1},
        {"name": "日期", "type": "date", "missing": 0},
    ]


def test_personal_information_gets_no_sample_by_itself(stall):
    revision = stall.revision(stall.draft(has_personal_information=True))
    assert revision.sample == []
    assert revision.profile["files"][0]["rows"] == 3


def test_import_lists_products_with_everything(stall):
    product = services.ImportedProduct(
        vendor=stall.vendor.uscc,
        code="IMP-1",
        title="路况",
        description="逐小时路况。",
        kind="dataset",
        sector="G",
        rights_basis="operation",
        files=[services.ImportedFile("road.csv", CSV)],
        offers=[services.ImportedOffer("one_off", 500, "Internal use.")],
    )
    (key,) = services.import_products(actor=stall.reviewer, products=[product])
    made = Product.objects.get(id=key)
    offer = made.offers.get()
    found = orderable_offer(offer.id, factories.organization(Capacity.BUYER).id)
    assert found.revision_number == 1
    assert made.revisions.get().profile["files"][0]["rows"] == 3
