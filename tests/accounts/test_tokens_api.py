"""Tokens over HTTP: narrower, never longer, gone with their parent."""

import datetime
import threading

import pytest
from django.db import connection, transaction
from django.urls import reverse

from accounts import services
from accounts.models import ApiToken
from accounts.states import SCOPES_OF_ROLE, Capacity, Role, Scope
from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.actors import SYSTEM
from tests import factories


@pytest.fixture
def purchaser(db):
    return factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER)


def derive(client, **wanted):
    return client.post(reverse("tokens"), {"name": "reader", "scopes": ["orders:read"]} | wanted)


def client_with(secret: str):
    client = factories.APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def test_a_derived_token_works_and_is_narrower(purchaser):
    client = factories.api_client(purchaser)
    response = derive(client, scopes=["account:read"], days=5)
    assert response.status_code == 201
    assert response["Cache-Control"] == "no-store"
    made = response.json()
    assert made["scopes"] == ["account:read"]
    me = client_with(made["secret"]).get(reverse("me"))
    assert me.status_code == 200 and me.json()["scopes"] == ["account:read"]
    expires = datetime.datetime.fromisoformat(made["expires_at"])
    assert abs(expires - clock.now() - datetime.timedelta(days=5)) < datetime.timedelta(minutes=1)
    assert AuditEvent.objects.filter(name="api_token.derived", subject_id=made["id"]).count() == 1


@pytest.mark.parametrize(
    "parent_scopes, wanted, status, code",
    [
        (None, ["tokens:write"], 422, "scope_too_wide"),
        (["tokens:write", "orders:read"], ["orders:write"], 422, "scope_too_wide"),
        (None, ["reports:read"], 422, "scope_too_wide"),
        (None, ["everything"], 422, "invalid_input"),
        (None, [], 422, "invalid_input"),
        (["orders:read"], ["orders:read"], 403, "permission_denied"),
    ],
)
def test_wider_is_refused_and_nothing_is_made(purchaser, parent_scopes, wanted, status, code):
    client = factories.api_client(purchaser, scopes=parent_scopes)
    tokens, events = ApiToken.objects.count(), AuditEvent.objects.count()
    response = derive(client, scopes=wanted)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert (ApiToken.objects.count(), AuditEvent.objects.count()) == (tokens, events)


@pytest.mark.parametrize("body", [{"days": 0}, {"days": 367}, {"days": "soon"}, {"name": ""}, {"scope": ["x"]}])
def test_bad_bodies(purchaser, body):
    response = derive(factories.api_client(purchaser), **body)
    assert response.status_code == 422
    assert ApiToken.objects.count() == 1


def test_a_derived_token_never_outlives_its_parent(purchaser):
    secret = services.issue_tokens(
        actor=SYSTEM, memberships=[purchaser], name="short", lifetime=datetime.timedelta(days=2)
    )[0]
    made = derive(client_with(secret), days=90).json()
    assert ApiToken.objects.get(id=made["id"]).expires_at == ApiToken.objects.get(name="short").expires_at


def test_revoking_the_parent_revokes_the_child(purchaser):
    client = factories.api_client(purchaser)
    parent = ApiToken.objects.get()
    child = derive(client, scopes=["account:read"]).json()
    assert client.delete(reverse("token", args=[parent.id])).status_code == 204
    assert client.get(reverse("me")).status_code == 401
    assert client_with(child["secret"]).get(reverse("me")).status_code == 401


def test_the_list_shows_ones_own_and_never_a_secret(purchaser, django_assert_num_queries):
    client = factories.api_client(purchaser)
    secret = derive(client).json()["secret"]
    factories.api_client(factories.member(purchaser.organization, Role.FINANCE))
    factories.api_client(factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER))
    with django_assert_num_queries(2):
        response = client.get(reverse("tokens"), {"page_size": 1})
    with django_assert_num_queries(2):
        response = client.get(reverse("tokens"))
    assert client.get(reverse("tokens"), {"owner": "me"}).status_code == 422
    listed = response.json()["results"]
    assert {token["held_by"] for token in listed} == {purchaser.user.email} and len(listed) == 2
    assert secret.split("_", 2)[2] not in response.content.decode()


def test_an_owner_sees_and_revokes_the_organisations_tokens_and_no_others(purchaser):
    owner = factories.api_client(factories.member(purchaser.organization, Role.OWNER))
    victim = factories.api_client(purchaser)
    stranger = factories.api_client(factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER))
    of_victim = ApiToken.objects.get(membership=purchaser)
    of_stranger = ApiToken.objects.exclude(membership__organization=purchaser.organization).get()
    assert len(owner.get(reverse("tokens")).json()["results"]) == 2
    assert owner.delete(reverse("token", args=[of_stranger.id])).status_code == 404
    assert stranger.get(reverse("me")).status_code == 200
    assert owner.delete(reverse("token", args=[of_victim.id])).status_code == 204
    assert victim.get(reverse("me")).status_code == 401


def test_a_colleagues_token_does_not_exist_for_a_plain_member(purchaser):
    client = factories.api_client(purchaser)
    colleague = factories.api_client(factories.member(purchaser.organization, Role.FINANCE))
    token = ApiToken.objects.get(membership__role=Role.FINANCE)
    assert client.delete(reverse("token", args=[token.id])).status_code == 404
    assert colleague.get(reverse("me")).status_code == 200
    assert client.delete(reverse("tokens") + "/not-a-key").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_child_made_while_its_parent_is_revoked_is_revoked_too():
    """The parent's row is locked while the child is made; the revocation waits, and then finds the child."""
    purchaser = factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER)
    factories.api_client(purchaser)
    parent = ApiToken.objects.get()
    failures: list[BaseException] = []

    def revoke() -> None:
        try:
            services.revoke_token(actor=SYSTEM, token_id=parent.id)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        child, _secret = services.derive_token(
            actor=parent.actor, parent_id=parent.id, name="late", scopes=["account:read"]
        )
        revoking = threading.Thread(target=revoke)
        revoking.start()
        # It stands in the queue for the parent's row before this transaction commits.
        with connection.cursor() as cursor:
            deadline = clock.now() + datetime.timedelta(seconds=10)
            waiting = 0
            while not waiting and clock.now() < deadline:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                (waiting,) = cursor.fetchone()
        assert waiting
    revoking.join(10)
    assert not failures
    child.refresh_from_db()
    assert child.revoked_at is not None


def test_scopes_of_a_role_never_include_what_the_role_must_not_do():
    assert Scope.ORDERS_WRITE not in SCOPES_OF_ROLE[Role.OPERATOR] | SCOPES_OF_ROLE[Role.AUDITOR]
    assert not {Scope.REPORTS_READ, Scope.REPORTS_WRITE} & SCOPES_OF_ROLE[Role.OWNER]
