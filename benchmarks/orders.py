"""Orders placed over HTTP, production settings, against pgbench's TPC-B-like transactions on the same PostgreSQL.

An order is more than a TPC-B transaction: HTTP, token, idempotency, terms hashed and frozen, money moved under a lock,
evidence, and a job, all durable when the answer leaves. The ratio says how much of what the database could commit
becomes orders. The load comes from wrk (Debian's package), or without it from ``benchmarks.client``.
"""

import contextlib
import dataclasses
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from psycopg import sql

from benchmarks import pgbench, results
from benchmarks.client import place_in_bulk, place_orders
from settings.embedded import free_port

BUYERS = 64
VENDORS = 16
CONNECTIONS = 8
ROUNDS = 5
PRICE = 12_345
FUNDS = 10**13
HOST = "127.0.0.1"
BULK_CONNECTIONS = 4
BULK_LINES = 1000

GOAL = 0.30
LATENCY_LIMIT_MS = 100
HOT_PRODUCT_GOAL = 0.9
BULK_GOAL = 3000


@dataclasses.dataclass
class Load:
    """What one kind of load came to, run by run: orders a second, and seconds that half and 99 of 100 answers took."""

    rates: list[float] = dataclasses.field(default_factory=list)
    p50: list[float] = dataclasses.field(default_factory=list)
    p99: list[float] = dataclasses.field(default_factory=list)
    orders: int = 0
    cpu_seconds: float = 0.0

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)


def run(seconds: int) -> None:
    """Measure in turn, so that all meet the same machine; the median of each counts."""
    facts = results.machine()
    with scratch_database("qianshu_bench") as url, scratch_database("qianshu_bench_tpcb") as yardstick_url:
        pgbench.prepare(yardstick_url)
        environment = production_environment(url)
        tokens, offers, hot = load_market(environment)
        kinds = {"uniform": (tokens, offers), "one product": (tokens, offers[:1]), "one buyer": ([hot], offers)}
        loads = {name: Load() for name in (*kinds, "bulk")}
        transactions = []
        with web_server(environment) as (port, pid):
            place(port, tokens, offers, 5, Load(), pid)
            workers = len(children(pid))
            for _round in range(ROUNDS):
                transactions.append(pgbench.transactions_per_second(yardstick_url, seconds))
                for name, (some_tokens, some_offers) in kinds.items():
                    place(port, some_tokens, some_offers, seconds, loads[name], pid)
                in_bulk(port, tokens, offers, seconds, loads["bulk"], pid)
        check(url)
    report(facts, loads, transactions, workers)


def report(facts: dict[str, object], loads: dict[str, Load], transactions: list[float], workers: int) -> None:
    """Write what was measured."""
    uniform, bulk = loads["uniform"], loads["bulk"]
    p99 = 1000 * statistics.median(uniform.p99)
    yardstick = f"pgbench TPC-B-like, scale {pgbench.SCALE}, {pgbench.CLIENTS} clients, prepared (tps)"
    tps = statistics.median(transactions)
    facts |= {
        "load_from": "wrk" if shutil.which("wrk") else "benchmarks.client",
        "web_workers": workers,
        "connections": CONNECTIONS,
        "rounds": {"tps": transactions} | {name: load.rates for name, load in loads.items()},
        # What other programs on the machine do to the rates, they hardly do to this.
        "web_cpu_ms_per_order": {name: round(1000 * load.cpu_seconds / load.orders, 3) for name, load in loads.items()},
        "latency_ms": {"p50": round(1000 * statistics.median(uniform.p50), 1), "p99": round(p99, 1)},
        "load_after": os.getloadavg()[0],
    }
    measure = results.Measure
    results.write(
        "orders",
        [
            measure("orders over HTTP", uniform.rate, "orders/s", yardstick, tps, GOAL),
            measure("latency allowed", LATENCY_LIMIT_MS, "ms", "99th percentile of orders over HTTP (ms)", p99, 1),
            measure(
                "orders of one product",
                loads["one product"].rate,
                "orders/s",
                "orders of many products (orders/s)",
                uniform.rate,
                HOT_PRODUCT_GOAL,
            ),
            measure(
                "orders of one buyer", loads["one buyer"].rate, "orders/s", "of many buyers (orders/s)", uniform.rate
            ),
            measure("orders in bulk requests", bulk.rate, "orders/s", "wanted (orders/s)", BULK_GOAL, 1),
            measure("orders in bulk requests beside TPC-B", bulk.rate, "orders/s", yardstick, tps),
        ],
        facts,
    )


