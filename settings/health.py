"""Two questions of a load balancer: does the process answer (/healthz), and can it do its work (/readyz)? And one of a
monitoring system that knows METRICS_TOKEN: what do you measure (/metrics)?"""

import secrets
from collections.abc import Callable

import redis
import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

from market.kernel import metrics

log = structlog.get_logger(__name__)


class NotReady(Exception):
    pass


def database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def migrations() -> None:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise NotReady(f"{len(missing)} migrations to apply")


def broker() -> None:
    with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=None) as client:
        client.ping()


def cache_server() -> None:
    cache.get("readyz")


PARTS: dict[str, Callable[[], None]] = {
    "database": database,
    "migrations": migrations,
    "broker": broker,
    "cache": cache_server,
}


def process(_request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


def ready(_request: HttpRequest) -> HttpResponse:
    states = {}
    for name, check in PARTS.items():
        try:
            check()
            states[name] = "ok"
        except Exception as error:
            # Whoever asks learns which part; the reason is for the log.
            states[name] = "down"
            log.warning("not_ready", part=name, reason=str(error))
    ok = all(state == "ok" for state in states.values())
    return JsonResponse({"status": "ok" if ok else "down", "parts": states}, status=200 if ok else 503)


def measured(request: HttpRequest) -> HttpResponse:
    """Figures for who brings the token; without one in the settings, the address does not exist."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not settings.METRICS_TOKEN or not secrets.compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
        return HttpResponse(status=404)
    return HttpResponse(metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")


class Probes:
    """Answers before any other middleware: a probe comes by address, without TLS, every few seconds; it is not to be
    refused for its Host header, nor redirected, nor logged."""

    ANSWERS = {"/healthz": process, "/readyz": ready, "/metrics": measured}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.ANSWERS.get(request.path_info)
        if answer is None:
            return self.get_response(request)
        response = answer(request)
        response["Cache-Control"] = "no-store"
        return response
