"""Orders placed over HTTP, production settings, against pgbench's TPC-B-like transactions on the same PostgreSQL.

An order is more than a TPC-B transaction: HTTP, token, idempotency, terms hashed and frozen, money moved under a lock,
evidence, and a job, all durable when the answer leaves. The ratio says how much of what the database could commit
becomes orders.
"""

import contextlib
import os
import secrets
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from benchmarks import pgbench, results
from benchmarks.client import place_orders
from settings.embedded import free_port

BUYERS = 64
VENDORS = 16
CONNECTIONS = 16
WORKERS = 2
ROUNDS = 3
PRICE = 12_345
FUNDS = 10**12
GOAL = 0.1
HOST = "127.0.0.1"


def run(seconds: int) -> None:
    """Measure in turn, so that both meet the same machine; the median of each counts."""
    facts = results.machine()
    with scratch_database("qianshu_bench") as url, scratch_database("qianshu_bench_tpcb") as yardstick_url:
        pgbench.prepare(yardstick_url)
        environment = production_environment(url)
        tokens, offers, hot = load_market(environment)
        with web_server(environment) as (port, pid):
            spread, single, transactions, latencies, latencies_of_one = [], [], [], [], []
            place_orders((HOST, port), tokens, offers, CONNECTIONS, 3)
            busy = cpu_seconds(pid)
            for _round in range(ROUNDS):
                transactions.append(pgbench.transactions_per_second(yardstick_url, seconds))
                rate, took = orders_per_second(port, tokens, offers, seconds)
                spread.append(rate)
                latencies += took
                rate, took = orders_per_second(port, [hot], offers, seconds)
                single.append(rate)
                latencies_of_one += took
            busy = cpu_seconds(pid) - busy
        check(url)
    yardstick = f"pgbench TPC-B-like, scale {pgbench.SCALE}, {pgbench.CLIENTS} clients, prepared (tps)"
    tps = statistics.median(transactions)
    percentiles = statistics.quantiles(latencies, n=100)
    facts |= {
        "gunicorn_workers": WORKERS,
        "connections": CONNECTIONS,
        "rounds": {"tps": transactions, "orders": spread, "orders_of_one_buyer": single},
        # What other programs on the machine do to the rates, they do not do to this.
        "web_cpu_ms_per_order": round(1000 * busy / (len(latencies) + len(latencies_of_one)), 2),
        "latency_ms": {"p50": round(1000 * percentiles[49], 1), "p99": round(1000 * percentiles[98], 1)},
    }
    results.write(
        "orders",
        [
            results.Measure("orders over HTTP", statistics.median(spread), "orders/s", yardstick, tps, GOAL),
            results.Measure("orders of one buyer", statistics.median(single), "orders/s", yardstick, tps, GOAL),
        ],
        facts,
    )


def orders_per_second(port: int, tokens: list[str], offers: list[str], seconds: int) -> tuple[float, list[float]]:
    """Orders answered with 201 a second, and how long each answer took."""
    started = time.monotonic()
    statuses, times = place_orders((HOST, port), tokens, offers, CONNECTIONS, seconds)
    if set(statuses) != {201}:
        raise SystemExit(f"Not every order was placed: {dict(statuses)}")
    return statuses[201] / (time.monotonic() - started), times


@contextlib.contextmanager
def scratch_database(name: str) -> Iterator[str]:
    """A database of that name on the server of DATABASE_URL, new, and gone afterwards."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    identifier = sql.Identifier(name)
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
        try:
            yield urlunsplit(parts._replace(path=f"/{name}"))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


def production_environment(database_url: str) -> dict[str, str]:
    """What a production process would be given, on this machine."""
    redis = urlsplit(os.environ["REDIS_URL"])
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "settings.production",
        "DATABASE_URL": database_url,
        "REDIS_URL": urlunsplit(redis._replace(path="/14")),
        "CACHE_URL": urlunsplit(redis._replace(path="/15", netloc=redis.netloc.replace("127.0.0.1", "localhost"))),
        "SECRET_KEY": secrets.token_urlsafe(60),
        "ALLOWED_HOSTS": HOST,
        "SECURE_SSL_REDIRECT": "false",
        "WEB_CONCURRENCY": str(WORKERS),
    }


def load_market(environment: dict[str, str]) -> tuple[list[str], list[str], str]:
    """Migrate and fill the scratch database in a process of its own: buyers' tokens, offers, one more buyer's token."""
    command = [sys.executable, "-m", "benchmarks.market", str(BUYERS + 1), str(VENDORS), str(PRICE), str(FUNDS)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    tokens, offers = (line.split() for line in done.stdout.splitlines()[-2:])
    return tokens[1:], offers, tokens[0]


@contextlib.contextmanager
def web_server(environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """gunicorn as in the Procfile, ready to answer: its port and process id."""
    port = free_port(0)
    command = [sys.executable, "-m", "gunicorn", "settings.wsgi", "--config", "python:settings.gunicorn"]
    process = subprocess.Popen(
        [*command, "--bind", f"{HOST}:{port}"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("gunicorn did not start.")
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and its children have used so far."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ticks = 0
    for process in [pid, *map(int, children)]:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def check(database_url: str) -> None:
    """After the run every fen is where the orders say it is."""
    question = """
        SELECT (SELECT sum(amount) FROM orders_order WHERE state = 'paid'),
               (SELECT sum(balance) FROM ledger_account WHERE kind = 'escrow'),
               (SELECT count(*) FROM orders_order), (SELECT count(*) FROM orders_orderterms),
               (SELECT count(*) FROM api_idempotentreply),
               (SELECT count(*) FROM outbox_job WHERE kind = 'delivery.deliver'),
               (SELECT count(*) FROM audit_auditevent WHERE name = 'order.placed')
    """
    with psycopg.connect(database_url) as connection:
        ordered, held, *counts = connection.execute(question).fetchone()
    if ordered != held or len(set(counts)) != 1:
        raise SystemExit(f"The books do not agree: {ordered} ordered, {held} in escrow, rows {counts}")
