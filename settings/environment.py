"""Reading the environment. Nothing here, and nothing that uses it, starts or guesses a server."""

import os
from urllib.parse import urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict


def required(name: str, advice: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(f"Set {name}: {advice}")
    return value


def integer(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {text!r}.") from None


def boolean(name: str, default: bool) -> bool:
    text = os.environ.get(name, "").lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    if text:
        raise ImproperlyConfigured(f"{name} must be true or false, not {text!r}.")
    return default


def words(name: str) -> list[str]:
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]


def database(url: str) -> dict:
    """Django's form of a libpq connection string: libpq itself reads it, so every parameter of libpq works."""
    try:
        parameters = conninfo_to_dict(url)
    except ProgrammingError:
        # libpq's own message repeats the string, password included.
        raise ImproperlyConfigured(
            "DATABASE_URL is not a libpq connection string, such as postgresql://user:password@host/name."
        ) from None
    if not parameters.get("dbname"):
        raise ImproperlyConfigured("DATABASE_URL names no database: end it with /name.")
    return {
        "ENGINE": "settings.postgresql",
        "NAME": parameters.pop("dbname"),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", ""),
        "PORT": parameters.pop("port", ""),
        "OPTIONS": parameters,
    }


def redis_database(url: str, number: int) -> str:
    """The same Redis server, another numbered database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{number}"))
