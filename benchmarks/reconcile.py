"""Ten million transfers reconciled: how long, beside reading them once, and in how much memory, beside few of them.

The books hold what that many transfers belong to: orders in several states, charges, captures, batches, payouts, audit
events and a month of closed days. Each figure comes from a process of its own, once: it takes as long as it takes.
``TRANSFERS`` in the environment says how many; ten million without it.
"""

import os

from benchmarks import processes, results
from benchmarks.orders import production_environment, scratch_database

ORDERS_A_TRANSFER = 0.262
ALLOWED_SECONDS, ALLOWED_FOR = 60, 10_000_000
FEW = 100_000
MEMORY_GOAL = 0.9


def run(seconds: int) -> None:
    """``seconds`` does not matter: the work is what it is."""
    facts = results.machine()
    transfers = int(os.environ.get("TRANSFERS", ALLOWED_FOR))
    few, many = reconciled(FEW), reconciled(transfers)
    if many["transfers"] < transfers:
        raise SystemExit(f"only {many['transfers']} transfers were loaded")
    facts |= {name: many[name] for name in many if name != "peak_mib"}
    results.write(
        "reconcile",
        [
            results.Measure(
                "transfers reconciled",
                many["transfers"] / many["seconds"],
                "transfers/s",
                f"{ALLOWED_FOR:,} in {ALLOWED_SECONDS} s (transfers/s)",
                ALLOWED_FOR / ALLOWED_SECONDS,
                1,
            ),
            results.Measure(
                "time of the whole reconciliation",
                many["seconds"],
                "s",
                "of the raw scan SELECT sum(amount) FROM ledger_transfer (s)",
                many["scan_seconds"],
            ),
            results.Measure(
                f"peak memory for {few['transfers']:,} transfers",
                few["peak_mib"],
                "MiB",
                f"for {many['transfers']:,} transfers (MiB)",
                many["peak_mib"],
                MEMORY_GOAL,
            ),
        ],
        facts,
    )


def reconciled(transfers: int) -> dict:
    """A database with that many, what its loading took and what its reconciliation took."""
    with scratch_database("qianshu_bench_reconcile") as url:
        environment = production_environment(url)
        loaded = processes.ask("benchmarks.reconciling", environment, "load", int(transfers * ORDERS_A_TRANSFER))
        return loaded | processes.ask("benchmarks.reconciling", environment, "measure")
