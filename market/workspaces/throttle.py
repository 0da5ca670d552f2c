"""Sign-in attempts are counted, so that a password cannot be found by trying."""

import contextlib
import hashlib
import math
from collections.abc import Iterator

import structlog
from django.core.cache import cache
from django.http import HttpRequest
from redis import RedisError
from rest_framework.throttling import BaseThrottle

logger = structlog.get_logger(__name__)

WINDOW_SECONDS = 15 * 60
ATTEMPTS_PER_PERSON_AND_ADDRESS = 5
ATTEMPTS_PER_PERSON = 50
ATTEMPTS_PER_ADDRESS = 100
"""Per window. The limit on a person alone is wide, or a stranger could lock anybody out by trying wrong passwords."""


class SignInAttempt:
    """One attempt of ``email`` from the address of ``request``, counted in the cache before the password is looked at:
    of many attempts at once, no more than the limit get through. Without its cache it counts nothing and says so in
    the log: people must be able to work while Redis is away.
    """

    def __init__(self, request: HttpRequest, email: str) -> None:
        address = BaseThrottle().get_ident(request)
        email = email.strip().lower()
        self._limits = {
            _key("both", f"{email}\n{address}"): ATTEMPTS_PER_PERSON_AND_ADDRESS,
            _key("person", email): ATTEMPTS_PER_PERSON,
            _key("address", address): ATTEMPTS_PER_ADDRESS,
        }

    def is_allowed(self) -> bool:
        """Count this attempt; False when any limit of the window is used up."""
        allowed = True
        with _cache_may_be_away():
            for key, limit in self._limits.items():
                allowed &= _count(key) <= limit
        return allowed

    def succeeded(self) -> None:
        """Give the attempt back: only failures fill the window."""
        with _cache_may_be_away():
            both, *others = self._limits
            cache.delete(both)
            for key in others:
                with contextlib.suppress(ValueError):  # the window ended meanwhile
                    cache.decr(key)


def wait_minutes() -> int:
    """How long to wait at most, for the message."""
    return math.ceil(WINDOW_SECONDS / 60)


def _key(kind: str, value: str) -> str:
    return f"sign-in:{kind}:{hashlib.sha256(value.encode()).hexdigest()}"


def _count(key: str) -> int:
    cache.add(key, 0, WINDOW_SECONDS)
    try:
        return cache.incr(key)
    except ValueError:  # the window ended between the two
        return 1


@contextlib.contextmanager
def _cache_may_be_away() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        logger.warning("sign_in.not_counted", error=str(error))
