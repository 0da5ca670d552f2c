"""Shared by all tests: real PostgreSQL, real Redis, and real processes where the behaviour depends on them."""

import contextlib
import dataclasses
import gc
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import httpx
import hypothesis
import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils import translation
from playwright.sync_api import Browser, sync_playwright

from settings.embedded import free_port
from tests import emptying, migrated

# How long an example takes says more about the machine's load than about our code.
hypothesis.settings.register_profile("qianshu", deadline=None, stateful_step_count=30)
hypothesis.settings.register_profile("deep", deadline=None, stateful_step_count=30, max_examples=1_000)
hypothesis.settings.load_profile("qianshu")
gc.set_threshold(10_000, 20, 20)

LONGEST = ("machine", "journeys", "demo")
"""Rooms of single tests that take from twenty seconds to two minutes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, or one process would play its hundred histories while the others have nothing left to do."""
    items.sort(key=lambda item: LONGEST.index(room) if (room := item.path.parent.name) in LONGEST else len(LONGEST))


def pytest_collection_finish() -> None:
    """What has been imported and collected by now stays: the garbage collector need not go through it again and again,
    which took every seventh second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix, django_db_blocker) -> None:
    """Each process's database is a copy of one that has been migrated: a second, where migrating takes twenty."""
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = migrated.database()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> Iterator[None]:
    """The test database, which everybody leaves before it is dropped: a killed worker's connection ends after it."""
    with django_db_blocker.unblock():
        emptying.quickly()
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="session", autouse=True)
def nothing_left_from_last_time() -> None:
    """This process's own files and Redis databases outlive it; each run starts without them."""
    shutil.rmtree(settings.VAR_DIR, ignore_errors=True)
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()


@pytest.fixture(autouse=True)
def nothing_cached() -> None:
    """One test's throttles and counters are not another's."""
    cache.clear()


@pytest.fixture(autouse=True)
def nobodys_language() -> None:
    """A request in Chinese leaves its thread in Chinese: the next test begins in the default language."""
    translation.deactivate()


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
        # Several, and no more: each imports the whole exchange before it answers.
        "WEB_CONCURRENCY": "2",
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
        end_group(process)


@pytest.fixture
def web_options() -> list[str]:
    """What ``web`` is told beside its settings."""
    return []


@dataclasses.dataclass
class WebServer:
    """A real gunicorn, with its processes and threads, on the test's database."""

    address: str
    process: subprocess.Popen


@pytest.fixture
def web_server(child_environment, tmp_path, web_options) -> Iterator[WebServer]:
    """It ends with the test."""
    port = free_port(0)
    log = tmp_path / "web.log"
    command = ["-m", "gunicorn", "settings.wsgi", "--config", "python:settings.gunicorn", "--bind", f"127.0.0.1:{port}"]
    command += web_options
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command], env=child_environment, stdout=output, stderr=output, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return httpx.get(f"{address}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(answers, f"{address} to answer; its log is {log}", seconds=30)
        yield WebServer(address, process)
    finally:
        end_group(process)


@pytest.fixture
def web(web_server) -> str:
    """The address of ``web_server``."""
    return web_server.address


@pytest.fixture
def web_process(web_server) -> subprocess.Popen:
    """The process of ``web_server`` that has the others."""
    return web_server.process


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium. Its driver runs an event loop in this thread, hence the word to Django."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
            yield browser
            browser.close()
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def worker(start_worker) -> subprocess.Popen:
    return start_worker()


def end_group(process: subprocess.Popen) -> None:
    """End the process and those it forked: none may outlive the test's database."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(condition: Callable[[], object], what: str = "the condition", seconds: float = 10) -> object:
    deadline = time.monotonic() + seconds
    while not (outcome := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)
    return outcome


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., object]:
    return wait_until
