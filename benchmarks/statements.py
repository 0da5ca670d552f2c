"""A bank statement of 100,000 lines imported and matched, beside lxml only parsing it; 100,000 payments written.

Each round has a statement of its own, an entry as long as banks write it (a kilobyte): three fifths are deposits of a
thousand buyers, a third confirms payouts, the rest is left in doubt. Three parses and the import take turns in one
process, so that a busy machine is busy for all.

The yardstick "bare parse" is taken in three ways, and all are told. One parse finds each entry and reads of it the
facts that an import needs: without that nothing can be imported. One is the plain ``iterparse``, which hands every
element to Python. The last one hands over the entries alone and reads nothing, and so is the barest there can be.
Payments are written as a stream, beside the same built as a tree; one process each, the median of the rounds.

``LINES`` and ``ROUNDS`` in the environment say how many; 100,000 and 5 without them.
"""

import os
import statistics
import tempfile
from pathlib import Path

from benchmarks import processes, results
from benchmarks.orders import production_environment, scratch_database

FEW = 1_000
IMPORT_GOAL = round(1 / 3, 4)
MEMORY_GOAL = 0.9
WRITE_GOAL = 1.0


def run(seconds: int) -> None:
    """``seconds`` does not matter: the work is what it is."""
    lines, rounds = int(os.environ.get("LINES", 100_000)), int(os.environ.get("ROUNDS", 5))
    facts = results.machine()
    with scratch_database("qianshu_bench_statements") as url, tempfile.TemporaryDirectory() as folder:
        environment = production_environment(url) | {"EXCHANGE_BANK_ACCOUNT": "6222000000000000001"}

        def ask(*arguments: object) -> dict:
            return processes.ask("benchmarks.at_the_bank", environment, *arguments)

        ask("load", lines, FEW, rounds, folder)
        imported = ask("imports", folder, rounds)
        peaks = {count: ask("import_one", Path(folder) / f"{count}.xml")["peak_mib"] for count in (FEW, lines)}
        written = [{act: ask(act, lines) for act in ("payments", "payments_as_tree")} for _round in range(rounds)]
        few_written = ask("payments", FEW)
    facts |= {"file_mib": imported["mib"], "outcome": imported["outcome"], "rounds": imported["rounds"]}
    facts["rounds"] |= {
        act: [round(each[act]["seconds"], 2) for each in written] for act in ("payments", "payments_as_tree")
    }
    results.write("statements", [*read(lines, imported, peaks), *wrote(lines, written, few_written)], facts)


def read(lines: int, imported: dict, peaks: dict[int, float]) -> list[results.Measure]:
    """How the statements came in."""
    name = f"camt.053 of {lines:,} lines imported and matched"
    rate = lines / imported["import"]
    useful, plain, barest = (lines / imported[parse] for parse in ("parse and read", "parse plainly", "parse"))
    return [
        results.Measure(
            name,
            rate,
            "lines/s",
            "bare parse that finds each entry and reads its facts with lxml (lines/s)",
            useful,
            IMPORT_GOAL,
        ),
        results.Measure(
            f"{name}, beside lxml handing over every element",
            rate,
            "lines/s",
            "plain iterparse, which clears each element unread (lines/s)",
            plain,
            IMPORT_GOAL,
        ),
        results.Measure(
            f"{name}, beside lxml reading nothing",
            rate,
            "lines/s",
            "barest parse, which forgets each entry unread (lines/s)",
            barest,
            IMPORT_GOAL,
        ),
        results.Measure(
            f"processor time of {name}",
            imported["import (processor)"],
            "s",
            "of the bare parse that reads the facts (s)",
            imported["parse and read (processor)"],
            round(1 / IMPORT_GOAL),
            is_ceiling=True,
        ),
        results.Measure(
            f"peak memory importing {FEW:,} lines",
            peaks[FEW],
            "MiB",
            f"importing {lines:,} lines (MiB)",
            peaks[lines],
            MEMORY_GOAL,
        ),
    ]


def wrote(lines: int, written: list[dict], few_written: dict) -> list[results.Measure]:
    """How the payment files went out."""
    rates = {act: lines / statistics.median(each[act]["seconds"] for each in written) for act in written[0]}
    peak = max(each["payments"]["peak_mib"] for each in written)
    return [
        results.Measure(
            f"pain.001 of {lines:,} payments",
            rates["payments"],
            "payments/s",
            "built as a tree with lxml (payments/s)",
            rates["payments_as_tree"],
            WRITE_GOAL,
        ),
        results.Measure(
            f"peak memory writing {FEW:,} payments",
            few_written["peak_mib"],
            "MiB",
            f"writing {lines:,} payments (MiB)",
            peak,
            MEMORY_GOAL,
        ),
    ]
