"""A bank statement of 100,000 lines imported and matched, beside lxml only parsing it; 100,000 payments written.

Each round has a statement of its own, an entry as long as banks write it (a kilobyte): three fifths are deposits of a
thousand buyers, a third confirms payouts, the rest is left in doubt. The parse and the import take turns in one
process, so that a busy machine is busy for both.
"""

import tempfile
from pathlib import Path

from benchmarks import results
from benchmarks.exports import ask_module
from benchmarks.orders import production_environment, scratch_database

LINES, FEW, ROUNDS = 100_000, 1_000, 5
IMPORT_GOAL = 1 / 3
MEMORY_GOAL = 0.9
WRITE_GOAL = 1.0


def run(seconds: int) -> None:
    """``seconds`` does not matter: the work is what it is."""
    facts = results.machine()
    with scratch_database("qianshu_bench_statements") as url, tempfile.TemporaryDirectory() as folder:
        environment = production_environment(url) | {"EXCHANGE_BANK_ACCOUNT": "6222000000000000001"}

        def ask(*arguments: object) -> dict:
            return ask_module("benchmarks.at_the_bank", environment, *arguments)

        ask("load", LINES, ROUNDS, folder)
        imported = ask("imports", folder, ROUNDS)
        small = ask("import_one", Path(folder) / "small.xml")
        large = ask("import_one", Path(folder) / "last.xml")
        written = ask("payments", LINES)
        written_few = ask("payments", FEW)
        tree = ask("payments_as_tree", LINES)
    facts |= {"file_mib": imported["mib"], "outcome": imported["outcome"], "rounds": imported["rounds"]}
    results.write(
        "statements",
        [
            results.Measure(
                f"camt.053 of {LINES} lines imported and matched",
                LINES / imported["import"],
                "lines/s",
                "lxml parsing the file and reading the same facts of each entry (lines/s)",
                LINES / imported["parse and read"],
                IMPORT_GOAL,
            ),
            results.Measure(
                f"camt.053 of {LINES} lines imported and matched, beside lxml reading nothing",
                LINES / imported["import"],
                "lines/s",
                "lxml parsing the file and forgetting each entry unread (lines/s)",
                LINES / imported["parse"],
                IMPORT_GOAL,
            ),
            results.Measure(
                f"peak memory importing {FEW} lines",
                small["peak_mib"],
                "MiB",
                f"importing {LINES} lines",
                large["peak_mib"],
                MEMORY_GOAL,
            ),
            results.Measure(
                f"pain.001 of {LINES} payments",
                LINES / written["seconds"],
                "payments/s",
                "built as a tree with lxml (payments/s)",
                LINES / tree["seconds"],
                WRITE_GOAL,
            ),
            results.Measure(
                f"peak memory writing {FEW} payments",
                written_few["peak_mib"],
                "MiB",
                f"writing {LINES} payments",
                written["peak_mib"],
                MEMORY_GOAL,
            ),
        ],
        facts,
    )
