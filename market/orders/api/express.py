"""The express lane of ``POST /orders``: a request that is plainly good is answered in one or two round trips.

Whatever is not goes the ordinary way, through every middleware and the API framework: what is malformed, refused,
repeated, in flight, or has to wait. So each refusal is said in one place, and this lane says one thing: 201.
"""

import hmac
from typing import Any

import orjson
from django.conf import settings
from django.db import IntegrityError, connection
from django.http import HttpRequest, HttpResponse
from rest_framework import status

from accounts.api.authentication import credentials
from accounts.models import ApiToken
from accounts.states import Scope
from market.api.idempotency import ReplyRecorder, fingerprint, is_key, lock_key
from market.api.parsers import parse_json
from market.kernel.conditions import unlocked
from market.kernel.errors import BusinessError
from market.orders.api.serializers import plain_wish, rendered
from market.orders.models import Order
from market.orders.services.ground import Ground, Wish, forget, ground_of_bearer, keep, kept_ground
from market.orders.services.placing import place_at_once

OPERATION = "orders.place"


def place_order(request: HttpRequest) -> HttpResponse | None:
    """The answer to a request that places an order, or None: nothing has changed then, and it goes the ordinary way."""
    presented = credentials(request.META.get("HTTP_AUTHORIZATION", ""))
    key = request.META.get("HTTP_IDEMPOTENCY_KEY", "").strip()
    if presented is None or not is_key(key) or not _is_plain(request):
        return None
    body = _body(request)
    wish = plain_wish(body)
    if wish is None:
        return None
    prefix, secret = presented
    print_ = fingerprint(request.method, request.path, body)
    if ground := kept_ground(wish, prefix):
        if response := _placed(request, ground, wish, secret, key, print_):
            return response
        forget(wish, prefix)
    ground = ground_of_bearer(wish, token_prefix=prefix, operation=OPERATION, key=key)
    if ground is None or ground.is_answered or ground.has_limits:
        return None
    response = _placed(request, ground, wish, secret, key, print_)
    if response and not connection.in_atomic_block:
        keep(ground, wish, prefix)
    return response


def _is_plain(request: HttpRequest) -> bool:
    """JSON in and JSON out, of a known length that is not worth another look."""
    length = request.META.get("CONTENT_LENGTH") or ""
    return (
        request.META.get("CONTENT_TYPE", "") in ("application/json", "application/json; charset=utf-8")
        and request.META.get("HTTP_ACCEPT", "*/*") in ("*/*", "application/json", "application/json, */*")
        and not request.META.get("QUERY_STRING")
        and length.isdecimal()
        and int(length) <= settings.API_MAX_JSON_BYTES
    )


def _body(request: HttpRequest) -> Any:
    try:
        return parse_json(request.body)
    except (ValueError, RecursionError):
        return None


def _may_place(token: ApiToken, secret: str) -> bool:
    fits = hmac.compare_digest(token.digest, ApiToken.digest_of(secret))
    return fits and token.is_usable and Scope.ORDERS_WRITE in token.scopes


def _placed(
    request: HttpRequest, ground: Ground, wish: Wish, secret: str, key: str, print_: str
) -> HttpResponse | None:
    if not _may_place(ground.token, secret):
        return None
    actor = ground.token.actor
    recorder = ReplyRecorder(actor.organization_id, OPERATION, key, print_)

    def reply(order: Order) -> Any:
        return recorder.row(status.HTTP_201_CREATED, rendered(order, actor))

    given = unlocked(lock_key(actor.organization_id, OPERATION, key))
    if ground.unchanged:
        given &= ground.unchanged
    try:
        order = place_at_once(actor=actor, ground=ground, wish=wish, given=given, also_insert=reply)
    except (BusinessError, IntegrityError):
        return None
    if order is None:
        return None
    return HttpResponse(
        orjson.dumps(recorder.reply.body),
        content_type="application/json",
        status=status.HTTP_201_CREATED,
        headers={"Location": f"{request.path}/{order.id}", "Allow": "GET, POST, HEAD, OPTIONS"},
    )
