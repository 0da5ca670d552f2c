"""Delivery by real worker processes that are killed, or sleep too long, in the middle of it."""

import os
import signal
from typing import BinaryIO

import pytest

from market.delivery.models import Delivery, Entitlement
from market.delivery.states import DeliveryState
from market.orders.states import OrderState
from market.outbox.states import JobState
from tests import factories
from tests.delivery.trade import asset_of, held_file, job_of, place, put_back, writer_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def market(clean_redis) -> factories.Market:
    return factories.market()


@pytest.fixture(autouse=True)
def impatient(child_environment) -> None:
    child_environment |= {"OUTBOX_LEASE_SECONDS": "2", "OUTBOX_SWEEP_SECONDS": "1", "OUTBOX_REHINT_SECONDS": "1"}


@pytest.fixture
def hold(wait_until):
    """Wait until a worker reads the pipe, which then waits for bytes until the test ends."""
    writers = []

    def holding(pipe) -> BinaryIO:
        writer = wait_until(lambda: writer_for(pipe), "a worker to reach the file", seconds=20)
        writers.append(writer)
        return writer

    yield holding
    for writer in writers:
        writer.close()


def assert_delivered_once(order) -> None:
    order.refresh_from_db()
    assert order.state == OrderState.DELIVERED
    assert Entitlement.objects.filter(order=order).count() == 1
    assert Delivery.objects.get(order=order).state == DeliveryState.HANDED_OVER


def test_killed_worker_group_in_mid_delivery(market, start_worker, hold, wait_until):
    worker = start_worker()
    with held_file(asset_of(order := place(market))) as pipe:
        hold(pipe)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        assert job_of(order).state == JobState.RUNNING
        put_back(asset_of(order))
        start_worker()
        wait_until(lambda: job_of(order).state == JobState.DONE, "another worker to deliver", seconds=20)
        assert_delivered_once(order)
        assert Delivery.objects.get(order=order).attempts == 2
        assert job_of(order).fence == 2


def test_killed_pool_process_in_mid_delivery(market, start_worker, hold, wait_until):
    """Only the process that does the work dies; its worker lives, starts another, and gets its message back."""
    worker = start_worker()
    with held_file(asset_of(order := place(market))) as pipe:
        hold(pipe)
        (child,) = children_of(worker.pid)
        os.kill(child, signal.SIGKILL)
        put_back(asset_of(order))
        wait_until(lambda: job_of(order).state == JobState.DONE, "the same worker to deliver", seconds=20)
        assert_delivered_once(order)
        assert worker.poll() is None


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as listing:
        return [int(child) for child in listing.read().split()]


def test_worker_that_slept_past_its_lease_delivers_nothing(market, start_worker, hold, wait_until):
    worker = start_worker()
    with held_file(asset_of(order := place(market))) as pipe:
        writer = hold(pipe)
        os.killpg(worker.pid, signal.SIGSTOP)
        put_back(asset_of(order))
        start_worker()
        wait_until(lambda: job_of(order).state == JobState.DONE, "the second worker to deliver", seconds=20)
        done = job_of(order)
        writer.write(factories.CONTENT)
        writer.close()
        os.killpg(worker.pid, signal.SIGCONT)
        wait_until(lambda: "outbox.lease_lost" in worker.log.read_text(), "the first worker to see that it is late")
        assert_delivered_once(order)
        assert job_of(order) == done and job_of(order).finished_at == done.finished_at
