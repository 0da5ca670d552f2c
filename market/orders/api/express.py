"""The express lane of ``POST /orders``: a request that is plainly good is answered in one or two round trips.

Whatever is not goes the ordinary way, through every middleware and the API framework: what is malformed, refused,
repeated, in flight, or has to wait. So each refusal is said in one place, and this lane says one thing: 201.
"""

import dataclasses
import hmac
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from rest_framework import status

from accounts.api.authentication import credentials
from accounts.models import ApiToken
from accounts.states import Scope
from market.api.idempotency import ReplyRecorder, fingerprint, is_key, lock_key
from market.api.parsers import parse_json
from market.kernel.conditions import Condition, unlocked
from market.kernel.errors import BusinessError
from market.orders.api.serializers import plain_wish, rendered
from market.orders.models import Order
from market.orders.services import placing
from market.orders.services.ground import Ground, Wish, forget, ground_of_bearer, keep, kept_ground

OPERATION = "orders.place"


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """What a good request comes to when the rows of its placement have been inserted."""

    placement: placing.Placement
    recorder: ReplyRecorder
    location: str

    @property
    def rows(self) -> list[Model]:
        """To be inserted together, where ``given`` holds."""
        return self.placement.rows

    @property
    def given(self) -> Condition:
        """The ground is as it was, and nobody else is at work on the same key."""
        return self.placement.given

    def conclude(self) -> HttpResponse:
        """The answer, once the rows are there."""
        self.placement.announce()
        return _created(self.recorder, self.location)


def answer(request: HttpRequest) -> HttpResponse | None:
    """The answer to a request that places an order, or None: nothing has changed then, and it goes the ordinary way."""
    asked = _Asked.of(request)
    if asked is None:
        return None
    if ground := kept_ground(asked.wish, asked.prefix):
        if response := asked.placed_on(ground):
            return response
        forget(asked.wish, asked.prefix)
    ground = ground_of_bearer(asked.wish, token_prefix=asked.prefix, operation=OPERATION, key=asked.key)
    if ground is None or ground.is_answered or ground.has_limits:
        return None
    response = asked.placed_on(ground)
    if response and not connection.in_atomic_block:
        keep(ground, asked.wish, asked.prefix)
    return response


def prepare(request: HttpRequest) -> Prepared | None:
    """What to insert for a request whose ground this process has kept; None for any other. Nothing is asked of the
    database, and nothing has changed."""
    asked = _Asked.of(request)
    ground = asked and kept_ground(asked.wish, asked.prefix)
    if not ground or not asked.is_entitled_on(ground):
        return None
    try:
        return asked.prepared_on(ground)
    except BusinessError:
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class _Asked:
    """What a plain request asks for, and by which credentials."""

    wish: Wish
    prefix: str
    secret: str
    key: str
    fingerprint: str
    location: str

    @classmethod
    def of(cls, request: HttpRequest) -> "_Asked | None":
        presented = credentials(request.META.get("HTTP_AUTHORIZATION", ""))
        key = request.META.get("HTTP_IDEMPOTENCY_KEY", "").strip()
        if presented is None or not is_key(key) or not _is_plain(request):
            return None
        body = _body(request)
        wish = plain_wish(body)
        if wish is None:
            return None
        return cls(wish, *presented, key, fingerprint(request.method, request.path, body), request.path)

    def is_entitled_on(self, ground: Ground) -> bool:
        token = ground.token
        fits = hmac.compare_digest(token.digest, ApiToken.digest_of(self.secret))
        return fits and token.is_usable and Scope.ORDERS_WRITE in token.scopes

    def placed_on(self, ground: Ground) -> HttpResponse | None:
        if not self.is_entitled_on(ground):
            return None
        terms, recorder = self._terms(ground)
        try:
            order = placing.place_at_once(**terms)
        except (BusinessError, IntegrityError):
            return None
        return None if order is None else _created(recorder, f"{self.location}/{order.id}")

    def prepared_on(self, ground: Ground) -> Prepared:
        terms, recorder = self._terms(ground)
        placement = placing.prepare(**terms)
        return Prepared(placement, recorder, f"{self.location}/{placement.order.id}")

    def _terms(self, ground: Ground) -> tuple[dict[str, Any], ReplyRecorder]:
        actor = ground.token.actor
        recorder = ReplyRecorder(actor.organization_id, OPERATION, self.key, self.fingerprint)

        def reply(order: Order) -> Model:
            return recorder.row(status.HTTP_201_CREATED, rendered(order, actor))

        given = unlocked(lock_key(actor.organization_id, OPERATION, self.key))
        if ground.unchanged:
            given &= ground.unchanged
        terms = {"actor": actor, "ground": ground, "wish": self.wish, "given": given, "also_insert": reply}
        return terms, recorder


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


def _created(recorder: ReplyRecorder, location: str) -> HttpResponse:
    return HttpResponse(
        recorder.document,
        content_type="application/json",
        status=status.HTTP_201_CREATED,
        headers={"Location": location, "Allow": "GET, POST, HEAD, OPTIONS"},
    )
