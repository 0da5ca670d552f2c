"""A buyer's purpose, approved by the vendor and then by the exchange before anything is ordered for it."""

import dataclasses
import datetime
import json
import uuid

import pytest
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.catalog import services
from market.catalog.errors import (
    ApprovalAsked,
    ApprovalExpired,
    ApprovalNeeded,
    ApprovalNotNeeded,
    ReviewerNotIndependent,
)
from market.catalog.models import PurposeApproval
from market.catalog.states import ApprovalState, Grade, ProductState
from market.kernel import clock
from market.kernel.errors import Forbidden, IllegalTransition, InvalidInput, NotFound
from market.orders.models import Order
from tests import factories
from tests.catalog.purposes import PURPOSE, approved, asked, exchange_says, guarded_product, vendor_says
from tests.orders.trades import money, place, post

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


@pytest.fixture
def market(db) -> factories.Market:
    return factories.market()


@pytest.fixture
def product(market):
    return guarded_product(market)


@pytest.fixture
def offer(product):
    return factories.offer(product)


def state_of(approval: PurposeApproval) -> str:
    return PurposeApproval.objects.get(id=approval.id).state


def events(approval: PurposeApproval) -> list[str]:
    return list(AuditEvent.objects.filter(subject_id=approval.id).order_by("id").values_list("name", flat=True))


def refused(market, offer, purpose: str = PURPOSE) -> ApprovalNeeded:
    with pytest.raises(ApprovalNeeded) as refusal, transaction.atomic():
        place(market, offer_id=offer.id, purpose=purpose)
    assert not Order.objects.exists()
    assert money(market) == (100_000, 0)
    return refusal.value


# --- The way to an order ----------------------------------------------------------------------------------------------


def test_nothing_is_ordered_before_both_have_approved(market, product, offer):
    assert "purpose-approvals" in str(refused(market, offer))
    approval = asked(market, product, f"  {PURPOSE}\n")
    waiting = refused(market, offer)
    assert waiting.extra["product"] == str(product.id)
    assert waiting.extra["approvals"] == [{"id": str(approval.id), "state": "requested", "purpose": PURPOSE}]
    vendor_says(market, approval)
    refused(market, offer)
    exchange_says(market, approval, reason="Clear.")
    assert "word for word" in str(refused(market, offer, "Resale."))

    order = place(market, offer_id=offer.id, purpose=PURPOSE)
    assert order.approval_id == approval.id
    assert json.loads(order.terms.get().document)["order"]["purpose_approval"] == str(approval.id)
    assert events(approval) == ["purpose.requested", "purpose.vendor_approved", "purpose.approved"]
    with pytest.raises(IntegrityError, match="what the contract says changes"), transaction.atomic():
        Order.objects.filter(id=order.id).update(approval=None)


def test_important_data_needs_a_private_offer_and_an_approved_purpose(market):
    product = guarded_product(market, requires_purpose_approval=False, grade=Grade.IMPORTANT)
    public, private = factories.offer(product), factories.offer(product, buyer_org=market.buyer)
    refused(market, private)
    approved(market, product)
    refused(market, public)
    assert place(market, offer_id=private.id, purpose=PURPOSE).approval_id is not None


def test_another_buyers_approval_is_of_no_use(market, product, offer):
    other = factories.organization(Capacity.BUYER)
    colleague = dataclasses.replace(market, purchaser=factories.member(other, Role.PURCHASER))
    approved(colleague, product)
    assert refused(market, offer).extra["approvals"] == []


def test_a_plain_order_asks_the_database_nothing_more(market, product, offer):
    approved(market, product)
    with CaptureQueriesContext(connection) as plain:
        place(market)
    with CaptureQueriesContext(connection) as approved_first:
        place(market, offer_id=offer.id, purpose=PURPOSE)
    assert len(plain) == len(approved_first) <= 6


# --- Refusals and asking again ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["vendor", "exchange"])
def test_a_rejection_has_a_reason_and_the_buyer_asks_again(market, product, offer, side):
    approval = asked(market, product)
    says = vendor_says
    if side == "exchange":
        vendor_says(market, approval)
        says = exchange_says
    before = state_of(approval)
    with pytest.raises(InvalidInput) as refusal:
        says(market, approval, "rejected", " ")
    assert list(refusal.value.errors) == ["/reason"] and state_of(approval) == before
    says(market, approval, "rejected", "Say which trucks.")
    rejected = PurposeApproval.objects.get(id=approval.id)
    assert rejected.state == ApprovalState.REJECTED and rejected.closed_at is not None
    assert rejected.vendor_reason + rejected.operator_reason == "Say which trucks."
    refused(market, offer)
    for again in (PURPOSE, "Cold-chain planning for 2027, own trucks only."):
        assert approved(market, product, again).id != approval.id
    assert place(market, offer_id=offer.id, purpose=PURPOSE)