def place(port: int, tokens: Sequence[str], offers: Sequence[str], seconds: int, load: Load, pid: int) -> None:
    """One run of single orders. Ends the program when any was not answered with 201."""
    busy = cpu_seconds(pid)
    if shutil.which("wrk"):
        environment = {
            **os.environ,
            "PLACE_TOKENS": " ".join(tokens),
            "PLACE_OFFERS": " ".join(offers),
            "PLACE_RUN": secrets.token_hex(8),
        }
        command = ["wrk", f"--connections={CONNECTIONS}", "--threads=1", f"--duration={seconds}s", "--timeout=10s"]
        command += [f"--script={Path(__file__).with_name('place.lua')}", f"http://{HOST}:{port}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        said = json.loads(done.stdout.splitlines()[-1])
    else:
        started = time.monotonic()
        statuses, times = place_orders((HOST, port), tokens, offers, CONNECTIONS, seconds)
        percentiles = statistics.quantiles(times, n=100)
        said = {
            "requests": len(times),
            "failed": len(times) - statuses[201],
            "seconds": time.monotonic() - started,
            "p50": percentiles[49],
            "p99": percentiles[98],
        }
    if said["failed"]:
        raise SystemExit(f"Not every order was placed: {said}")
    load.rates.append(said["requests"] / said["seconds"])
    load.p50.append(said["p50"])
    load.p99.append(said["p99"])
    load.orders += said["requests"]
    load.cpu_seconds += cpu_seconds(pid) - busy


def orders_per_second(port: int, tokens: Sequence[str], offers: Sequence[str], seconds: int) -> tuple[float, float]:
    """One run of single orders: orders a second, and the seconds that 99 of 100 answers took at most."""
    load = Load()
    place(port, tokens, offers, seconds, load, os.getpid())
    return load.rates[0], load.p99[0]


def in_bulk(port: int, tokens: Sequence[str], offers: Sequence[str], seconds: int, load: Load, pid: int) -> None:
    """One run of bulk requests. Ends the program when any line was not placed."""
    busy, started = cpu_seconds(pid), time.monotonic()
    orders = place_in_bulk((HOST, port), tokens, offers, BULK_CONNECTIONS, BULK_LINES, seconds)
    load.rates.append(orders / (time.monotonic() - started))
    load.orders += orders
    load.cpu_seconds += cpu_seconds(pid) - busy


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
    }


def load_market(
    environment: dict[str, str], *, buyers: int = BUYERS + 1, vendors: int = VENDORS
) -> tuple[list[str], list[str], str]:
    """Migrate and fill the scratch database in a process of its own: buyers' tokens, offers, one more buyer's token."""
    command = [sys.executable, "-m", "benchmarks.market", *map(str, (buyers, vendors, PRICE, FUNDS))]
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
        deadline = time.monotonic() + 60
        # It listens before its workers have loaded the program.
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("gunicorn did not start.")
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and its children have used so far."""
    ticks = 0
    for process in [pid, *children(pid)]:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://{HOST}:{port}/healthz", timeout=20).status_code == 200
    except httpx.HTTPError:
        return False


def check(database_url: str) -> None:
    """After the run every fen is where the orders say it is."""
    question = """
        SELECT (SELECT sum(amount) FROM orders_order WHERE state = 'paid'),
               (SELECT sum(balance) FROM ledger_account WHERE kind = 'escrow'),
               (SELECT count(*) FROM orders_order), (SELECT count(*) FROM orders_orderterms),
               (SELECT count(*) FROM orders_order WHERE group_id IS NULL)
                   + 1000 * (SELECT count(*) FROM api_idempotentreply WHERE operation = 'orders.bulk'),
               (SELECT count(*) FROM outbox_job WHERE kind = 'delivery.deliver'),
               (SELECT count(*) FROM audit_auditevent WHERE name = 'order.placed')
    """
    with psycopg.connect(database_url) as connection:
        ordered, held, *counts = connection.execute(question).fetchone()
    if ordered != held or len(set(counts)) != 1:
        raise SystemExit(f"The books do not agree: {ordered} ordered, {held} in escrow, rows {counts}")
