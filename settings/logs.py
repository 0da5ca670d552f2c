"""One log for Django, Celery and our own code. Each line carries the request id; JSON, or coloured for a person."""

import contextlib
import json
import logging
import logging.config
import os
import re
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import orjson
import structlog

SIGNED_LINK = re.compile(r"(/downloads/)[^/?#\s\"']+")


def hide_signed_links(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Whoever reads a log must not be able to download with what it says, whichever logger said it."""
    for name, value in line.items():
        if isinstance(value, str) and "/downloads/" in value:
            line[name] = SIGNED_LINK.sub(r"\1[link]", value)
    return line


SHARED = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    hide_signed_links,
]


class StandardError:
    """Where our own loggers write, a whole line at once. Past the standard library, which takes four times as long, and
    a good order has nothing else to wait for but the database."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def write(self, line: str) -> None:
        # Whoever read the log has gone, or it is full: what the line is about happens all the same.
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = exception = write


def as_json(line: MutableMapping[str, Any], default: Callable[[Any], Any]) -> str:
    """Any value a logger is given is shown in some way."""
    try:
        return orjson.dumps(line, default).decode()
    except TypeError:  # halves of characters, numbers beyond 64 bits, keys that are no texts
        return json.dumps(line, default=default)


def lines() -> structlog.processors.JSONRenderer:
    """For a program that reads the log."""
    return structlog.processors.JSONRenderer(serializer=as_json)


def console(colors: bool) -> structlog.dev.ConsoleRenderer:
    """For a person. Tracebacks are plain: the default prints local variables, passwords and signed links among them."""
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)


def logging_settings(renderer) -> dict:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_ending(renderer)],
            },
        },
        "handlers": {"standard_error": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["standard_error"], "level": os.environ.get("LOG_LEVEL", "INFO").upper()},
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            # The request log already says it, once and with the request id.
            "django.request": {"level": "CRITICAL"},
            # Scanners send any Host they like; they get their 400.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            "gunicorn.error": {"handlers": ["standard_error"], "propagate": False},
            # django-structlog says the same, with the request id.
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }


def processors(renderer) -> list:
    """What is done to each line of our own loggers, one after the other."""
    return [*SHARED, *_ending(renderer)]


def _ending(renderer) -> list:
    told = [structlog.processors.format_exc_info] if isinstance(renderer, structlog.processors.JSONRenderer) else []
    return [*told, renderer]


_processors: list = []
"""Always the same list: a logger that has been used keeps it, whatever is configured later."""


def configure(settings: dict) -> None:
    """Django calls this as LOGGING_CONFIG; the Celery worker through settings/celery.py."""
    logging.config.dictConfig(settings)
    _processors[:] = processors(settings["formatters"]["line"]["processors"][-1])
    structlog.configure(
        processors=_processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLogger().level),
        logger_factory=StandardError,
        cache_logger_on_first_use=True,
    )
