"""Shared by all tests: real PostgreSQL, real Redis, and real processes where the behaviour depends on them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import redis
from django.conf import settings
from django.db import connection


@pytest.fixture
def clean_redis() -> Iterator[redis.Redis]:
    """This process's own broker database, empty."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
        yield client
        client.flushdb()


@pytest.fixture
def child_environment(transactional_db) -> dict[str, str]:
    """For a process that must see the rows a transactional test has committed."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "settings.test",
        "QIANSHU_TEST_DATABASE": connection.settings_dict["NAME"],
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def start_worker(child_environment, clean_redis, tmp_path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start real Celery workers, each ready to take work when this returns; they end with the test."""
    started: list[subprocess.Popen] = []

    def start(*arguments: str) -> subprocess.Popen:
        name = f"test{len(started)}-{os.getpid()}@localhost"
        log = tmp_path / f"worker-{len(started)}.log"
        command = [sys.executable, "-m", "celery", "-A", "settings", "worker", "--hostname", name]
        options = ["--pool", "prefork", "--concurrency", "1", "--without-gossip", "--without-mingle", *arguments]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, *options], env=child_environment, stdout=output, stderr=output, start_new_session=True
            )
        process.log = log
        started.append(process)
        wait_until(
            lambda: process.poll() is not None or f"{name} ready." in log.read_text(),
            f"{name} to be ready; its log is {log}",
            seconds=30,
        )
        assert process.poll() is None, log.read_text()
        return process

    yield start
    for process in started:
        if process.poll() is None:
            # Its pool processes are in its group, and none may outlive the test's database.
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def worker(start_worker) -> subprocess.Popen:
    return start_worker()


def wait_until(condition: Callable[[], object], what: str = "the condition", seconds: float = 10) -> object:
    deadline = time.monotonic() + seconds
    while not (outcome := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)
    return outcome


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., object]:
    return wait_until
