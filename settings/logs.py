"""One log for Django, Celery and our own code. Each line carries the request id; JSON, or coloured for a person."""

import logging
import logging.config
import os
import re
from collections.abc import MutableMapping
from typing import Any

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
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    hide_signed_links,
]


def console(colors: bool) -> structlog.dev.ConsoleRenderer:
    """For a person. Tracebacks are plain: the default prints local variables, passwords and signed links among them."""
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)


def logging_settings(renderer) -> dict:
    processors = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if isinstance(renderer, structlog.processors.JSONRenderer):
        processors.append(structlog.processors.format_exc_info)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [*processors, renderer],
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


def configure(settings: dict) -> None:
    """Django calls this as LOGGING_CONFIG; the Celery worker through settings/celery.py."""
    logging.config.dictConfig(settings)
    structlog.configure(
        processors=[
            *SHARED[:1],
            structlog.stdlib.filter_by_level,
            *SHARED[1:],
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
