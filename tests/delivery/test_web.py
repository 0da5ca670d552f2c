"""Downloads through a real gunicorn: clients that break off, resume, and what the server's log says."""

import hashlib
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from accounts import services as accounts
from market.catalog.models import Asset
from market.delivery import links
from market.delivery.models import Entitlement, Receipt
from market.kernel.actors import SYSTEM
from market.outbox.models import Job
from market.outbox.states import JobState
from settings.embedded import free_port
from tests import factories
from tests.delivery.trade import entitled

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 1024 * 1024
CONTENT = hashlib.sha256(b"seed").digest() * (16 * MIB // 32)


@pytest.fixture
def market(clean_redis) -> factories.Market:
    return factories.market()


@pytest.fixture
def asset(market) -> Asset:
    entitlement = entitled(market, {"large.bin": CONTENT})
    return entitlement.revision.assets.get()


@pytest.fixture
def link(asset) -> str:
    entitlement = Entitlement.objects.get()
    token = links.sign(links.Grant(entitlement.id, asset.id, links.expiry()))
    return f"/api/v1/downloads/{token}"


def receipt(wait_until, number: int = 1) -> Receipt:
    """The receipt of the ``number``-th download; it is written just after the last byte."""
    wait_until(lambda: Receipt.objects.count() >= number, "the receipt", seconds=20)
    return Receipt.objects.order_by("id")[number - 1]


def read_and_break_off(web: str, link: str, count: int) -> None:
    """Take ``count`` bytes of the body and reset the connection, as a client that crashes does."""
    address = urlsplit(web)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.sendall(f"GET {link} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
        received = 0
        while received < count:
            received += len(connection.recv(64 * 1024))


def test_whole_file_and_its_receipt(web, link, wait_until):
    response = httpx.get(f"{web}{link}")
    assert response.content == CONTENT
    assert receipt(wait_until).bytes_sent == len(CONTENT)


def test_head_over_a_kept_connection(web, link):
    with httpx.Client() as client:
        head = client.head(f"{web}{link}")
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(CONTENT)))
        assert client.get(f"{web}{link}", headers={"Range": "bytes=-5"}).content == CONTENT[-5:]


def test_client_that_breaks_off_leaves_a_receipt_and_resumes(web, link, wait_until):
    read_and_break_off(web, link, 2 * MIB)
    broken = receipt(wait_until)
    assert broken.bytes_requested == len(CONTENT)
    assert 1 * MIB <= broken.bytes_sent < len(CONTENT)
    etag = httpx.head(f"{web}{link}").headers["ETag"]
    rest = httpx.get(f"{web}{link}", headers={"Range": f"bytes={2 * MIB}-", "If-Range": etag})
    assert (rest.status_code, rest.content) == (206, CONTENT[2 * MIB :])
    resumed = receipt(wait_until, 2)
    assert (resumed.range_start, resumed.bytes_sent) == (2 * MIB, len(CONTENT) - 2 * MIB)


def test_curl_resumes(web, link, tmp_path, wait_until):
    """A program that people use: the half it has is kept, the rest is asked for."""
    part = tmp_path / "large.bin"
    part.write_bytes(CONTENT[: 5 * MIB])
    done = subprocess.run(["curl", "--silent", "--fail", "-C", "-", "-o", part, f"{web}{link}"], timeout=60)
    assert done.returncode == 0
    assert part.read_bytes() == CONTENT
    assert receipt(wait_until).range_start == 5 * MIB


def test_links_are_in_no_log(web, link, market, tmp_path):
    token = link.rpartition("/")[2]
    signature = token.rpartition(":")[2]
    httpx.get(f"{web}{link}", headers={"Range": "bytes=0-9"})
    httpx.get(f"{web}{link}x")
    httpx.get(f"{web}{link}", headers={"Range": "bytes=99999999-"})
    httpx.get(f"{web}{link}", headers={"If-Match": '"another"'})
    httpx.post(f"{web}{link}")
    httpx.get(f"{web}/nowhere{link}")
    log = Path(tmp_path / "web.log").read_text()
    assert "/api/v1/downloads/[link]" in log
    assert signature not in log
    assert token[:60] not in log


@pytest.fixture
def web_without_redis(child_environment, tmp_path, wait_until):
    """A gunicorn whose broker accepts connections and never answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        port = free_port(0)
        redis_url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        command = ["-m", "gunicorn", "settings.wsgi", "--config", "python:settings.gunicorn"]
        with (tmp_path / "deaf.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *command, "--bind", f"127.0.0.1:{port}", "--workers", "1"],
                env=child_environment | {"REDIS_URL": redis_url},
                stdout=log,
                stderr=log,
            )
        address = f"http://127.0.0.1:{port}"

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(listens, "gunicorn to listen", seconds=30)
        yield address
        process.terminate()
        process.wait()


def test_order_placed_while_redis_is_silent_is_delivered_later(market, web_without_redis, start_worker, wait_until):
    secret = accounts.issue_tokens(actor=SYSTEM, memberships=[market.purchaser], name="test")[0]
    for _process in range(4):  # what a busy machine takes to load the code is not what Redis costs an order
        httpx.get(f"{web_without_redis}/api/v1/me", headers={"Authorization": f"Bearer {secret}"}, timeout=30)
    seconds = []
    for number in range(3):
        started = time.monotonic()
        response = httpx.post(
            f"{web_without_redis}/api/v1/orders",
            json={
                "offer": str(market.offer.id),
                "quantity": 1,
                "purpose": "Research.",
                "client_reference": f"SILENT-{number}",
            },
            headers={"Authorization": f"Bearer {secret}", "Idempotency-Key": f"key-{number}"},
            timeout=30,
        )
        seconds.append(time.monotonic() - started)
        assert response.status_code == 201, response.text
    assert max(seconds) < 5, seconds
    delivery_jobs = Job.objects.filter(kind="delivery.deliver")
    assert delivery_jobs.filter(state=JobState.PENDING).count() == 3
    start_worker()
    wait_until(lambda: delivery_jobs.filter(state=JobState.DONE).count() == 3, "all to be delivered", seconds=30)
    assert Entitlement.objects.count() == 3
