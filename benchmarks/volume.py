"""Does the exchange stay quick when ten million orders lie behind it? Two databases, one of them full, in turn."""

import itertools
import statistics
import time

import httpx

from benchmarks import history, results
from benchmarks.client import place_in_bulk
from benchmarks.orders import (
    BULK_CONNECTIONS,
    HOST,
    load_market,
    orders_per_second,
    production_environment,
    scratch_database,
    web_server,
)

ORDERS = 10_000_000
ROUNDS = 5
PAGES = 200
LINES = 100


def run(seconds: int) -> None:
    """Measure the empty and the full database in turn, so that both meet the same machine."""
    facts = results.machine()
    with scratch_database("qianshu_bench") as empty, scratch_database("qianshu_bench_full") as full:
        environments = [production_environment(url) for url in (empty, full)]
        markets = [load_market(environment) for environment in environments]
        with web_server(environments[0]) as (empty_port, _pid), web_server(environments[1]) as (full_port, _pid):
            ports = (empty_port, full_port)
            for port, (tokens, offers, _hot) in zip(ports, markets, strict=True):
                # A full page in every buyer's list, or the empty side would have less to tell.
                place_in_bulk((HOST, port), tokens, offers, BULK_CONNECTIONS, LINES, 10)
            history.load(full, ORDERS)
            rates: tuple[list[float], list[float]] = ([], [])
            lists: tuple[list[float], list[float]] = ([], [])
            for _round, side in itertools.product(range(ROUNDS), (0, 1)):
                tokens, offers, _hot = markets[side]
                rates[side].append(orders_per_second(ports[side], tokens, offers, seconds)[0])
                lists[side].append(list_p95(ports[side], tokens))
    facts |= {"orders_there": ORDERS, "rounds": {"empty": rates[0], "full": rates[1], "list_p95_ms": lists}}
    median = statistics.median
    results.write(
        "volume",
        [
            results.Measure(
                f"orders over HTTP with {ORDERS:,} there",
                median(rates[1]),
                "orders/s",
                "the same with an empty database (orders/s)",
                median(rates[0]),
                0.9,
            ),
            results.Measure(
                f"order list p95 with {ORDERS:,} there",
                median(lists[1]),
                "ms",
                "the same with an empty database (ms)",
                median(lists[0]),
                1.2,
                is_ceiling=True,
            ),
        ],
        facts,
    )


def list_p95(port: int, tokens: list[str]) -> float:
    """Milliseconds within which 95 of 100 first pages of buyers' order lists come."""
    took = []
    with httpx.Client(base_url=f"http://{HOST}:{port}") as client:
        for _page, token in zip(range(PAGES), itertools.cycle(tokens)):
            started = time.perf_counter()
            answer = client.get("/api/v1/orders", headers={"Authorization": f"Bearer {token}"})
            took.append(1000 * (time.perf_counter() - started))
            if answer.status_code != 200:
                raise SystemExit(f"The list answered {answer.status_code}: {answer.text}")
    return statistics.quantiles(took, n=20)[18]
