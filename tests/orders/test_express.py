"""The express lane answers as the ordinary way does, and what it does in its own way comes to the same."""

import base64
import json

import orjson
import psycopg
import pytest
import rfc8785
import structlog
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.utils.encoders import JSONEncoder

from accounts.states import Role
from market.api.renderers import as_json
from market.kernel.identifiers import uuid7
from market.orders.api.serializers import OrderDetailSerializer, rendered
from market.orders.models import Order
from market.outbox import hints
from settings.celery import app
from tests import factories
from tests.orders.trades import buyer, delivered, failed, place, post, wish

ORDINARY = {"HTTP_ACCEPT": "application/json;q=0.9"}
"""A header that the lane leaves to content negotiation."""


@pytest.fixture
def market() -> factories.Market:
    return factories.market()


@pytest.mark.django_db(transaction=True)
def test_both_ways_answer_alike(market):
    client = factories.api_client(market.purchaser)
    body = wish(market)
    quick = post(client, "orders", body, key="k")
    slow = post(client, "orders", wish(market), **ORDINARY)
    assert not hasattr(quick, "data") and slow.data["id"], "the first is the lane's, the second the framework's"
    assert quick.status_code == slow.status_code == 201
    assert quick.json().keys() == slow.json().keys()
    assert {*quick.headers} == {*slow.headers}
    for name in {*quick.headers} - {"Location", "X-Request-ID", "Content-Length"}:
        assert quick[name] == slow[name]
    assert post(client, "orders", body, key="k", **ORDINARY).json() == quick.json()
    assert post(client, "orders", body, key="k").json() == quick.json()


@pytest.mark.django_db(transaction=True)
def test_what_waits_goes_the_ordinary_way(market):
    finance = factories.api_client(factories.member(market.buyer, Role.FINANCE))
    finance.put("/api/v1/spending-limits", {"membership": None, "amount": 15_000}, format="json")
    client = factories.api_client(market.purchaser)
    states = [post(client, "orders", wish(market)).json()["state"] for _order in range(2)]
    assert states == ["paid", "awaiting_approval"]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_has_ended_is_replaced(market):
    client = factories.api_client(market.purchaser)
    assert post(client, "orders", wish(market)).status_code == 201
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    parameters = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(**{name: parameters[name] for name in names if name in parameters}) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
    connection.health_check_enabled, connection.health_check_done = True, False
    assert post(client, "orders", wish(market)).status_code == 201
    assert Order.objects.count() == 2


@pytest.mark.django_db
def test_an_order_is_rendered_as_it_is_described(market):
    reader = buyer(market)
    for order in (place(market), delivered(market), failed(market)):
        loaded = Order.objects.select_related("buyer_org", "vendor_org", "product", "revision", "offer").get(
            id=order.id
        )
        loaded.reader = reader
        described = json.loads(json.dumps(OrderDetailSerializer(loaded).data, cls=JSONEncoder))
        assert json.loads(as_json(rendered(loaded, reader, with_money=True))) == described


def test_a_hint_is_what_celery_would_have_sent(clean_redis):
    job_id = str(uuid7())
    structlog.contextvars.clear_contextvars()
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        app.send_task(hints.PERFORM_TASK, args=[job_id], ignore_result=True)
        ours = json.loads(hints._message(job_id, structlog.contextvars.get_contextvars()))
    theirs = json.loads(clean_redis.lpop("celery"))
    assert json.loads(base64.b64decode(ours.pop("body"))) == json.loads(base64.b64decode(theirs.pop("body")))
    for message in (ours, theirs):
        # Celery adds the task's own limits where the task has been imported; the worker knows them either way.
        message["headers"] |= {"id": "", "root_id": "", "origin": "", "timelimit": ""}
        message["properties"] |= {"correlation_id": "", "delivery_tag": "", "reply_to": ""}
    assert ours == theirs


names = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(names, inner),
)


@given(st.dictionaries(names, values))
def test_terms_are_canonical(document):
    """What ``orders.terms`` writes by orjson is RFC 8785 to the byte, for documents such as terms are."""
    assert orjson.dumps(document, option=orjson.OPT_SORT_KEYS) == rfc8785.dumps(document)
