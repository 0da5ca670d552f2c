"""Failures leave as problem documents that tell enough and not too much."""

import uuid

import pytest
from django.db import connection, transaction
from django.urls import path
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from market.api.problems import server_error
from market.ledger.errors import InsufficientFunds
from tests import factories

pytestmark = pytest.mark.django_db


class Broken(APIView):
    """Fails in a way that nobody foresaw."""

    scopes = {"GET": "orders:read"}

    def get(self, request):
        raise KeyError("the secret inside")


class Undeclared(APIView):
    """Its author forgot to name a scope."""

    def get(self, request):
        return Response({})


class Extra(APIView):
    """Refuses with members of its own."""

    scopes = {"GET": "orders:read"}

    def get(self, request):
        raise InsufficientFunds("Deposit first.", errors={"/b": "two", "/a": "one"}, needed=2, available=1)


class Contending(APIView):
    """PostgreSQL ends its transaction, for it and another wait for each other."""

    scopes = {"GET": "orders:read"}

    def get(self, request):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'deadlock_detected'; END $$")


class Slow(APIView):
    """Lets nobody in."""

    class Never(UserRateThrottle):
        rate = "1/day"
        allow_request = lambda self, request, view: False  # noqa: E731
        wait = lambda self: 7.5  # noqa: E731

    scopes = {"GET": "orders:read"}
    throttle_classes = [Never]

    def get(self, request):
        return Response({})


urlpatterns = [
    path("api/broken", Broken.as_view()),
    path("api/undeclared", Undeclared.as_view()),
    path("api/extra", Extra.as_view()),
    path("api/contending", Contending.as_view()),
    path("api/slow", Slow.as_view()),
]
handler500 = server_error


@pytest.fixture
def client() -> APIClient:
    return factories.api_client(factories.market().purchaser)


def test_who_sends_no_token_or_a_wrong_one_is_asked_for_it():
    for header in ({}, {"Authorization": "Bearer qs_nonsense"}, {"Authorization": "Basic eDp5"}):
        answer = APIClient().get("/api/v1/orders", headers=header)
        assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
        assert answer["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["type"] == f"urn:qianshu:problem:{answer.json()['code']}"


def test_an_unknown_address_and_a_wrong_method(client):
    for address in ("/api/v1/nothing", f"/api/v1/orders/{uuid.uuid4()}/nothing"):
        answer = client.get(address)
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
        assert answer.json()["instance"] == address
    page = client.get("/nothing")
    assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")
    answer = client.delete("/api/v1/orders")
    assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")
    assert answer["Allow"] == "GET, POST, HEAD, OPTIONS"


@pytest.mark.urls("tests.api.test_problems")
def test_what_nobody_foresaw_says_nothing_of_the_inside(client):
    client.raise_request_exception = False
    answer = client.get("/api/broken")
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert answer.json()["code"] == "internal_error"
    assert "secret" not in answer.content.decode()


@pytest.mark.urls("tests.api.test_problems")
def test_a_view_without_scopes_is_closed(client):
    assert client.get("/api/undeclared").status_code == 403


@pytest.mark.urls("tests.api.test_problems")
def test_a_refusal_carries_pointers_in_order_and_its_own_members(client):
    problem = client.get("/api/extra").json()
    assert problem["errors"] == [{"pointer": "/a", "detail": "one"}, {"pointer": "/b", "detail": "two"}]
    assert (problem["needed"], problem["available"], problem["detail"]) == (2, 1, "Deposit first.")


@pytest.mark.urls("tests.api.test_problems")
def test_who_met_another_crosswise_is_told_to_come_again(client):
    answer = client.get("/api/contending")
    assert (answer.status_code, answer.json()["code"]) == (409, "contended")
    assert answer.json()["detail"] == "Repeat the request in a moment."


@pytest.mark.urls("tests.api.test_problems")
def test_whoever_must_wait_is_told_how_long_in_whole_seconds(client):
    answer = client.get("/api/slow")
    assert (answer.status_code, answer["Retry-After"]) == (429, "8")
