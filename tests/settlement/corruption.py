"""Changing the books behind the back of every rule."""

from django.db import connection

from market.settlement.services import reconcile


def sql(statement: str, **parameters) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def corrupt(statements: str, **parameters) -> None:
    """Run the statements with every trigger asleep, as a superuser with bad intentions would."""
    # What the tables still have to check is checked before they go to sleep.
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("SET LOCAL session_replication_role = replica")
    for statement in statements.split(";"):
        sql(statement, **parameters)
    sql("SET LOCAL session_replication_role = origin")
    sql("SET CONSTRAINTS ALL DEFERRED")


def drifted() -> dict[str, set[str]]:
    """Check -> keys of the objects it names."""
    return {
        finding.check.name: {drift.key for drift in finding.drift}
        for finding in reconcile().findings
        if finding.drifted
    }