def test_one_open_request_a_purpose(market, product):
    asked(market, product)
    with pytest.raises(ApprovalAsked), transaction.atomic():
        asked(market, product, f" {PURPOSE} ")
    asked(market, product, "Another purpose.")
    assert PurposeApproval.objects.count() == 2


def test_what_cannot_be_asked_for(market, product):
    for purpose in ("", "  ", "x" * 1001, "a\x00b"):
        with pytest.raises(InvalidInput):
            asked(market, product, purpose)
    with pytest.raises(ApprovalNotNeeded):
        asked(market, market.offer.product)
    for state in (ProductState.DRAFT, ProductState.SUSPENDED):
        with pytest.raises(NotFound):
            asked(market, guarded_product(market, state=state))
    with pytest.raises(Forbidden):
        asked(dataclasses.replace(market, purchaser=factories.member(market.buyer, Role.FINANCE)), product)
    assert not PurposeApproval.objects.exists()


def test_the_vendor_comes_first_and_nobody_decides_twice(market, product):
    approval = asked(market, product)
    with pytest.raises(IllegalTransition):
        exchange_says(market, approval)
    with pytest.raises(IllegalTransition):
        exchange_says(market, approval, "rejected", "No.")
    vendor_says(market, approval)
    with pytest.raises(IllegalTransition):
        vendor_says(market, approval, "rejected", "On second thoughts, no.")
    exchange_says(market, approval)
    with pytest.raises(IllegalTransition):
        exchange_says(market, approval, "rejected", "On second thoughts, no.")
    assert state_of(approval) == ApprovalState.APPROVED


def test_who_may_decide(market, product):
    approval = asked(market, product)
    stranger = factories.member(factories.organization(Capacity.VENDOR), Role.LISTER)
    with pytest.raises(NotFound):
        vendor_says(dataclasses.replace(market, lister=stranger), approval)
    for member in (market.vendor_finance, market.purchaser, market.operator):
        with pytest.raises(Forbidden):
            vendor_says(dataclasses.replace(market, lister=member), approval)
    vendor_says(market, approval)
    for member in (market.auditor, market.lister, market.purchaser):
        with pytest.raises(Forbidden):
            exchange_says(dataclasses.replace(market, operator=member), approval)
    factories.accounts.add_members(
        actor=factories.SYSTEM, members=[(market.operator.user, market.buyer, Role.PURCHASER)]
    )
    with pytest.raises(ReviewerNotIndependent):
        exchange_says(market, approval)
    assert state_of(approval) == ApprovalState.VENDOR_APPROVED


def test_a_withdrawn_purpose_lets_nobody_order(market, product, offer):
    approval = approved(market, product)
    buyer = factories.actor_of(market.purchaser)
    with pytest.raises(Forbidden):
        services.withdraw_purpose_approval(actor=dataclasses.replace(buyer, role="finance"), approval_id=approval.id)
    with pytest.raises(Forbidden):
        owner = factories.actor_of(factories.member(market.vendor, Role.OWNER))
        services.withdraw_purpose_approval(actor=owner, approval_id=approval.id)
    services.withdraw_purpose_approval(actor=buyer, approval_id=approval.id)
    refused(market, offer)
    with pytest.raises(IllegalTransition):
        services.withdraw_purpose_approval(actor=buyer, approval_id=approval.id)


# --- Time -------------------------------------------------------------------------------------------------------------


def test_undecided_for_45_days_it_expires(market, product):
    first, second = asked(market, product), asked(market, product, "Another purpose.")
    vendor_says(market, second)
    with clock.frozen_at(clock.now() + 44 * DAY):
        assert services.expire_purpose_approvals() == 0
    with clock.frozen_at(first.expires_at + DAY):
        for decide, approval in ((vendor_says, first), (exchange_says, second)):
            with pytest.raises(ApprovalExpired):
                decide(market, approval)
        assert services.expire_purpose_approvals() == 2
        assert services.expire_purpose_approvals() == 0
        assert asked(market, product)
    assert state_of(first) == state_of(second) == ApprovalState.EXPIRED
    assert events(first)[-1] == "purpose.expired"


