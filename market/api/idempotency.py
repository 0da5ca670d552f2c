"""``Idempotency-Key`` (IETF draft-ietf-httpapi-idempotency-key-header-07): one act a key, one answer a key."""

import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

import orjson
from django.db import IntegrityError, connection, models, transaction
from django.utils.translation import gettext_lazy as _
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from market.api.errors import IdempotencyKeyMissing, IdempotencyKeyReused, RequestInFlight
from market.api.models import IdempotentReply
from market.api.renderers import as_json
from market.api.serializers import NoBody, StrictSerializer
from market.kernel.actors import Actor
from market.kernel.database import new_row, violated_constraint

MAX_KEY_LENGTH = 255
REPLAYED_HEADER = "Idempotency-Replayed"


class ReplyRecorder:
    """Handed to the act, which inserts ``row(status, body)`` together with its own rows."""

    def __init__(self, organization_id: uuid.UUID, operation: str, key: str, fingerprint: str) -> None:
        self.organization_id = organization_id
        self.operation = operation
        self.key = key
        self.fingerprint = fingerprint
        self.reply: IdempotentReply | None = None
        self.document = b""
        """The body of the reply as it is sent."""

    def row(self, status: int, body: Any) -> models.Model:
        """The unsaved reply for the act to insert. ``body`` must be what the client gets, renderable as JSON."""
        self.document = as_json(body)
        self.reply = new_row(
            IdempotentReply,
            organization_id=self.organization_id,
            operation=self.operation,
            key=self.key,
            fingerprint=self.fingerprint,
            status=status,
            body=orjson.loads(self.document),
        )
        return self.reply


def respond_once(
    request: Request, *, operation: str, organization_id: uuid.UUID, act: Callable[[ReplyRecorder], None]
) -> Response:
    """Run ``act`` in a transaction unless this key has been answered before; then replay that answer.

    ``act`` must insert ``recorder.row(...)`` in its transaction. What it raises passes through and leaves no row.

    Raises ``IdempotencyKeyMissing`` (400), ``IdempotencyKeyReused`` (422) when the body differs,
    ``RequestInFlight`` (409) while the same key is being worked on.
    """
    recorder = ReplyRecorder(
        organization_id, operation, _key_of(request), fingerprint(request.method, request.path, request.data)
    )
    try:
        with transaction.atomic():
            stored = _take(recorder)
            if stored is not None:
                return _replay(stored, recorder)
            act(recorder)
    except IntegrityError as error:
        if violated_constraint(error) == "api_idempotent_reply_once":
            raise RequestInFlight(_("Repeat the request in a moment.")) from error
        raise
    if recorder.reply is None:
        raise RuntimeError(f"{operation} did not record its reply")
    return Response(recorder.reply.body, status=recorder.reply.status)


def act_once(
    request: Request,
    operation: str,
    perform: Callable[..., Any],
    rendered: Callable[[Any, Actor], Any],
    *,
    body: type[StrictSerializer] = NoBody,
    code: int = status.HTTP_200_OK,
    **given: Any,
) -> Response:
    """Validate the body, perform the act once a key, and answer with what it changed, as the actor sees it.

    ``perform`` is a service: it gets ``actor``, what is ``given`` (mostly by the address), the members of the ``body``,
    and ``also_insert``, which makes the reply's row from what the act changed. Raises as ``respond_once``, and whatever
    the body or the service refuses.
    """
    actor = request.auth.actor
    wanted = body(data=request.data)
    wanted.is_valid(raise_exception=True)

    def act(recorder: ReplyRecorder) -> None:
        perform(
            actor=actor,
            also_insert=lambda changed: recorder.row(code, rendered(changed, actor)),
            **given,
            **wanted.validated_data,
        )

    return respond_once(request, operation=operation, organization_id=actor.organization_id, act=act)


def _key_of(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key:
        raise IdempotencyKeyMissing(_("Send a fresh random value, such as a UUID, and the same one when you repeat."))
    if not is_key(key):
        raise IdempotencyKeyMissing(_("The key must be 1 to 255 printable ASCII characters."))
    return key


def is_key(key: str) -> bool:
    """Whether a header's value, without blanks around it, may be a key."""
    return 0 < len(key) <= MAX_KEY_LENGTH and key.isprintable() and key.isascii()


def fingerprint(method: str, path: str, body: Any) -> str:
    """What two requests have in common that ask for the same: a hash over method, path and body, whatever its order."""
    try:
        canonical = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # numbers beyond 64 bits
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), default=str).encode()
    return hashlib.sha256(f"{method}\n{path}\n".encode() + canonical).hexdigest()


def lock_key(organization_id: uuid.UUID, operation: str, key: str) -> int:
    """The key of the advisory lock that whoever works on an idempotent request holds."""
    scope = f"{organization_id}\n{operation}\n{key}"
    return int.from_bytes(hashlib.sha256(scope.encode()).digest()[:8], signed=True)


def _take(recorder: ReplyRecorder) -> IdempotentReply | None:
    """Lock the key until the transaction ends and return the stored reply, in one round trip.

    Raises ``RequestInFlight`` when another transaction holds the key.
    """
    lock = lock_key(recorder.organization_id, recorder.operation, recorder.key)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT pg_try_advisory_xact_lock(%s), reply.fingerprint, reply.status, reply.body
              FROM (SELECT 1) AS one
              LEFT JOIN api_idempotentreply AS reply
                ON reply.organization_id = %s AND reply.operation = %s AND reply.key = %s
            """,
            [lock, recorder.organization_id, recorder.operation, recorder.key],
        )
        locked, fingerprint, status, body = cursor.fetchone()
    if fingerprint is not None:
        return IdempotentReply(fingerprint=fingerprint, status=status, body=json.loads(body))
    if not locked:
        raise RequestInFlight(_("Repeat the request in a moment."))
    return None


def _replay(stored: IdempotentReply, recorder: ReplyRecorder) -> Response:
    if stored.fingerprint != recorder.fingerprint:
        raise IdempotencyKeyReused(_("Use a fresh key for a new request."))
    return Response(stored.body, status=stored.status, headers={REPLAYED_HEADER: "true"})
