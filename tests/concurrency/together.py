"""Many callers at the same moment, each in a thread with a database connection of its own."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection, connections


@contextlib.contextmanager
def without_trigger(table: str, name: str) -> Iterator[None]:
    """The table without that rule of the database inside the block."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {name}")


def together(calls: Iterable[Callable[[], Any]]) -> list[Any]:
    """Start every call at one moment and return their results in order; an exception is a result too."""
    waiting = list(calls)
    results: list[Any] = [None] * len(waiting)
    start = threading.Barrier(len(waiting))

    def run(index: int, call: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            start.wait(timeout=60)
            results[index] = call()
        except Exception as error:  # the test decides what it may be
            results[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in enumerate(waiting)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads), "a caller never came back"
    return results


class Standing:
    """As ``together``, again and again: the threads and their connections stay, for a new connection costs more than
    most calls."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._threads = ThreadPoolExecutor(count, initializer=connection.ensure_connection)

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """Start every call (as many as there are threads) at one moment; an exception is a result too."""
        start = threading.Barrier(self._count)

        def run(call: Callable[[], Any]) -> Any:
            start.wait(timeout=60)
            try:
                return call()
            except Exception as error:  # the test decides what it may be
                return error

        return [running.result(timeout=120) for running in [self._threads.submit(run, call) for call in calls]]

    def close(self) -> None:
        """Leave the database."""
        self.together([connections.close_all] * self._count)
        self._threads.shutdown()


class InBackground:
    """One call in a thread of its own, for a test that holds it up at a lock and looks at what others see."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.result: Any = None
        self._thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self._thread.start()

    def _run(self, call: Callable[[], Any]) -> None:
        try:
            self.result = call()
        except Exception as error:  # the test decides what it may be
            self.result = error
        finally:
            connections.close_all()

    def wait(self) -> Any:
        """Its result."""
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), "the call never came back"
        return self.result


def blocked_backends() -> int:
    """How many connections to this database wait for a lock right now."""
    with connection.cursor() as cursor:
        # Inside a transaction PostgreSQL goes on showing what it showed first.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]
