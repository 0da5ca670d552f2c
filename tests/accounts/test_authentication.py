"""The bearer token: one query a request, and a 401 that says nothing more than it must."""

import datetime

import pytest
from django.db import connection
from django.urls import reverse
from rest_framework.test import APIClient

from accounts import services
from accounts.models import ApiToken, Membership, Organization, User
from accounts.states import Capacity, OrganizationState, Role, Scope
from market.kernel import clock
from market.kernel.actors import SYSTEM
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def purchaser() -> Membership:
    return factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER)


@pytest.fixture
def secret(purchaser) -> str:
    return services.issue_tokens(actor=SYSTEM, memberships=[purchaser], name="test")[0]


def get_me(authorization: str | None):
    headers = {} if authorization is None else {"Authorization": authorization}
    return APIClient().get(reverse("me"), headers=headers)


def assert_unauthorized(response) -> None:
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response.json()["status"] == 401


def test_me_says_who_asks(purchaser, secret):
    answer = get_me(f"Bearer {secret}").json()
    assert answer["user"] == {"id": str(purchaser.user_id), "email": purchaser.user.email, "name": "purchaser"}
    assert answer["organization"]["uscc"] == purchaser.organization.uscc
    assert answer["role"] == "purchaser"
    assert set(answer["scopes"]) == set(ApiToken.objects.get().scopes)
    expires = datetime.datetime.fromisoformat(answer["token_expires_at"])
    assert abs(expires - clock.now() - services.DEFAULT_LIFETIME) < datetime.timedelta(minutes=1)


def test_one_query_a_request(secret, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert get_me(f"bearer {secret}").status_code == 200


def test_no_header_and_other_schemes(secret):
    assert_unauthorized(get_me(None))
    assert_unauthorized(get_me(f"Basic {secret}"))
    assert_unauthorized(get_me("Bearer"))


def altered(secret: str) -> dict[str, str]:
    other = "A" if secret[-5] != "A" else "B"
    _qs, prefix, tail = secret.split("_", 2)
    return {
        "one character": secret[:-5] + other + secret[-4:],
        "wrong prefix": f"qs_{'x' * 12}_{tail}",
        "other brand": secret.replace("qs_", "sk_", 1),
        "cut": secret[:-1],
        "longer": secret + "a",
        "prefix only": f"qs_{prefix}_",
        "not text": "qs_\x7f\x01",
        "empty": "",
    }


@pytest.mark.parametrize("kind", list(altered("qs_abcdefghijkl_" + "s" * 43)))
def test_an_altered_token_is_unknown(secret, kind):
    assert_unauthorized(get_me(f"Bearer {altered(secret)[kind]}"))
    assert get_me(f"Bearer {secret}").status_code == 200


def test_a_secret_of_another_token_does_not_fit(purchaser, secret):
    other = services.issue_tokens(actor=SYSTEM, memberships=[purchaser], name="other")[0]
    mixed = "_".join([*secret.split("_", 2)[:2], other.split("_", 2)[2]])
    assert_unauthorized(get_me(f"Bearer {mixed}"))


def test_an_expired_token_is_refused(secret):
    with clock.frozen_at(clock.now() + services.DEFAULT_LIFETIME + datetime.timedelta(seconds=1)):
        assert_unauthorized(get_me(f"Bearer {secret}"))


def test_a_revoked_token_is_refused(secret):
    services.revoke_token(actor=SYSTEM, token_id=ApiToken.objects.get().id)
    assert_unauthorized(get_me(f"Bearer {secret}"))


def test_a_locked_person_an_ended_membership_a_closed_organisation_are_refused(purchaser, secret):
    operator = factories.actor_of(factories.member(factories.organization(Capacity.OPERATOR), Role.OPERATOR))
    services.change_user_activity(actor=operator, user_id=purchaser.user_id, is_active=False, reason="left")
    assert_unauthorized(get_me(f"Bearer {secret}"))
    services.change_user_activity(actor=operator, user_id=purchaser.user_id, is_active=True, reason="back")
    assert get_me(f"Bearer {secret}").status_code == 200

    for is_active, status in ((False, 401), (True, 200)):
        services.change_membership_activity(
            actor=operator, membership_id=purchaser.id, is_active=is_active, reason="moved"
        )
        assert get_me(f"Bearer {secret}").status_code == status

    for state, status in ((OrganizationState.SUSPENDED, 200), (OrganizationState.CLOSED, 401)):
        services.change_organization_state(
            actor=operator, organization_id=purchaser.organization_id, state=state, reason="tests"
        )
        assert get_me(f"Bearer {secret}").status_code == status


def test_a_missing_scope_is_forbidden(purchaser):
    client = factories.api_client(purchaser, scopes=[Scope.ORDERS_READ])
    response = client.get(reverse("me"))
    assert response.status_code == 403
    assert response["Content-Type"] == "application/problem+json"
    assert "account:read" in response.json()["detail"]


def test_a_method_that_is_not_there(purchaser):
    assert factories.api_client(purchaser).post(reverse("me"), {}).status_code == 405


def test_only_a_digest_is_kept(secret):
    tail = secret.split("_", 2)[2]
    with connection.cursor() as cursor:
        for model in (ApiToken, Membership, User, Organization):
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{model._meta.db_table}" t')
            assert not [row for (row,) in cursor.fetchall() if tail in row]
        cursor.execute("SELECT row_to_json(t)::text FROM audit_auditevent t WHERE name = 'api_token.issued'")
        proofs = [row for (row,) in cursor.fetchall()]
    assert proofs and not [row for row in proofs if tail in row]
    assert bytes(ApiToken.objects.get().digest) == ApiToken.digest_of(tail)
