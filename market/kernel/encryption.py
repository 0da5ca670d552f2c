"""Values that stand encrypted in the database, such as account numbers: a copy of the tables tells nobody anything.

Fernet (AES-128-CBC and HMAC-SHA-256, by ``cryptography``). The first key of ``FIELD_ENCRYPTION_KEYS`` encrypts, each of
them decrypts: a new key is put in front, ``manage.py reencrypt`` writes everything with it, then the old one may go.
Without any the key is derived from ``SECRET_KEY``; that one always decrypts, so that the first key can be introduced.
"""

import base64
import functools
import hashlib
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

TOKEN = "gAAAA"
"""Every Fernet token begins so: its version, and a time that will not need more than four bytes before 2106."""

SHOWN = 4


def keys() -> tuple[str, ...]:
    """The keys in force, the encrypting one first; the last is derived from ``SECRET_KEY``."""
    derived = hashlib.sha256(b"field encryption:" + settings.SECRET_KEY.encode()).digest()
    return (*settings.FIELD_ENCRYPTION_KEYS, base64.urlsafe_b64encode(derived).decode())


@functools.lru_cache(maxsize=8)
def _fernet(of: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in of])
    except ValueError as error:
        raise ImproperlyConfigured(
            "FIELD_ENCRYPTION_KEYS takes Fernet keys, separated by commas. Make one with: python -c "
            '"from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
        ) from error


def encrypt(plain: str) -> str:
    """The value as it is stored; nothing stays nothing, so that the database can tell whether there is a value."""
    return _fernet(keys()).encrypt(plain.encode()).decode() if plain else ""


def decrypt(stored: str) -> str:
    """What was encrypted under any of the keys; what never was comes back as it is.

    Raises ``ImproperlyConfigured`` when none of the keys fits.
    """
    return _decrypted(stored, keys()) if stored.startswith(TOKEN) else stored


@functools.lru_cache(maxsize=4096)
def _decrypted(stored: str, of: tuple[str, ...]) -> str:
    try:
        return _fernet(of).decrypt(stored).decode()
    except InvalidToken as error:
        raise ImproperlyConfigured(
            "None of FIELD_ENCRYPTION_KEYS fits what is stored: an old key is missing."
        ) from error


def is_current(stored: str) -> bool:
    """Whether the value is stored as the first key would store it."""
    try:
        return not stored or bool(Fernet(keys()[0]).decrypt(stored))
    except InvalidToken:
        return False


def masked(number: str) -> str:
    """An account number as it is shown: its last four characters."""
    plain = "".join(number.split())
    return f"•••• {plain[-SHOWN:]}" if len(plain) > SHOWN else "••••" if plain else ""


class EncryptedField(models.CharField):
    """A text that is encrypted on its way into the database. It cannot be searched, but for whether it is empty."""

    def db_type(self, connection: Any) -> str:
        """However long the encrypted value is; ``max_length`` is of the plain one."""
        return "text"

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Encrypted, each time with another initial vector."""
        return super().get_db_prep_save(encrypt(value) if isinstance(value, str) else value, connection)

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        """Decrypted."""
        return decrypt(value) if value else value
