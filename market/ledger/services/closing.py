"""Shutting the books of past business days, and keeping what unguarded accounts held at their end."""

import datetime
import time

from django.db import connection, transaction
from django.utils.translation import gettext as _

from market.kernel import clock
from market.kernel.errors import InvalidInput
from market.ledger.errors import BooksBusy
from market.ledger.models import BalanceSnapshot, ClosedDay

PATIENCE = 20
"""Seconds to wait for postings that began before a day was closed."""

BALANCES_AT_END = """
SELECT account.id, coalesce(last.balance, 0) + moved.amount
  FROM ledger_account AS account
  LEFT JOIN LATERAL (
        SELECT balance, ends_at FROM ledger_balancesnapshot
         WHERE account_id = account.id AND day < %(day)s ORDER BY day DESC LIMIT 1
       ) AS last ON true
 CROSS JOIN LATERAL (
        SELECT sum(amount) AS amount
          FROM (
                SELECT amount FROM ledger_transfer
                 WHERE credit_account_id = account.id
                   AND posted_at >= coalesce(last.ends_at, '-infinity') AND posted_at < %(ends_at)s
                UNION ALL
                SELECT -amount FROM ledger_transfer
                 WHERE debit_account_id = account.id
                   AND posted_at >= coalesce(last.ends_at, '-infinity') AND posted_at < %(ends_at)s
               ) AS leg
       ) AS moved
 WHERE account.balance IS NULL AND moved.amount IS NOT NULL
"""


def close_books(*, through: datetime.date) -> list[ClosedDay]:
    """Close every business day up to ``through`` that is still open, oldest first; the first ever closes all before it.

    From then on nothing can be posted into these days, and the balances of unguarded accounts at the end of each are
    kept. Trade goes on meanwhile. Called again, or by two at once, it does what is left to do. Returns the days that
    this call closed or finished.

    Raises ``InvalidInput`` for a day that is not over, ``BooksBusy`` when a posting that began before takes too long to
    end: nothing is lost, call again.
    """
    if through >= clock.business_date():
        raise InvalidInput(errors={"/day": _("That day is not over yet.")})
    last = ClosedDay.objects.order_by("-day").values_list("day", flat=True).first()
    first = through if last is None else last + datetime.timedelta(days=1)
    days = [first + datetime.timedelta(days=number) for number in range((through - first).days + 1)]
    ends = {day: clock.business_midnight(day + datetime.timedelta(days=1)) for day in days}
    ClosedDay.objects.bulk_create([ClosedDay(day=day, ends_at=ends[day]) for day in days], ignore_conflicts=True)
    unfinished = list(ClosedDay.objects.filter(snapshots_at=None).order_by("day"))
    if unfinished:
        _await_earlier_postings()
    for closed in unfinished:
        _keep_balances(closed)
    return unfinished


def _await_earlier_postings() -> None:
    """Wait for every transaction that may have looked at the closed days before the last of them was committed.

    Whoever posts holds a lock on the table from before its look until it ends. Those who take theirs later see the day
    closed, so only who holds one now is waited for; nobody waits for us.
    """
    earlier = _posting_now()
    until = time.monotonic() + PATIENCE
    while earlier := earlier & _posting_now():
        if time.monotonic() > until:
            raise BooksBusy(_("Try again in a minute."))
        time.sleep(0.1)


def _posting_now() -> set[str]:
    """The transactions, besides our own, that have begun to write transfers."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT virtualtransaction
              FROM pg_locks
             WHERE locktype = 'relation' AND relation = 'ledger_transfer'::regclass AND granted
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND mode = 'RowExclusiveLock' AND pid IS DISTINCT FROM pg_backend_pid()
            """
        )
        return {transaction_id for (transaction_id,) in cursor.fetchall()}


def _keep_balances(closed: ClosedDay) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(BALANCES_AT_END, {"day": closed.day, "ends_at": closed.ends_at})
            balances = cursor.fetchall()
        BalanceSnapshot.objects.bulk_create(
            [
                BalanceSnapshot(account_id=key, day=closed.day, ends_at=closed.ends_at, balance=int(balance))
                for key, balance in balances
            ],
            batch_size=1_000,
            ignore_conflicts=True,
        )
        closed.snapshots_at = clock.now()
        ClosedDay.objects.filter(id=closed.id, snapshots_at=None).update(snapshots_at=closed.snapshots_at)
