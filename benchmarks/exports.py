"""A million transactions exported: how fast, beside the obvious way, and in how much memory, beside ten thousand.

The obvious way is a server-side cursor over the same SELECT, its rows written by Python's csv module. Each figure comes
from a process of its own, so that one's memory is not counted as another's. ``ROWS`` in the environment says how many.
"""

import os

from benchmarks import processes, results
from benchmarks.orders import production_environment, scratch_database

MANY, FEW = int(os.environ.get("ROWS", 1_000_000)), 10_000
SPEED_GOAL = 1.5
MEMORY_GOAL = 0.9


def run(seconds: int) -> None:
    """``seconds`` does not matter: the work is what it is."""
    facts = results.machine()
    with scratch_database("qianshu_bench_exports") as url:
        environment = production_environment(url)

        def ask(*arguments: object) -> dict:
            return processes.ask("benchmarks.exporting", environment, *arguments)

        ask("load", MANY, FEW)
        many, few, naive = ask("many", MANY), ask("few", FEW), ask("naive", MANY)
        pages = ask("dashboards")
    facts |= {"file_mib": many["bytes"] // 2**20, "seconds": many["seconds"], "peak_mib": many["peak_mib"]}
    facts |= {"first_page_ms": pages}
    results.write(
        "exports",
        [
            results.Measure(
                "rows exported",
                MANY / many["seconds"],
                "rows/s",
                "server-side cursor and Python's csv (rows/s)",
                MANY / naive["seconds"],
                SPEED_GOAL,
            ),
            results.Measure(
                f"peak memory for {FEW} rows", few["peak_mib"], "MiB", f"for {MANY} rows", many["peak_mib"], MEMORY_GOAL
            ),
        ],
        facts,
    )
