"""The database as empty as migrations left it, after a test that has committed its rows."""

import functools

from django.db import connection
from django.test import TransactionTestCase

STAYS = {"django_migrations", "django_content_type", "auth_permission"}
"""What ``migrate`` writes, the same each time."""


def quickly() -> None:
    """Let every test that commits end in ``_empty``, where the tests' role may do that, and wait for no disk.

    Django truncates every table, which makes hundreds of files anew, and then writes content types and permissions
    again: many times what such a test itself takes.
    """
    with connection.cursor() as cursor:
        # For the processes that tests start too. Nobody here pulls the plug.
        cursor.execute(
            f"ALTER DATABASE {connection.ops.quote_name(connection.settings_dict['NAME'])} SET synchronous_commit = off"
        )
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone() == (True,):
            TransactionTestCase._fixture_teardown = lambda test: _empty()


def _empty() -> None:
    """Delete the rows of the tables that have any, guards and all: triggers and foreign keys look away for so long.

    As ``TRUNCATE`` does, it first waits for those who still write.
    """
    tables, which_have_rows = _statements()
    with connection.cursor() as cursor:
        cursor.execute(f"BEGIN; LOCK TABLE {tables} IN EXCLUSIVE MODE; SET LOCAL session_replication_role = replica")
        cursor.execute(which_have_rows)
        deletions = [f"DELETE FROM {table}" for (table,) in cursor.fetchall()]
        cursor.execute("; ".join([*deletions, "COMMIT"]))


@functools.cache
def _statements() -> tuple[str, str]:
    """All tables in the same order, and the question which of them have rows."""
    names = sorted(set(connection.introspection.table_names()) - STAYS)
    tables = [connection.ops.quote_name(name) for name in names]
    return ", ".join(tables), " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables
    )
