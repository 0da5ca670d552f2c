"""Row locks, always in primary-key order, never outside a transaction.

Rows of several tables are locked in one order, too, or two acts would wait for each other. First what only one may do
at a time (advisory locks), then the job; then what the act is about: the organisation, the quote, the contract before
its months, the order before its dispute and amendments, the payout before the bank's line; and accounts last, because
whoever posts a transfer locks them with it. The one exception, orders after accounts, is in ``docs/architecture.md``.
"""

from django.db import connection
from django.db.models import QuerySet


def lock_in_order(queryset: QuerySet) -> QuerySet:
    """``queryset`` with its rows locked (``FOR NO KEY UPDATE``) in primary-key order.

    Two callers that lock overlapping sets through here cannot deadlock. The weaker lock lets rows that reference
    these be inserted meanwhile. Raises ``RuntimeError`` outside a transaction: the lock would be gone at once.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("lock_in_order needs an open transaction")
    return queryset.order_by("pk").select_for_update(of=("self",), no_key=True)
