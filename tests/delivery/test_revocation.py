"""Taking the right to download away: in the service and on the operators' site; and who looks at what in admin."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.delivery import services
from market.delivery.errors import AlreadyRevoked
from market.delivery.models import Delivery, Entitlement, Receipt
from market.kernel import clock
from market.kernel.errors import Forbidden, InvalidInput, NotFound
from market.kernel.identifiers import uuid7
from tests import factories
from tests.concurrency.together import together
from tests.delivery.trade import entitled

pytestmark = pytest.mark.django_db


@pytest.fixture
def market(db) -> factories.Market:
    return factories.market(price=100)


@pytest.fixture
def entitlement(market) -> Entitlement:
    return entitled(market)


def a_receipt(entitlement) -> Receipt:
    return Receipt.objects.create(
        entitlement=entitlement,
        asset=entitlement.revision.assets.get(),
        buyer_org_id=entitlement.buyer_org_id,
        vendor_org_id=entitlement.vendor_org_id,
        range_start=0,
        bytes_requested=10,
        bytes_sent=4,
        started_at=clock.now(),
    )


def signed_in(membership) -> Client:
    client = Client()
    client.force_login(membership.user)
    return client


def assert_untouched(entitlement) -> None:
    assert not Entitlement.objects.exclude(revoked_at=None).exists()
    assert not AuditEvent.objects.filter(name="entitlement.revoked").exists()


def test_revoked_with_reason_and_evidence(market, entitlement):
    operator = factories.actor_of(market.operator)
    services.revoke_entitlement(actor=operator, entitlement_id=entitlement.id, reason="  Court order 12. ")
    entitlement.refresh_from_db()
    assert entitlement.standing == "revoked"
    assert entitlement.revocation_reason == "Court order 12."
    proof = AuditEvent.objects.get(name="entitlement.revoked")
    assert (proof.actor_label, proof.buyer_org_id) == (operator.label, market.buyer.id)
    assert proof.payload["reason"] == "Court order 12."


def test_refusals_change_nothing(market, entitlement):
    def revoke(actor, entitlement_id=entitlement.id, reason="Wrong."):
        services.revoke_entitlement(actor=actor, entitlement_id=entitlement_id, reason=reason)

    for membership in (market.purchaser, market.lister, market.auditor):
        with pytest.raises(Forbidden):
            revoke(factories.actor_of(membership))
    operator = factories.actor_of(market.operator)
    with pytest.raises(InvalidInput):
        revoke(operator, reason=" ")
    with pytest.raises(NotFound):
        revoke(operator, uuid7())
    assert_untouched(entitlement)


@pytest.mark.django_db(transaction=True)
def test_two_operators_revoke_at_once(market, entitlement):
    operator = factories.actor_of(market.operator)

    def revoke():
        services.revoke_entitlement(actor=operator, entitlement_id=entitlement.id, reason="Wrong.")

    results = together([revoke] * 4)
    assert sorted(type(result).__name__ for result in results) == ["AlreadyRevoked"] * 3 + ["NoneType"]
    assert AuditEvent.objects.filter(name="entitlement.revoked").count() == 1
    with pytest.raises(AlreadyRevoked):
        revoke()


@pytest.mark.parametrize(
    "changes", ["revoked_at = now()", "revocation_reason = 'x'", "revoked_at = now(), revocation_reason = ''"]
)
def test_no_revocation_without_a_reason_by_raw_sql(entitlement, changes):
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE delivery_entitlement SET {changes}")
    assert_untouched(entitlement)


def test_operator_revokes_on_the_entitlements_page(market, entitlement):
    client = signed_in(market.operator)
    page = f"/admin/delivery/entitlement/{entitlement.id}"
    assert client.get(f"{page}/change/").status_code == 200
    act = f"{page}/acts/revoke/"
    assert client.get(act).status_code == 200
    assert client.post(act, {"confirmed": "yes", "reason": ""}).status_code == 200, "the form comes back"
    assert_untouched(entitlement)
    assert client.post(act, {"confirmed": "yes", "reason": "Court order 12."}).status_code == 302
    entitlement.refresh_from_db()
    assert entitlement.revocation_reason == "Court order 12."
    assert "Court order 12." in client.get(f"{page}/change/").content.decode()
    assert client.get(act).status_code == 404


def test_nobody_else_revokes_in_a_workspace(market, entitlement):
    finance = factories.member(market.operator.organization, Role.FINANCE)
    for site, membership in (("admin", finance), ("vendor", market.lister), ("auditor", market.auditor)):
        address = f"/{site}/delivery/entitlement/{entitlement.id}/acts/revoke/"
        response = signed_in(membership).post(address, {"confirmed": "yes", "reason": "Wrong."})
        assert response.status_code == 404, site
    assert_untouched(entitlement)


@pytest.mark.parametrize("model", [Delivery, Entitlement, Receipt])
@pytest.mark.parametrize("site", ["admin", "vendor", "auditor"])
def test_pages_show_and_change_nothing(market, entitlement, site, model):
    a_receipt(entitlement)
    members = {"admin": market.operator, "vendor": market.lister, "auditor": market.auditor}
    client = signed_in(members[site])
    row = model.objects.get()
    base = f"/{site}/delivery/{model._meta.model_name}/"
    listed = client.get(base)
    assert listed.status_code == 200
    assert entitlement.order.number in listed.content.decode()
    shown = client.get(f"{base}{row.id}/change/")
    assert shown.status_code == 200
    assert entitlement.order.number in shown.content.decode()
    before = model.objects.values().get()
    assert client.get(f"{base}add/").status_code == 403
    assert client.post(f"{base}{row.id}/change/", {"state": "failed"}).status_code == 403
    assert client.post(f"{base}{row.id}/delete/", {"post": "yes"}).status_code == 404
    assert model.objects.values().get() == before


@pytest.mark.parametrize("model", [Delivery, Entitlement, Receipt])
def test_another_vendor_sees_nothing(market, entitlement, model):
    a_receipt(entitlement)
    other = factories.member(factories.organization(Capacity.VENDOR), Role.OWNER)
    client = signed_in(other)
    base = f"/vendor/delivery/{model._meta.model_name}/"
    assert entitlement.order.number not in client.get(base).content.decode()
    assert client.get(f"{base}{model.objects.get().id}/change/").status_code == 404
    assert client.get(f"{base}{model.objects.get().id}/history/").status_code == 404


@pytest.mark.parametrize("model", ["delivery", "entitlement", "receipt"])
@pytest.mark.parametrize("site", ["admin", "vendor"])
def test_lists_cost_the_same_for_any_number_of_rows(market, entitlement, site, model, django_assert_max_num_queries):
    a_receipt(entitlement)
    client = signed_in({"admin": market.operator, "vendor": market.lister}[site])
    address = f"/{site}/delivery/{model}/"
    client.get(address)
    with django_assert_max_num_queries(100) as few:
        client.get(address)
    for _order in range(5):
        a_receipt(entitled(market))
    with django_assert_max_num_queries(len(few)):
        client.get(address)


@pytest.mark.parametrize("model", ["delivery", "entitlement", "receipt"])
def test_found_by_order_number(market, entitlement, model):
    a_receipt(entitlement)
    other = entitled(market)
    a_receipt(other)
    page = signed_in(market.operator).get(f"/admin/delivery/{model}/", {"q": entitlement.order.number}).content.decode()
    assert entitlement.order.number in page
    assert other.order.number not in page
