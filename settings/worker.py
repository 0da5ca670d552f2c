"""gunicorn's worker with threads, whose main thread answers the express lane itself."""

import dataclasses
import functools
import gc
import io
import logging
import math
import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from django.core.handlers.wsgi import WSGIRequest
from gunicorn import SERVER
from gunicorn.http import wsgi
from gunicorn.http.errors import ParseException
from gunicorn.http.parser import RequestParser
from gunicorn.util import http_date
from gunicorn.workers.gthread import TConn, ThreadWorker

from market.kernel.direct import Line
from market.kernel.gathering import Gathering

if TYPE_CHECKING:
    from settings.middleware import Exchange

log = logging.getLogger(__name__)

LOOKED_AT = 16 * 1024
"""Bytes of a request that are looked at. A longer one goes to a thread."""

RECONNECT_SECONDS = 1.0

GARBAGE = 10_000
"""So many more objects than before are there when it is time to look for garbage among them (Python's own: 700)."""

KEPT: Future = Future()
"""What a thread comes to that has answered, when the connection may be used again."""
KEPT.set_result(True)


@dataclasses.dataclass(frozen=True, slots=True)
class Taken:
    """A request that the main thread answers. Its ``size`` in bytes is still on the connection."""

    connection: TConn
    size: int
    exchange: "Exchange"


class LaneWorker(ThreadWorker):
    """The main thread, which waits for all connections anyway, puts into one statement what the requests of the express
    lane insert that come at once. It never waits for the database: the database's is one of the connections.

    It only looks at a request, and takes it off its connection when it is answered. Whatever is not plain, and whatever
    does not come about as prepared, is found there by a thread as if nobody had looked, and goes the ordinary way.
    """

    def run(self) -> None:
        """gunicorn calls this when the application is loaded."""
        # Models cannot be imported before that, and gunicorn imports this file first.
        from settings.middleware import ExpressLane  # noqa: PLC0415
        from settings.urls import lanes  # noqa: PLC0415

        self.lane = ExpressLane(self.wsgi)
        self.beginnings = tuple(f"{method} {path} HTTP/1.1\r\n".encode() for method, path in lanes)
        self.gathering: Gathering | None = None
        self.connects_after = 0.0
        # Looking for garbage holds up everybody. What has been loaded is none; and a request of a thousand orders makes
        # so many objects, all of which it needs to the end.
        gc.freeze()
        gc.set_threshold(GARBAGE)
        super().run()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """As gunicorn's; what all who were heard have to insert goes out together."""
        super().wait_for_and_dispatch_events(timeout)
        self._on_gathering(Gathering.go)

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Take the request, or hand its connection to a thread."""
        taken = self._taken(conn) if self._may_take(conn) else None
        if taken is None:
            super().on_client_socket_readable(conn, client)
            return
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        prepared = taken.exchange.prepared
        told = functools.partial(self._told, taken)
        self._on_gathering(lambda gathering: gathering.put(prepared.rows, prepared.given, told))

    def _may_take(self, conn: TConn) -> bool:
        if self.gathering is None:
            self._connect()
        return self.gathering is not None and self.alive and not self.cfg.is_ssl and not conn.is_http2

    def _taken(self, conn: TConn) -> Taken | None:
        try:
            seen = conn.sock.recv(LOOKED_AT, socket.MSG_PEEK)
            return self._read(conn, seen) if seen.startswith(self.beginnings) else None
        except (OSError, ParseException, StopIteration):  # a thread will find the same, and say what there is to say
            return None
        except Exception:
            log.exception("The express lane failed; a thread answers.")
            return None

    def _read(self, conn: TConn, seen: bytes) -> Taken | None:
        parser = RequestParser(self.cfg, iter([seen]), conn.client)
        request = next(parser)
        if request.should_close() or any(name == "EXPECT" for name, _value in request.headers):
            return None
        _response, asked = wsgi.create(request, conn.sock, conn.client, conn.server, self.cfg)
        body = asked["wsgi.input"].read()
        if asked.get("CONTENT_LENGTH") != str(len(body)):
            return None
        asked["wsgi.input"] = io.BytesIO(body)
        exchange = self.lane.prepare(WSGIRequest(asked))
        if exchange is None:
            return None
        return Taken(conn, len(seen) - len(parser.unreader.take_buffered()), exchange)

    def _told(self, taken: Taken, done: bool) -> None:
        """Answer, when what the answer says has come about."""
        conn = taken.connection
        try:
            answer = self._answer(taken) if done else None
        except Exception:
            log.exception("The express lane failed; a thread answers.")
            answer = None
        if answer is None:
            self.enqueue_req(conn)
            return
        try:
            conn.sock.recv(taken.size)
            rest = answer[_sent_at_once(conn.sock, answer) :]
        except OSError:  # the client has gone
            self.nr_conns -= 1
            conn.close()
            return
        self._count()
        if rest:
            self._enqueue(conn, functools.partial(_send, conn.sock, rest))
        else:
            self.finish_request(conn, KEPT)

    def _answer(self, taken: Taken) -> bytes:
        answer = self.lane.conclude(taken.exchange)
        lines = [
            f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}",
            f"Server: {SERVER}",
            f"Date: {_written(int(time.time()))}",
            "Connection: keep-alive",
            *[f"{name}: {value}" for name, value in answer.items()],
            "\r\n",
        ]
        return "\r\n".join(lines).encode("latin-1") + answer.content

    def _count(self) -> None:
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False

    def _enqueue(self, conn: TConn, work: Callable[[], bool]) -> None:
        """``enqueue_req`` of something else than a request."""
        work_done = self.tpool.submit(work)
        work_done.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _on_gathering(self, act: Callable[[Gathering], None]) -> None:
        if self.gathering is None:
            return
        try:
            act(self.gathering)
        except Exception:  # most likely the connection; whatever it was, this thread has everybody's to look after
            log.exception("The express lane lost its way to the database; threads answer.")
            gathering, self.gathering = self.gathering, None
            self.connects_after = time.monotonic() + RECONNECT_SECONDS
            self.poller.unregister(gathering.descriptor)
            gathering.close()

    def _connect(self) -> None:
        """Let a thread connect: that may take its time."""
        if time.monotonic() >= self.connects_after:
            self.connects_after = math.inf
            self.tpool.submit(Line).add_done_callback(lambda made: self.method_queue.defer(self._connected, made))

    def _connected(self, made: Future) -> None:
        if made.exception():
            log.warning("The express lane has no connection to the database; threads answer.")
            self.connects_after = time.monotonic() + RECONNECT_SECONDS
            return
        self.gathering = Gathering(made.result())
        self.poller.register(
            self.gathering.descriptor, selectors.EVENT_READ, lambda _line: self._on_gathering(Gathering.answered)
        )


@functools.lru_cache(maxsize=1)
def _written(moment: int) -> str:
    """A moment, in seconds, as the headers of all answers of that second have it."""
    return http_date(moment)


def _sent_at_once(client: socket.socket, answer: bytes) -> int:
    """Bytes that went without waiting: none, where earlier answers have not been read."""
    try:
        return client.send(answer)
    except BlockingIOError:
        return 0


def _send(client: socket.socket, rest: bytes) -> bool:
    client.setblocking(True)
    client.sendall(rest)
    return True
