"""What only one transaction of the whole exchange may do at a time."""

from django.db import connection


def alone(name: str) -> None:
    """Wait until no other transaction holds ``name``, and hold it until this one ends.

    Raises ``RuntimeError`` outside a transaction: the lock would be gone at once.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("alone needs an open transaction")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"settlement.{name}"])
