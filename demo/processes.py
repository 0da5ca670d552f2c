"""A web server, a worker and beat as child processes: real ones, on a free port, gone when the demo is."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

import httpx

PATIENCE = 60
"""Seconds to wait for a process to become ready, or to end."""


class DidNotStart(Exception):
    """A child process ended or stayed silent; the message has the end of its log."""


class Exchange:
    """The running processes of one exchange."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.environment = {**(os.environ if environment is None else environment), "PYTHONUNBUFFERED": "1"}
        self.port = _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._children: dict[str, subprocess.Popen] = {}

    def start_web(self) -> None:
        """Start gunicorn and wait until it says that it is ready to work."""
        bind = ("--bind", f"127.0.0.1:{self.port}")
        self._start("web", "gunicorn", "settings.wsgi", "--config", "python:settings.gunicorn", *bind)
        self._wait("web", self._is_ready)

    def start_workers(self) -> None:
        """Start a Celery worker with two pool processes, and beat."""
        name = f"demo-{os.getpid()}@localhost"
        options = ("--concurrency", "2", "--hostname", name, "--without-gossip", "--without-mingle")
        self._start("worker", "celery", "-A", "settings", "worker", "--loglevel", "INFO", *options)
        schedule = str(self.folder / "celerybeat-schedule")
        self._start("beat", "celery", "-A", "settings", "beat", "--loglevel", "INFO", "--schedule", schedule)
        self._wait("worker", lambda: f"{name} ready" in self._log("worker").read_text(errors="replace"))

    def stop(self) -> None:
        """End every child and its own children, the last started first."""
        for name, child in reversed(self._children.items()):
            if child.poll() is None:
                child.terminate()
            try:
                child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                print(f"{name} does not end; it is killed.", file=sys.stderr)
            # Whatever it started is in its process group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        self._children.clear()

    def _start(self, name: str, module: str, *arguments: str) -> None:
        with self._log(name).open("wb") as log:
            self._children[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                # Ctrl-C is for the demo, which then ends them in order.
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    def _wait(self, name: str, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not is_ready():
            if self._children[name].poll() is not None or time.monotonic() > deadline:
                lines = self._log(name).read_text(errors="replace").splitlines()[-12:]
                raise DidNotStart("\n".join([f"{name} does not start. The end of {self._log(name)}:", *lines]))
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/readyz", timeout=5).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


@contextlib.contextmanager
def exchange(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Exchange]:
    """An exchange with nothing started yet; whatever is started ends with the block, however that ends.

    The children get ``environment``, or this process's own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = signal.signal(signal.SIGTERM, _leave)
    running = Exchange(folder, environment)
    try:
        yield running
    finally:
        running.stop()
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _end_with_parent() -> None:
    """Linux: the child gets SIGTERM when the demo dies without a chance to end it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