def test_approved_it_lasts_45_days_from_the_approval_also_without_beat(market, product, offer):
    approval = asked(market, product)
    with clock.frozen_at(clock.now() + 40 * DAY):
        vendor_says(market, approval)
        exchange_says(market, approval)
    approval.refresh_from_db()
    with clock.frozen_at(approval.expires_at):
        refused(market, offer)
        # Beat has not closed it yet; the buyer may ask again all the same.
        assert asked(market, product).state == ApprovalState.REQUESTED
    assert state_of(approval) == ApprovalState.EXPIRED
    assert approval.expires_at - approval.requested_at > 80 * DAY


# --- What the database itself refuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'approved'", "purpose_vendor_decides_first|may not go"),
        ("state = 'vendor_approved'", "purpose_vendor_decides_first"),
        ("state = 'rejected', vendor_decided_at = now(), closed_at = now()", "purpose_rejected_with_reason"),
        ("state = 'expired'", "purpose_closed_when"),
        ("closed_at = now()", "purpose_closed_when"),
        ("vendor_decided_at = now()", "purpose_vendor_decides_first"),
        ("vendor_decided_at = now(), state = 'vendor_approved', vendor_decided_by_id = requested_by_id", "by_three"),
        ("purpose = 'Resale.'", "catalog_purposeapproval is refused"),
        ("product_id = gen_random_uuid()", "catalog_purposeapproval is refused"),
        ("expires_at = requested_at", "purpose_expires_later"),
        ("state = 'granted'", "may not go|purpose_state_known"),
    ],
)
def test_a_row_cannot_say_what_did_not_happen(market, product, change, constraint):
    approval = asked(market, product)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE catalog_purposeapproval SET {change} WHERE id = %s", [approval.id])
    with pytest.raises(IntegrityError, match="is refused"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM catalog_purposeapproval WHERE id = %s", [approval.id])


def test_what_was_decided_stays_decided(market, product):
    approval = approved(market, product)
    for change in ("vendor_decided_at = now()", "operator_decided_by_id = requested_by_id", "state = 'rejected'"):
        refusal = pytest.raises(IntegrityError, match="is refused|may not go")
        with refusal, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE catalog_purposeapproval SET {change} WHERE id = %s", [approval.id])


# --- HTTP -------------------------------------------------------------------------------------------------------------


def test_a_buyer_asks_reads_and_withdraws(market, product, offer):
    client = factories.api_client(market.purchaser)
    body = {"product": str(product.id), "purpose": PURPOSE}
    answer = post(client, "purpose-approvals", body, key="k")
    assert answer.status_code == 201, answer.json()
    made = answer.json()
    assert (made["state"], made["acts"], made["next_deadline"]["what"]) == ("requested", ["withdraw"], "decision")
    assert made["vendor"]["id"] == str(market.vendor.id)
    again = post(client, "purpose-approvals", body, key="k")
    assert again["Idempotency-Replayed"] == "true" and again.json() == made
    twice = post(client, "purpose-approvals", body)
    assert (twice.status_code, twice.json()["code"], twice.json()["approval"]) == (409, "approval_asked", made["id"])
    assert client.get(answer["Location"]).json() == made
    approval = PurposeApproval.objects.get()
    vendor_says(market, approval)
    exchange_says(market, approval)
    read = client.get(answer["Location"]).json()
    assert (read["state"], read["next_deadline"]["what"]) == ("approved", "order")
    placed = post(
        client,
        "orders",
        {"offer": str(offer.id), "quantity": 1, "purpose": PURPOSE, "client_reference": "PO-1"},
    ).json()
    assert placed["purpose_approval"] == made["id"]
    withdrawn = post(client, f"purpose-approvals/{made['id']}/withdraw")
    assert (withdrawn.status_code, withdrawn.json()["state"]) == (200, "withdrawn")
    assert withdrawn.json()["acts"] == [] and withdrawn.json()["next_deadline"] is None
    late = post(client, f"purpose-approvals/{made['id']}/withdraw")
    assert (late.status_code, late.json()["state"]) == (409, "withdrawn")


def test_an_order_without_approval_is_told_what_to_do(market, product, offer):
    client = factories.api_client(market.purchaser)
    wish = {"offer": str(offer.id), "quantity": 1, "purpose": PURPOSE, "client_reference": "PO-1"}
    answer = post(client, "orders", wish)
    assert (answer.status_code, answer.json()["code"]) == (403, "approval_needed")
    assert answer.json()["product"] == str(product.id) and "purpose-approvals" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"purpose": ""}, "/purpose"),
        ({"purpose": 5}, "/purpose"),
        ({"product": "x"}, "/product"),
        ({"price": 5}, "/price"),
    ],
)
def test_a_body_that_makes_no_sense(market, product, change, pointer):
    body = {"product": str(product.id), "purpose": PURPOSE} | change
    answer = post(factories.api_client(market.purchaser), "purpose-approvals", body)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert not PurposeApproval.objects.exists()


