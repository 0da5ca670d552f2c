"""Orders of 1,032 vendors captured and settled: how fast, beside a hand-written script with the same postings.

The script does nothing else: no checks, no evidence, one transaction, and its postings are undone before ours begin.
Ours is killed twice, half-way through the captures and half-way through the batches, and begun again each time; what it
comes to must be what the script came to, to the fen. The time lost by that counts. ``ORDERS`` in the environment says
how many; a million without it.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator

from benchmarks import processes, results
from benchmarks.orders import production_environment, scratch_database

SPEED_GOAL = round(1 / 3, 4)
MEMORY_GOAL = 0.9
MIDST = 0.1
"""Seconds after a step until the kill, so that it falls into the next one."""


def run(seconds: int) -> None:
    """``seconds`` does not matter: the work is what it is."""
    orders = int(os.environ.get("ORDERS", 1_000_000))
    facts = results.machine()
    with scratch_database("qianshu_bench_settlement") as url:
        environment = production_environment(url)

        def lines(how: str, *arguments: object) -> Iterator[dict]:
            for line in processes.lines("benchmarks.settling", environment, how, *arguments):
                show(line, orders)
                yield line

        *_, loaded = lines("load", orders)
        *_, script = lines("script")
        steps = [services(lines("services"), act, orders) for act in ("captured", "settled", None)]
        *_, outcome = lines("outcome")
    if outcome["result"] != script["result"]:
        raise SystemExit(f"The script came to {script['result']}, the services to {outcome['result']}")
    report(facts | {"load_seconds": loaded["seconds"]}, orders, script["seconds"], steps, outcome)


def services(lines: Iterator[dict], killed_at: str | None, orders: int) -> dict:
    """What a process came to until it ended, or until it was killed when half of the orders were ``killed_at``."""
    early_mib, line = 0.0, {}
    with contextlib.closing(lines):
        for line in lines:
            if not early_mib and line["done"] * 100 >= orders:
                early_mib = line["peak_mib"]
            if line["act"] == killed_at and line["done"] * 2 >= orders:
                time.sleep(MIDST)
                return line | {"seconds": line["seconds"] + MIDST, "killed_at": killed_at, "early_mib": early_mib}
    return line


def show(line: dict, orders: int) -> None:
    """Where it is, for whoever waits."""
    done = f"{line['done']:,} of {orders:,}" if line["done"] else ""
    print(f"{time.strftime('%H:%M:%S')} {line['act']} {done} after {line['seconds']:.1f} s", file=sys.stderr)


def report(facts: dict, orders: int, script_seconds: float, steps: list[dict], outcome: dict) -> None:
    """Write what was measured."""
    seconds = sum(step["seconds"] for step in steps)
    facts |= {"orders": orders, "script_seconds": script_seconds, "seconds": seconds, "steps": steps}
    facts |= {"result": outcome["result"], "drifted": outcome["drifted"]}
    results.write(
        "settlement",
        [
            results.Measure(
                "orders captured and settled, killed twice on the way",
                orders / seconds,
                "orders/s",
                "hand-written SQL with the same postings (orders/s)",
                orders / script_seconds,
                SPEED_GOAL,
            ),
            results.Measure(
                "peak memory at a hundredth of the captures",
                steps[0]["early_mib"],
                "MiB",
                "when it was killed half-way (MiB)",
                steps[0]["peak_mib"],
                MEMORY_GOAL,
            ),
        ],
        facts,
    )
