"""What delivery does about a dispute: receipts become evidence, and a refund ends the right to receive."""

import json

import pytest

from market.delivery.models import Entitlement, Receipt
from market.delivery.states import Standing
from market.kernel.errors import NotFound
from market.orders import jobs
from market.orders import services as orders
from market.orders.models import Dispute, DisputeEvidence, Order
from market.outbox import services as outbox
from market.outbox.models import Job
from market.outbox.states import JobState
from tests import factories
from tests.delivery import trade

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = {"reason": "incomplete", "text": "March is missing."}


def received(entitlement: Entitlement, sent: int) -> Receipt:
    """A receipt of the entitlement's file, written now."""
    asset = trade.asset_of(entitlement.order)
    return Receipt.objects.create(
        entitlement=entitlement,
        asset=asset,
        buyer_org_id=entitlement.buyer_org_id,
        vendor_org_id=entitlement.vendor_org_id,
        range_start=0,
        bytes_requested=asset.bytes,
        bytes_sent=sent,
        started_at=entitlement.valid_from,
    )


def perform(kind: str, order: Order) -> None:
    job = Job.objects.get(kind=kind, subject_id=order.id)
    outbox.perform(job.id)
    job.refresh_from_db()
    assert job.state == JobState.DONE, job.last_error


def disputed(market: factories.Market) -> Entitlement:
    entitlement = trade.entitled(market)
    received(entitlement, 3)
    received(entitlement, 5)
    orders.dispute(actor=factories.actor_of(market.purchaser), order_id=entitlement.order_id, **WORDS)
    return entitlement


def decided(market: factories.Market, verdict: str, **more) -> Entitlement:
    entitlement = disputed(market)
    order_id = entitlement.order_id
    orders.answer_dispute(actor=factories.actor_of(market.lister), order_id=order_id, text="It is there.")
    orders.decide_dispute(
        actor=factories.actor_of(market.operator), order_id=order_id, verdict=verdict, grounds="We looked.", **more
    )
    return Entitlement.objects.get(id=entitlement.id)


def test_what_was_sent_before_the_dispute_becomes_evidence_once():
    market = factories.market()
    entitlement = disputed(market)
    received(entitlement, 7)
    perform(jobs.DISPUTED, entitlement.order)
    evidence = DisputeEvidence.objects.get(kind="delivery")
    document = json.loads(evidence.document)
    asset = trade.asset_of(entitlement.order)
    assert document["files"] == [{"path": asset.path, "bytes": asset.bytes, "bytes_sent": 8}]
    assert (document["receipts"]["count"], document["receipts"]["bytes_sent"]) == (2, 8)
    assert document["handed_over"]["files"] == 1
    Job.objects.filter(kind=jobs.DISPUTED).update(state=JobState.PENDING, finished_at=None)
    perform(jobs.DISPUTED, entitlement.order)
    assert DisputeEvidence.objects.get(kind="delivery").id == evidence.id
    assert Dispute.objects.get().evidence.count() == 3


def test_nothing_sent_is_evidence_too():
    market = factories.market()
    entitlement = trade.entitled(market)
    orders.dispute(actor=factories.actor_of(market.purchaser), order_id=entitlement.order_id, **WORDS)
    perform(jobs.DISPUTED, entitlement.order)
    document = json.loads(DisputeEvidence.objects.get(kind="delivery").document)
    assert (document["files"], document["receipts"]["count"], document["receipts"]["bytes_sent"]) == ([], 0, 0)


def test_evidence_needs_a_dispute():
    market = factories.market()
    order = trade.entitled(market).order
    with pytest.raises(NotFound):
        orders.attach_evidence(order_id=order.id, kind="delivery", document={})


def test_a_refund_ends_the_right_to_receive():
    market = factories.market()
    entitlement = decided(market, "refund")
    assert entitlement.standing == Standing.ACTIVE
    perform(jobs.REVOKE, entitlement.order)
    entitlement.refresh_from_db()
    assert entitlement.standing == Standing.REVOKED and "refunded" in entitlement.revocation_reason
    Job.objects.filter(kind=jobs.REVOKE).update(state=JobState.PENDING, finished_at=None)
    perform(jobs.REVOKE, entitlement.order)
    links = factories.api_client(market.purchaser).post(f"/api/v1/entitlements/{entitlement.id}/links", {})
    assert (links.status_code, links.json()["code"]) == (403, "entitlement_revoked")


@pytest.mark.parametrize("more", [{"verdict": "accept"}, {"verdict": "partial", "refund_amount": 1}])
def test_every_other_end_leaves_it(more):
    market = factories.market()
    entitlement = decided(market, **more)
    assert not Job.objects.filter(kind=jobs.REVOKE).exists()
    assert entitlement.standing == Standing.ACTIVE