def test_who_sees_what(market, product):
    approval = asked(market, product)
    other = factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER)
    for member, sees in ((market.purchaser, 1), (market.lister, 1), (market.auditor, 1), (other, 0)):
        client = factories.api_client(member)
        assert len(client.get("/api/v1/purpose-approvals").json()["results"]) == sees
        found = client.get(f"/api/v1/purpose-approvals/{approval.id}")
        assert found.status_code == (200 if sees else 404)
        if sees and member is not market.purchaser:
            assert found.json()["acts"] == []
    stolen = post(factories.api_client(other), f"purpose-approvals/{approval.id}/withdraw")
    assert (stolen.status_code, state_of(approval)) == (404, "requested")
    assert factories.api_client(other).get(f"/api/v1/purpose-approvals/{uuid.uuid4()}").status_code == 404


def test_a_page_costs_the_same_whatever_its_length(market, product):
    client = factories.api_client(market.purchaser)
    costs = []
    for number in range(2):
        for index in range(3):
            asked(market, guarded_product(market), f"Purpose {number} {index}")
        with CaptureQueriesContext(connection) as queries:
            assert len(client.get("/api/v1/purpose-approvals").json()["results"]) == 3 * (number + 1)
        costs.append(len(queries))
    assert costs[0] == costs[1]


def test_the_list_is_narrowed(market, product):
    asked(market, product)
    other = approved(market, guarded_product(market))
    client = factories.api_client(market.purchaser)
    for query in ({"state": "approved"}, {"product": str(other.product_id)}):
        (found,) = client.get("/api/v1/purpose-approvals", query).json()["results"]
        assert found["id"] == str(other.id)
    assert client.get("/api/v1/purpose-approvals", {"state": "granted"}).status_code in (400, 422)


# --- Workspaces -------------------------------------------------------------------------------------------------------


def page_of(site: str, approval: PurposeApproval) -> str:
    return f"/{site}/catalog/purposeapproval/{approval.id}/"


def signed_in(membership) -> Client:
    client = Client()
    client.force_login(membership.user)
    return client


def test_vendor_and_exchange_decide_by_hand_and_an_auditor_looks_on(market, product):
    approval = asked(market, product, "冷链 <planning>")
    vendor, desk = signed_in(market.lister), signed_in(market.operator)
    listed = vendor.get("/vendor/catalog/purposeapproval/").content.decode()
    assert market.buyer.name in listed
    shown = vendor.get(page_of("vendor", approval) + "change/").content.decode()
    assert "冷链 &lt;planning&gt;" in shown and market.buyer.uscc in shown
    assert desk.get(page_of("admin", approval) + "acts/approve/").status_code == 404
    reply = vendor.post(page_of("vendor", approval) + "acts/approve/", {"reason": "Fine with us."})
    assert reply.status_code == 302 and state_of(approval) == ApprovalState.VENDOR_APPROVED
    assert vendor.post(page_of("vendor", approval) + "acts/reject/", {"reason": "No."}).status_code == 404

    auditor = signed_in(market.auditor)
    assert "Fine with us." in auditor.get(page_of("auditor", approval) + "change/").content.decode()
    assert auditor.post(page_of("auditor", approval) + "acts/approve/", {"reason": ""}).status_code == 404

    empty = desk.post(page_of("admin", approval) + "acts/reject/", {"reason": ""})
    assert empty.status_code == 200 and state_of(approval) == ApprovalState.VENDOR_APPROVED
    reply = desk.post(page_of("admin", approval) + "acts/reject/", {"reason": "Too wide."})
    assert reply.status_code == 302 and state_of(approval) == ApprovalState.REJECTED
    assert LogEntry.objects.filter(object_id=str(approval.id)).count() == 2


def test_another_vendor_sees_nothing(market, product):
    approval = asked(market, product)
    stranger = signed_in(factories.member(factories.organization(Capacity.VENDOR), Role.LISTER))
    assert market.buyer.name not in stranger.get("/vendor/catalog/purposeapproval/").content.decode()
    for address in ("change/", "history/", "acts/approve/"):
        assert stranger.get(page_of("vendor", approval) + address).status_code == 404
    assert stranger.post(page_of("vendor", approval) + "acts/approve/", {"reason": ""}).status_code == 404
    assert state_of(approval) == ApprovalState.REQUESTED
