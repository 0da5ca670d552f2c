"""Ten million transfers reconciled: how long, beside reading them once, and in how much memory, beside few of them.

The books hold what that many transfers belong to: orders in several states, charges, captures, batches, payouts, audit
events and a month of closed days. Each figure comes from a process of its own.
"""

import json
import subprocess
import sys

from benchmarks import results
from benchmarks.orders import production_environment, scratch_database

ORDERS, FEW_ORDERS = 2_620_000, 26_200
ALLOWED_SECONDS = 60
TRANSFERS = 10_000_000
MEMORY_GOAL = 0.9


def run(seconds: int) -> None:
    """``seconds`` does not matter: the work is what it is."""
    facts = results.machine()
    found = {}
    for orders in (FEW_ORDERS, ORDERS):
        with scratch_database("qianshu_bench_reconcile") as url:
            environment = production_environment(url)
            loaded = ask(environment, "load", orders)
            found[orders] = loaded | ask(environment, "measure")
    few, many = found[FEW_ORDERS], found[ORDERS]
    if many["transfers"] < TRANSFERS:
        raise SystemExit(f"only {many['transfers']} transfers were loaded")
    facts |= {name: many[name] for name in ("transfers", "seconds", "checks", "scan_seconds", "close_seconds")}
    results.write(
        "reconcile",
        [
            results.Measure(
                "transfers reconciled",
                many["transfers"] / many["seconds"],
                "transfers/s",
                f"ten million in {ALLOWED_SECONDS} s (transfers/s)",
                TRANSFERS / ALLOWED_SECONDS,
                1,
            ),
            results.Measure(
                "time of the raw scan SELECT sum(amount) FROM ledger_transfer",
                many["scan_seconds"],
                "s",
                "time of the whole reconciliation (s)",
                many["seconds"],
                0,
            ),
            results.Measure(
                f"peak memory for {few['transfers']} transfers",
                few["peak_mib"],
                "MiB",
                f"for {many['transfers']} transfers",
                many["peak_mib"],
                MEMORY_GOAL,
            ),
        ],
        facts,
    )


def ask(environment: dict[str, str], *arguments: object) -> dict:
    """What ``benchmarks.reconciling`` says."""
    command = [sys.executable, "-m", "benchmarks.reconciling", *map(str, arguments)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(done.returncode)
    return json.loads(done.stdout.splitlines()[-1])
