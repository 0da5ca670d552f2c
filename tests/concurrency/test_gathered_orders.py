"""Orders that come at once go to the database as one, through a real gunicorn; each is answered for itself."""

import contextlib
import http.client
import io
import json
import os
import signal
import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection

from accounts.models import ApiToken, Membership
from accounts.states import Role
from market.audit.models import AuditEvent
from market.kernel import clock
from market.ledger.models import Account
from market.ledger.states import AccountKind
from market.orders.models import Order, OrderTerms
from tests import factories
from tests.concurrency.together import InBackground, blocked_backends
from tests.conftest import wait_until
from tests.orders.trades import wish

pytestmark = pytest.mark.django_db(transaction=True)
PRICE = 10_000
ORDINARY = "application/json;q=0.9"
"""An ``Accept`` that the express lane leaves to content negotiation."""


class Kept(io.BufferedReader):
    """Outlives the answers that are read from it: what has come of the next one is not lost."""

    def makefile(self, _mode: str) -> "Kept":
        return self

    def close(self) -> None:
        """Not with an answer."""


class Answer:
    """What came back on a connection."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.code, self.headers = response.status, response.headers
        content = response.read()
        self.body: Any = json.loads(content) if content else None


class Buyer:
    """A purchaser of its own organisation, with money for ``orders`` orders, on a connection that is kept."""

    def __init__(self, web: str, market: factories.Market, orders: int = 20) -> None:
        self.market, self.address = market, urlsplit(web)
        self.organization = factories.organization("buyer")
        self.member: Membership = factories.member(self.organization, Role.PURCHASER)
        factories.fund(self.organization, orders * PRICE)
        self.token = factories.bearer(self.member)
        self.connect()

    def connect(self, buffer: int | None = None) -> None:
        """``buffer``: bytes that may have come before somebody reads them."""
        self.socket = socket.socket()
        self.socket.settimeout(30)
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect((self.address.hostname, self.address.port))
        self.received = Kept(socket.SocketIO(self.socket, "r"))

    def request(self, body: object = None, key: str | None = None, **headers: str) -> bytes:
        """The whole request, as it goes over the wire; ``headers`` with ``_`` for ``-``."""
        content = json.dumps(wish(self.market) if body is None else body).encode()
        lines = {
            "Host": self.address.netloc,
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": key or str(uuid.uuid4()),
            "Content-Length": str(len(content)),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"POST /api/v1/orders HTTP/1.1\r\n{head}\r\n".encode() + content

    def send(self, *arguments: Any, **headers: str) -> None:
        self.socket.sendall(self.request(*arguments, **headers))

    def answer(self) -> Answer:
        response = http.client.HTTPResponse(self.received, method="POST")
        response.begin()
        return Answer(response)

    def order(self, *arguments: Any, **headers: str) -> Answer:
        self.send(*arguments, **headers)
        return self.answer()


@pytest.fixture
def web_options() -> list[str]:
    """Orders meet within a process."""
    return ["--workers", "1"]


@pytest.fixture
def market(clean_redis) -> factories.Market:
    return factories.market(price=PRICE)


@pytest.fixture
def buyers(web, market) -> Callable[..., list[Buyer]]:
    """Makes buyers whom the process knows: each has ordered three times."""

    def made(*orders: int) -> list[Buyer]:
        known = [Buyer(web, market, 3 + number) for number in orders]
        for _time in range(3):
            assert [buyer.order().code for buyer in known] == [201] * len(known)
        return known

    return made


@pytest.fixture
def stopped(web, web_process) -> Callable[[], contextlib.AbstractContextManager]:
    """The web server stands still meanwhile, so that all that is sent to it is there at once when it goes on."""

    @contextlib.contextmanager
    def still() -> Iterator[None]:
        os.killpg(web_process.pid, signal.SIGSTOP)
        try:
            wait_until(lambda: states_of_group(web_process.pid) == {"T"}, "the server to stand still")
            yield
        finally:
            os.killpg(web_process.pid, signal.SIGCONT)

    return still


def states_of_group(group: int) -> set[str]:
    """What the kernel says its processes do: ``T`` for stopped (proc(5))."""
    states = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # one that has just ended
            state, _parent, its_group = path.read_text().rpartition(") ")[2].split()[:3]
            states |= {state} if int(its_group) == group else set()
    return states


@contextlib.contextmanager
def locked(buyer: Buyer) -> Iterator[None]:
    """Somebody else has the buyer's wallet."""
    other = connection.copy()
    try:
        other.set_autocommit(False)
        wallet = Account.objects.get(organization=buyer.organization, kind=AccountKind.WALLET)
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM ledger_account WHERE id = %s FOR UPDATE", [wallet.id])
        yield
        other.rollback()
    finally:
        other.close()


