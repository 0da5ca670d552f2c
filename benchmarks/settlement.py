"""Orders of 1,032 vendors captured and settled: how fast, beside a hand-written script with the same postings.

The script does nothing else: no checks, no evidence, one transaction, and its postings are undone before ours begin.
``ORDERS`` in the environment says how many; a million without it.
"""

import os

from benchmarks import results
from benchmarks.exports import ask_module
from benchmarks.orders import production_environment, scratch_database

SPEED_GOAL = round(1 / 3, 4)


def run(seconds: int) -> None:
    """``seconds`` does not matter: the work is what it is."""
    orders = int(os.environ.get("ORDERS", 1_000_000))
    facts = results.machine()
    with scratch_database("qianshu_bench_settlement") as url:
        environment = production_environment(url)

        def ask(how: str) -> dict:
            return ask_module("benchmarks.settling", environment, how, orders)

        ask("load")
        script, services = ask("script"), ask("services")
    facts |= {"orders": orders, "script": script, "services": services}
    results.write(
        "settlement",
        [
            results.Measure(
                "orders captured and settled",
                orders / services["seconds"],
                "orders/s",
                "hand-written SQL with the same postings (orders/s)",
                orders / script["seconds"],
                SPEED_GOAL,
            )
        ],
        facts,
    )
