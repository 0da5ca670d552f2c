"""Taking a guard out of the test's own database for a while, to show what it guards against."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


def _run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def _one(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@contextmanager
def without_constraint(table: str, name: str, repair: str = "") -> Iterator[None]:
    """The table without one constraint; ``repair`` is run before the constraint comes back."""
    definition = _one(f"SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '{name}'")
    _run(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    try:
        yield
    finally:
        if repair:
            _run(repair)
        _run(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


@contextmanager
def without_index(name: str, repair: str = "") -> Iterator[None]:
    """The database without one (unique) index; ``repair`` is run before it comes back."""
    definition = _one(f"SELECT pg_get_indexdef('{name}'::regclass)")
    _run(f"DROP INDEX {name}")
    try:
        yield
    finally:
        if repair:
            _run(repair)
        _run(definition)


@contextmanager
def with_function_changed(name: str, old: str, new: str) -> Iterator[None]:
    """A PostgreSQL function with ``old`` in its body replaced by ``new``."""
    definition = _one(f"SELECT pg_get_functiondef('{name}'::regproc)")
    changed = definition.replace(old, new)
    assert changed != definition, f"{old!r} does not stand in {name}"
    _run(changed)
    try:
        yield
    finally:
        _run(definition)


@contextmanager
def without_triggers(table: str) -> Iterator[None]:
    """The table without its own triggers (foreign keys stay)."""
    _run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    try:
        yield
    finally:
        _run(f"ALTER TABLE {table} ENABLE TRIGGER USER")
