"""A figure that comes from a process of its own: its memory is nobody else's, and it begins with a fresh connection."""

import json
import resource
import subprocess
import sys
from collections.abc import Generator


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


def peak_mib() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
