"""A figure that comes from a process of its own: its memory is nobody else's, and it begins with a fresh connection."""

import contextlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path


def ask(module: str, environment: dict[str, str], *arguments: object) -> dict:
    """What ``python -m module ARGUMENTS`` prints last, as JSON. What it writes to stderr is shown as it comes."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{module} {arguments} ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def lines(module: str, environment: dict[str, str], *arguments: object) -> Generator[dict]:
    """Each line of JSON of such a process, as it comes. Whoever stops asking kills it, without a word (SIGKILL)."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield from map(json.loads, process.stdout)
        except GeneratorExit:
            process.kill()
            raise
    if process.returncode:
        raise SystemExit(f"{module} {arguments} ended with {process.returncode}")


def database_seconds(backend: int) -> float:
    """Processor time that the PostgreSQL server of this machine with that backend (process id) has used so far.

    What other programs on the machine do to the clock, they hardly do to this.
    """
    server = int(_numbers(backend)[1])
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    ticks = sum(_numbers(server)[11:15])  # its own, and its children's that have ended
    for child in children:
        with contextlib.suppress(FileNotFoundError):
            ticks += sum(_numbers(int(child))[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def _numbers(process: int) -> list[int]:
    """What /proc says of a process after its name (proc(5), ``stat``), the state as 0."""
    _state, *numbers = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return [0, *map(int, numbers)]


def peak_mib() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
