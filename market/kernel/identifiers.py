"""Keys: UUIDv7 made in Python, so that a row knows its key before the database does."""

import base64
import uuid

import uuid_utils.compat


def uuid7() -> uuid.UUID:
    """A new time-ordered UUID (RFC 9562, version 7)."""
    return uuid_utils.compat.uuid7()


def short_code(identifier: uuid.UUID, length: int = 10) -> str:
    """The random tail of a UUID as ``length`` upper-case base-32 letters, for numbers people read aloud."""
    return base64.b32encode(identifier.bytes[-8:]).decode()[:length]
