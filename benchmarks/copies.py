"""Very many rows like one that the services have made, written by SQL for measurements that need them there."""

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping

from django.db import connection


@contextlib.contextmanager
def triggers_asleep() -> Iterator[None]:
    """No trigger and no foreign key looks at the rows: each is made from one that they have looked at."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET synchronous_commit = off")
        yield
        cursor.execute("RESET session_replication_role")
        cursor.execute("RESET synchronous_commit")


def insert_copies(table: str, like: uuid.UUID, source: str, changed: Mapping[str, str]) -> None:
    """Insert into ``table`` for each row of ``source`` (SQL: what stands after FROM, and a WHERE if it has one) a row
    like that with the key ``like``, but for the columns in ``changed``, which are SQL over ``source``.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} LIMIT 0")  # noqa: S608 (here and below: names and SQL of our own)
        names = [column.name for column in cursor.description]
        values = ", ".join(changed.get(name, f"model.{name}") for name in names)
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(names)})"  # noqa: S608
            f" SELECT {values} FROM (SELECT * FROM {table} WHERE id = '{like}') AS model, {source}"
        )


def at_once(*works: Callable[[], object]) -> None:
    """Do these works side by side, each on a connection of its own, and wait for all of them.

    Raises what the first of them raised that failed.
    """
    failures: list[BaseException] = []

    def perform(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as failure:  # a thread has nobody else to tell
            failures.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=perform, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
