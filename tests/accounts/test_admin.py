"""Accounts in the workspaces: operators register and verify, vendors see their own, a secret shows once."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import ApiToken, Membership, Organization, User
from accounts.states import Capacity, OrganizationState, Role
from market.audit.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db
STRONG = "a long and winding road 7"


@pytest.fixture
def market() -> factories.Market:
    return factories.market()


@pytest.fixture
def operator(client, market):
    client.force_login(market.operator.user)
    return client


@pytest.fixture
def lister(client, market):
    client.force_login(market.lister.user)
    return client


def organization_form(**changes) -> dict:
    return {
        "name": "六盘水煤炭数据有限公司",
        "uscc": factories.valid_uscc(8_000_000),
        "region": "六盘水市",
        "taxpayer_type": "general",
        "bank_account": "622202402000000001",
        "capacities": ["vendor", "buyer"],
    } | changes


def test_an_operator_registers_and_verifies_an_organisation(operator, market):
    added = operator.post(reverse("operator:accounts_organization_add"), organization_form())
    assert added.status_code == 302
    made = Organization.objects.get(uscc=factories.valid_uscc(8_000_000))
    assert made.state == OrganizationState.PENDING and made.capacities == ["vendor", "buyer"]
    assert AuditEvent.objects.get(subject_id=made.id).actor_user_id == market.operator.user_id
    page = reverse("operator:accounts_organization_change", args=[made.id])
    verify = reverse("operator:accounts_organization_act", args=[made.id, "verify"])
    assert verify in operator.get(page).content.decode()
    assert operator.post(verify, {"reason": "papers checked"}).status_code == 302
    made.refresh_from_db()
    assert made.state == OrganizationState.VERIFIED
    suspend = reverse("operator:accounts_organization_act", args=[made.id, "suspend"])
    assert operator.post(suspend, {"reason": ""}).status_code == 200
    made.refresh_from_db()
    assert made.state == OrganizationState.VERIFIED
    assert operator.post(suspend, {"reason": "complaints"}).status_code == 302
    assert AuditEvent.objects.get(name="organization.suspended").payload == {"reason": "complaints"}


@pytest.mark.parametrize(
    "changes",
    [
        {"uscc": "91350100M000100Y44"},
        {"capacities": ["operator", "vendor"]},
        {"capacities": []},
        {"name": ""},
    ],
)
def test_a_faulty_form_comes_back_with_what_was_typed(operator, changes):
    before = Organization.objects.count()
    response = operator.post(reverse("operator:accounts_organization_add"), organization_form(**changes))
    assert response.status_code == 200
    assert "六盘水市" in response.content.decode()
    assert Organization.objects.count() == before


def test_an_operator_edits_but_not_the_code(operator, market):
    url = reverse("operator:accounts_organization_change", args=[market.vendor.id])
    code = market.vendor.uscc
    response = operator.post(url, organization_form(name="新的名字", capacities=["vendor"]))
    assert response.status_code == 302
    market.vendor.refresh_from_db()
    assert (market.vendor.name, market.vendor.uscc) == ("新的名字", code)
    assert AuditEvent.objects.filter(name="organization.edited", subject_id=market.vendor.id).count() == 1


def test_ones_own_organisation_offers_no_acts(operator, market):
    page = operator.get(reverse("operator:accounts_organization_change", args=[market.operator.organization_id]))
    assert "/acts/" not in page.content.decode()


def test_operators_with_another_role_only_look(client, market):
    finance = factories.member(market.operator.organization, Role.FINANCE)
    client.force_login(finance.user)
    url = reverse("operator:accounts_organization_change", args=[market.vendor.id])
    page = client.get(url)
    assert page.status_code == 200 and "/acts/" not in page.content.decode()
    assert client.post(url, organization_form()).status_code == 403
    assert client.get(reverse("operator:accounts_organization_add")).status_code == 403
    act = reverse("operator:accounts_organization_act", args=[market.vendor.id, "suspend"])
    assert client.post(act, {"reason": "because"}).status_code == 404
    market.vendor.refresh_from_db()
    assert market.vendor.state == OrganizationState.VERIFIED


def test_a_new_member_gets_a_first_password_and_signs_in(operator, market, client):
    form = {
        "organization": str(market.vendor.id),
        "role": "finance",
        "email": "New@Vendor.cn",
        "name": "陈静",
        "password": STRONG,
    }
    url = reverse("operator:accounts_membership_add")
    assert operator.post(url, form | {"password": "short"}).status_code == 200
    assert operator.post(url, form | {"role": "operator"}).status_code == 200
    assert not User.objects.filter(email="new@vendor.cn").exists()
    assert operator.post(url, form).status_code == 302
    made = Membership.objects.get(user__email="new@vendor.cn")
    assert made.user.check_password(STRONG) and made.organization == market.vendor
    again = operator.post(url, form | {"password": ""})
    assert again.status_code == 200 and "already" in again.content.decode()
    client.logout()
    assert client.login(username="new@vendor.cn", password=STRONG)
    assert client.get(reverse("vendor:index")).status_code == 200


def test_an_operator_locks_out_and_sets_a_password(operator, market):
    act = "operator:accounts_user_act"
    user = market.lister.user
    assert operator.post(reverse(act, args=[user.id, "lock"]), {"reason": "left"}).status_code == 302
    assert operator.post(reverse(act, args=[user.id, "lock"]), {"reason": "left"}).status_code == 404
    password = reverse(act, args=[user.id, "password"])
    for form in ({"password": STRONG, "repeated": STRONG + "!"}, {"password": "short", "repeated": "short"}):
        assert operator.post(password, form).status_code == 200
    assert operator.post(password, {"password": STRONG, "repeated": STRONG}).status_code == 302
    user.refresh_from_db()
    assert not user.is_active and user.check_password(STRONG)
    own = reverse(act, args=[market.operator.user_id, "lock"])
    assert operator.post(own, {"reason": "oops"}).status_code == 404


def test_a_membership_ends_and_comes_back(operator, market):
    act = "operator:accounts_membership_act"
    assert operator.post(reverse(act, args=[market.lister.id, "end"]), {"reason": "moved"}).status_code == 302
    market.lister.refresh_from_db()
    assert not market.lister.is_active
    assert operator.post(reverse(act, args=[market.lister.id, "restore"]), {"reason": "back"}).status_code == 302
    assert AuditEvent.objects.filter(subject_id=market.lister.id, name__startswith="membership.").count() == 3


def token_form(membership: Membership, **changes) -> dict:
    return {"membership": str(membership.id), "name": "nightly", "scopes": ["orders:read"], "days": 30} | changes


def test_a_secret_shows_once_and_works(lister, market):
    response = lister.post(reverse("vendor:accounts_apitoken_add"), token_form(market.lister))
    page = response.content.decode()
    secret = re.search(r"qs_[a-z0-9]{12}_[\w-]{43}", page)[0]
    assert response.status_code == 200 and "no-store" in response["Cache-Control"]
    token = ApiToken.objects.get()
    assert token.scopes == ["orders:read"] and token.membership == market.lister
    for url in (
        reverse("vendor:accounts_apitoken_changelist"),
        reverse("vendor:accounts_apitoken_change", args=[token.id]),
        reverse("vendor:accounts_apitoken_history", args=[token.id]),
    ):
        later = lister.get(url)
        assert later.status_code == 200 and secret.split("_", 2)[2] not in later.content.decode()
    revoke = reverse("vendor:accounts_apitoken_act", args=[token.id, "revoke"])
    assert lister.post(revoke, {"confirmed": "yes"}).status_code == 302
    token.refresh_from_db()
    assert token.revoked_at is not None


@pytest.mark.parametrize("changes", [{"scopes": ["orders:write"]}, {"scopes": []}, {"days": 0}, {"days": 1000}])
def test_a_token_beyond_the_role_is_refused(lister, market, changes):
    assert lister.post(reverse("vendor:accounts_apitoken_add"), token_form(market.lister, **changes)).status_code == 200
    assert not ApiToken.objects.exists()


def test_a_vendor_issues_for_oneself_only(lister, market):
    for other in (market.vendor_finance, market.purchaser, market.operator):
        assert lister.post(reverse("vendor:accounts_apitoken_add"), token_form(other)).status_code == 200
    assert not ApiToken.objects.exists()


def test_an_operator_issues_for_anybody(operator, market):
    form = token_form(market.purchaser, scopes=["orders:read", "orders:write"])
    assert "qs_" in operator.post(reverse("operator:accounts_apitoken_add"), form).content.decode()
    assert operator.post(reverse("operator:accounts_apitoken_add"), token_form(market.auditor, scopes=["orders:write"]))
    assert ApiToken.objects.get().membership == market.purchaser


def test_a_vendor_sees_its_own_organisation_members_and_tokens_only(lister, market):
    other = factories.market()
    factories.api_client(other.lister)
    factories.api_client(market.vendor_finance)
    factories.api_client(market.lister)
    pages = {
        "accounts_organization": (market.vendor, other.vendor),
        "accounts_membership": (market.lister, other.lister),
        "accounts_apitoken": (
            ApiToken.objects.get(membership=market.lister),
            ApiToken.objects.get(membership=other.lister),
        ),
    }
    for name, (own, foreign) in pages.items():
        listed = lister.get(reverse(f"vendor:{name}_changelist")).content.decode()
        assert str(own.id) in listed and str(foreign.id) not in listed
        assert lister.get(reverse(f"vendor:{name}_change", args=[own.id])).status_code == 200
        assert lister.get(reverse(f"vendor:{name}_change", args=[foreign.id])).status_code == 404
    colleague = ApiToken.objects.get(membership=market.vendor_finance)
    assert lister.get(reverse("vendor:accounts_apitoken_change", args=[colleague.id])).status_code == 404
    assert lister.post(reverse("vendor:accounts_apitoken_act", args=[colleague.id, "revoke"])).status_code == 404
    colleague.refresh_from_db()
    assert colleague.revoked_at is None


def test_an_owner_sees_the_colleagues_tokens(client, market):
    factories.api_client(market.lister)
    client.force_login(factories.member(market.vendor, Role.OWNER).user)
    token = ApiToken.objects.get()
    assert str(token.id) in client.get(reverse("vendor:accounts_apitoken_changelist")).content.decode()
    client.post(reverse("vendor:accounts_apitoken_act", args=[token.id, "revoke"]), {"confirmed": "yes"})
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_an_auditor_reads_organisations(client, market):
    client.force_login(market.auditor.user)
    assert client.get(reverse("auditor:accounts_organization_changelist")).status_code == 200
    url = reverse("auditor:accounts_organization_change", args=[market.vendor.id])
    assert client.get(url).status_code == 200
    assert client.post(url, organization_form()).status_code == 403


@pytest.mark.parametrize("name", ["organization", "membership", "apitoken", "user"])
def test_lists_cost_the_same_however_long(operator, market, name):
    url = reverse(f"operator:accounts_{name}_changelist")
    factories.api_client(market.lister)
    operator.get(url)
    few = count_queries(operator, url)
    for number in range(5):
        vendor = factories.organization(Capacity.VENDOR, name=f"数据商 {number}")
        factories.api_client(factories.member(vendor, Role.LISTER))
    assert count_queries(operator, url) == few


def count_queries(client, url: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(url).status_code == 200
    return len(seen)