def transactions(answers: list[Answer]) -> list[str]:
    """The transaction in which each order was written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id::text, xmin::text FROM orders_order")
        found = dict(cursor.fetchall())
    return [found[answer.body["id"]] for answer in answers]


def test_those_who_meet_are_one_transaction_and_each_has_its_own_answer_evidence_and_terms(buyers, stopped):
    known = buyers(9, 9, 9, 9)
    for _time in range(5):  # the process may be connecting yet
        with stopped():
            for buyer in known:
                buyer.send()
        answers = [buyer.answer() for buyer in known]
        if len(set(transactions(answers))) < len(known):
            break
    else:
        pytest.fail("nobody met anybody")
    for buyer, answer in zip(known, answers, strict=True):
        assert answer.code == 201 and answer.body["buyer"]["id"] == str(buyer.organization.id)
        order = Order.objects.get(id=answer.body["id"])
        assert order.buyer_org_id == buyer.organization.id
        assert OrderTerms.objects.get(order=order).sha256 == answer.body["terms_sha256"] == order.terms_sha256
        proof = AuditEvent.objects.get(name="order.placed", subject_id=order.id)
        assert (proof.request_id, proof.actor_org_id) == (answer.headers["X-Request-ID"], buyer.organization.id)
        placed = Order.objects.filter(buyer_org=buyer.organization).count()
        assert factories.balance(buyer.organization, AccountKind.WALLET) == (12 - placed) * PRICE


def test_what_is_wrong_with_one_is_told_to_that_one_and_the_others_are_placed(buyers, stopped):
    good, poor, barred, twice, again, other = buyers(5, 0, 5, 5, 5, 5)
    ApiToken.objects.filter(membership=barred.member).update(revoked_at=clock.now())
    again.token, body = twice.token, wish(twice.market)
    before = Order.objects.count()
    with stopped():
        for buyer in (good, poor, barred, other):
            buyer.send()
        twice.send(body, "once")
        again.send(body, "other key, same reference")
    answers = [buyer.answer() for buyer in (good, poor, barred, other)]
    assert [answer.code for answer in answers] == [201, 409, 401, 201]
    assert answers[1].body["code"] == "insufficient_funds"
    assert sorted(buyer.answer().code for buyer in (twice, again)) == [201, 409]
    assert Order.objects.count() == before + 3
    assert factories.balance(poor.organization, AccountKind.WALLET) == 0
    assert factories.balance(twice.organization, AccountKind.WALLET) == 4 * PRICE
    assert factories.balance(barred.organization, AccountKind.WALLET) == 5 * PRICE


def test_one_key_at_once_is_one_order(buyers, stopped):
    first, *others = buyers(5, 5, 5, 5)
    body = wish(first.market)
    for buyer in others:
        buyer.token = first.token
    with stopped():
        for buyer in (first, *others):
            buyer.send(body, "once")
    answers = [buyer.answer() for buyer in (first, *others)]
    assert {answer.code for answer in answers} <= {201, 409}
    placed = [answer.body["id"] for answer in answers if answer.code == 201]
    assert len(set(placed)) == 1
    assert first.order(body, "once").body["id"] == placed[0]
    assert factories.balance(first.organization, AccountKind.WALLET) == 4 * PRICE


def test_an_order_whose_wallet_is_locked_holds_up_nobody_else(buyers):
    held, other = buyers(5, 5)
    with locked(held):
        held.send()
        wait_until(lambda: blocked_backends() == 1)
        assert [other.order().code for _order in range(3)] == [201, 201, 201]
    assert held.answer().code == 201


def test_the_main_thread_and_a_thread_answer_alike(buyers):
    (buyer,) = buyers(9)
    quick, slow = buyer.order(), buyer.order(Accept=ORDINARY)
    assert quick.code == slow.code == 201 and quick.body.keys() == slow.body.keys()
    assert sorted(quick.headers) == sorted(slow.headers)
    for name in set(quick.headers) - {"Location", "X-Request-ID", "Content-Length", "Date"}:
        assert quick.headers[name] == slow.headers[name]
    chinese = buyer.order(Accept_Language="zh-hans")
    assert chinese.headers["Content-Language"] == "zh-hans"


def test_however_a_request_arrives_it_is_answered(buyers):
    (buyer,) = buyers(20)
    whole = buyer.request()
    for cut in (5, whole.index(b"\r\n\r\n") + 4, len(whole) - 1):
        request = buyer.request()
        buyer.socket.sendall(request[:cut])
        buyer.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            buyer.socket.recv(1)
        buyer.socket.settimeout(30)
        buyer.socket.sendall(request[cut:])
        assert buyer.answer().code == 201
    buyer.socket.sendall(buyer.request() + buyer.request())
    assert buyer.answer().code == 201
    assert buyer.answer().code == 201
    large = wish(buyer.market, purpose="p" * 1000 + " " * 30_000)
    assert buyer.order(large).code == 422
    assert buyer.order({"offer": 7}).code == 422
    buyer.send(Content_Length="x")
    assert buyer.socket.recv(100).startswith(b"HTTP/1.1 400 ")


def test_who_asks_to_be_told_or_to_be_left_is(buyers):
    (buyer,) = buyers(9)
    head, _end, body = buyer.request(Expect="100-continue").partition(b"\r\n\r\n")
    buyer.socket.sendall(head + b"\r\n\r\n")
    assert buyer.socket.recv(100).startswith(b"HTTP/1.1 100 ")
    buyer.socket.sendall(body)
    assert buyer.answer().code == 201
    buyer.send(Connection="close")
    assert buyer.answer().headers["Connection"] == "close"
    assert buyer.socket.recv(1) == b""


def test_who_hangs_up_has_ordered_and_learns_it_by_asking_again(buyers, stopped, web):
    gone, other = buyers(5, 5)
    body = wish(gone.market)
    with stopped():
        gone.send(body, "once")
        gone.socket.close()
        other.send()
    assert other.answer().code == 201
    gone.connect()
    assert gone.order(body, "once").code == 201
    assert factories.balance(gone.organization, AccountKind.WALLET) == 4 * PRICE


def test_who_sends_much_and_reads_late_holds_up_nobody_and_has_every_answer_in_the_end(buyers):
    slow, other = buyers(301, 5)
    slow.connect(buffer=4096)
    assert slow.order().code == 201
    keys = [f"{number}" for number in range(300)]
    sending = InBackground(lambda: [slow.send(None, key) for key in keys])
    assert [other.order().code for _order in range(3)] == [201, 201, 201]
    answers = [slow.answer() for _key in keys]
    sending.wait()
    assert {answer.code for answer in answers} == {201}
    assert len({answer.body["id"] for answer in answers}) == len(keys)


def test_connections_that_the_database_has_ended_are_replaced(buyers):
    (buyer,) = buyers(20)
    parameters = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(**{name: parameters[name] for name in names if name in parameters}) as other:
        other.execute(
            """
            SELECT pg_terminate_backend(pid, 5000)
              FROM pg_stat_activity
             WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)
            """,
            [connection.connection.info.backend_pid],
        )
    codes = [buyer.order().code for _order in range(5)]
    assert codes[1:] == [201] * 4


def test_nothing_that_was_answered_is_lost_when_the_server_ends(buyers, web_process):
    known = buyers(20, 20, 20, 20)
    placed = []
    for number in range(8):
        with contextlib.suppress(OSError, http.client.HTTPException):  # it has ended
            for buyer in known:
                buyer.send()
            if number == 4:
                os.kill(web_process.pid, signal.SIGTERM)
            for buyer in known:
                answer = buyer.answer()
                assert answer.code == 201
                placed.append(answer.body["id"])
    assert len(placed) >= 20, "who had asked before the end is answered"
    assert Order.objects.filter(id__in=placed).count() == len(set(placed)) == len(placed)
