"""Use reported through the service in reports of 500 records, against a bare COPY of as many rows on the same server.

A record is more than a row: it is looked up by its id, priced, drawn from the prepayment under the meter's lock, added
to its day, and proved by an audit event, all durable when the service returns.
"""

import statistics

from benchmarks import processes, results
from benchmarks.orders import production_environment, scratch_database

ROUNDS = 5
WANTED = 10_000


def run(seconds: int) -> None:
    """Each round is ``seconds`` / 4 of both; the median of each counts."""
    facts = results.machine()
    with scratch_database("qianshu_bench_usage") as url:
        rounds = processes.ask("benchmarks.reporting", production_environment(url), seconds / 4, ROUNDS)
    copied, recorded = (statistics.median(rounds[name]) for name in ("copied", "recorded"))
    results.write(
        "usage",
        [
            results.Measure("usage records", recorded, "records/s", "wanted (records/s)", WANTED, 1),
            results.Measure(
                "usage records beside bare rows", recorded, "records/s", "bare COPY of 500 rows (rows/s)", copied
            ),
        ],
        facts | {"rounds": rounds, "records_a_report": 500, "processes": 1},
    )
