"""Use reported through the service in reports of 500 records, against a bare COPY of as many rows on the same server.

A record is more than a row: it is looked up by its id, priced, drawn from the prepayment under the meter's lock, added
to its day, and proved by an audit event, all durable when the service returns.
"""

import json
import statistics
import subprocess
import sys

from benchmarks import results
from benchmarks.orders import production_environment, scratch_database

ROUNDS = 5
WANTED = 10_000
GOAL = 0


def run(seconds: int) -> None:
    """Each round is ``seconds`` / 4 of both; the median of each counts."""
    facts = results.machine()
    with scratch_database("qianshu_bench_usage") as url:
        command = [sys.executable, "-m", "benchmarks.reporting", str(seconds / 4), str(ROUNDS)]
        done = subprocess.run(command, env=production_environment(url), capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
    rounds = json.loads(done.stdout.splitlines()[-1])
    copied, recorded = (statistics.median(rounds[name]) for name in ("copied", "recorded"))
    results.write(
        "usage",
        [
            results.Measure("usage records", recorded, "records/s", "wanted (records/s)", WANTED, 1),
            results.Measure("usage records", recorded, "records/s", "bare COPY of 500 rows (rows/s)", copied, GOAL),
        ],
        facts | {"rounds": rounds, "records_a_report": 500, "processes": 1},
    )
