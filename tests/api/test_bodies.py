"""JSON from strangers, sent to a door that moves money."""

import json
import tracemalloc

import pytest
from django.test import override_settings

from market.api.parsers import MAX_DEPTH
from market.orders.models import Order
from tests import factories
from tests.orders.trades import wish

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> factories.Market:
    return factories.market()


@pytest.fixture
def send(market):
    client = factories.api_client(market.purchaser)

    def send(body: bytes, content_type: str = "application/json"):
        answer = client.generic(
            "POST", "/api/v1/orders", body, content_type=content_type, headers={"Idempotency-Key": "k"}
        )
        assert not Order.objects.exists()
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
        return answer

    return send


def text_with(market: factories.Market, purpose: str) -> bytes:
    """A good body but for the raw JSON text of its purpose."""
    return json.dumps(wish(market, purpose="HERE")).replace('"HERE"', purpose).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"{} {}",
        b"'single'",
        b'{"offer": NaN}',
        b'{"quantity": Infinity}',
        b'{"quantity": 1e999}',
        b'{"quantity": ' + b"9" * 5000 + b"}",
        b'{"quantity": 1, "quantity": 2}',
        b'{"purpose": "\xff"}',
        b"\xff\xfe{\x00}\x00",
        b'{"a\\u0000": 1}',
        b'{"\\ud800": 1}',
    ],
)
def test_what_is_not_one_json_document_is_refused(send, body):
    assert send(body).status_code == (422 if body == b"" else 400)


@pytest.mark.parametrize("purpose", [r'"a\u0000b"', r'"\ud800"', r'"\udfff tail"', r'["\u0000"]', r'{"x": "\ud800"}'])
def test_text_that_cannot_be_stored_is_refused(market, send, purpose):
    assert send(text_with(market, purpose)).status_code == 400


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"7", b"true", b"[{}]"])
def test_what_is_not_an_object_is_refused(send, body):
    assert send(body).status_code == 422


@pytest.mark.parametrize("depth", [MAX_DEPTH, 2_000, 100_000])
@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_refused(send, brackets, depth):
    opening, closing = brackets
    answer = send(b'{"purpose": ' + opening * depth + b"1" + closing * depth + b"}")
    assert answer.status_code == 400


def test_what_is_only_somewhat_nested_is_judged_by_the_form(market, send):
    answer = send(text_with(market, "[" * 20 + "]" * 20))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/purpose")


def test_everything_that_is_wrong_is_named_at_once(send):
    answer = send(b'{"purpos": "x", "quantity": -1}')
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert answer.status_code == 422
    assert {"/purpos", "/purpose", "/quantity", "/offer", "/client_reference"} <= pointers


def test_ten_megabytes_are_refused_without_being_read(send):
    body = b'{"purpose": "' + b"x" * 10 * 1024 * 1024 + b'"}'
    tracemalloc.start()
    answer = send(body)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert peak < 25 * 1024 * 1024


@override_settings(API_MAX_JSON_BYTES=300)
def test_the_limit_is_a_setting(market, send):
    assert send(text_with(market, '"' + "x" * 300 + '"')).json()["limit"] == 300


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/xml"]
)
def test_only_json_is_taken(send, content_type):
    assert send(b"quantity=1", content_type).status_code == 415
