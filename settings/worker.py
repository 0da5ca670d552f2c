"""gunicorn's worker with threads, whose threads stay with a busy connection."""

import select

from gunicorn.workers.gthread import TConn, ThreadWorker

STAY_SECONDS = 0.02
"""A client that goes on at once is back by then; and who connects meanwhile need not wait longer."""


class StayingWorker(ThreadWorker):
    """A thread that has answered waits a moment for the next request of the same connection.

    gunicorn hands each connection back to its main thread, which waits for it with the others and wakes a thread again:
    of a short request that is a tenth of the work. A thread stays only while there are not more connections than
    threads, so that nobody waits for a thread that waits.
    """

    def handle(self, conn: TConn) -> object:
        """Whether the connection may be used again, as gunicorn asks."""
        goes_on = super().handle(conn)
        while goes_on is True and self._follows(conn):
            goes_on = super().handle(conn)
        return goes_on

    def _follows(self, conn: TConn) -> bool:
        if not self.alive or self.nr_conns > self.cfg.threads:
            return False
        if conn.parser.unreader.buf.getvalue():
            return True
        waiting = select.poll()
        waiting.register(conn.sock, select.POLLIN)
        return bool(waiting.poll(1000 * STAY_SECONDS))
