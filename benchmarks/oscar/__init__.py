"""Orders placed by the service layer alone, against django-oscar's on the same PostgreSQL: one process each, no HTTP.

An order of ours moves money under a lock, freezes and hashes its terms, leaves evidence and asks for its delivery; one
of django-oscar's makes a basket and writes order, line, price and payment. Both are one durable transaction.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.orders import production_environment, scratch_database

HERE = Path(__file__).parent
VAR_DIR = Path(os.environ.get("QIANSHU_VAR_DIR") or HERE.parents[1] / "var")
ROUNDS = 5
GOAL = 20


class Placer:
    """A process that places orders for as long as it is told to."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.statements = self._answer()["statements"]
        self.orders, self.busy = 0, 0.0

    def rate(self, seconds: float) -> float:
        """Orders a second over about that many seconds."""
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        done = self._answer()
        self.orders += done["orders"]
        self.busy += done["busy"]
        return done["orders"] / done["seconds"]

    @property
    def processor_ms(self) -> float:
        """Processor time of the process itself for one order: what other programs on the machine hardly change."""
        return round(1000 * self.busy / self.orders, 2)

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} ended with {self.process.wait()}")
        return json.loads(line)


def run(seconds: int) -> None:
    """Measure in turn, so that both meet the same machine; the median of each counts."""
    facts = results.machine()
    program = shop_python()
    with scratch_database("qianshu_bench") as ours_url, scratch_database("qianshu_bench_oscar") as oscar_url:
        ours_environment = production_environment(ours_url)
        shop_environment = {
            **os.environ,
            "DATABASE_URL": oscar_url,
            "DJANGO_SETTINGS_MODULE": "shop_settings",
            "PYTHONPATH": str(HERE / "shop"),
        }
        with (
            placer([sys.executable, "-m", "benchmarks.oscar.ours"], ours_environment) as ours,
            placer([program, "-m", "shop_orders"], shop_environment) as shop,
        ):
            rates: dict[str, list[float]] = {"ours": [], "oscar": []}
            for _round in range(ROUNDS):
                rates["oscar"].append(shop.rate(seconds))
                rates["ours"].append(ours.rate(seconds))
            facts |= {
                "rounds": {name: [round(rate, 1) for rate in values] for name, values in rates.items()},
                "statements_per_order": {"ours": ours.statements, "oscar": shop.statements},
                "processor_ms_per_order": {"ours": ours.processor_ms, "oscar": shop.processor_ms},
            }
    results.write(
        "oscar",
        [
            results.Measure(
                "orders by the service layer, one process",
                statistics.median(rates["ours"]),
                "orders/s",
                "django-oscar 4.2 by its service layer, one process (orders/s)",
                statistics.median(rates["oscar"]),
                GOAL,
            )
        ],
        facts,
    )


def shop_python() -> Path:
    """The interpreter of the shop's own virtual environment under ``var/``, made when it is not there or outdated.

    It is of the same build as ours: builds of one version differ by a sixth and more.
    """
    wanted = f"# Python {sys.version}\n{(HERE / 'requirements.txt').read_text()}"
    folder = VAR_DIR / "oscar"
    program, installed = folder / "bin" / "python", folder / "installed.txt"
    if not installed.exists() or installed.read_text() != wanted:
        venv.create(folder, with_pip=True, clear=True)
        options = ["--quiet", "--disable-pip-version-check", "--requirement", HERE / "requirements.txt"]
        subprocess.run([program, "-m", "pip", "install", *options], check=True)
        installed.write_text(wanted)
    return program


@contextlib.contextmanager
def placer(command: list[Any], environment: dict[str, str]) -> Iterator[Placer]:
    """The process, ready to place orders."""
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
    )
    try:
        yield Placer(process)
    finally:
        process.terminate()
        process.wait()
