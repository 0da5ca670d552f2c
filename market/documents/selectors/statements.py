"""An account's statement for a period, out of the ledger: what was there, each movement, what is left.

The opening balance is the sum of what moved before; the closing one is the balance that the ledger keeps less what
moved after. They are told apart by nothing but the movements between, so a statement that adds up proves itself.
"""

import dataclasses
import datetime
import itertools
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from market.documents.errors import StatementDoesNotAddUp
from market.documents.periods import Period
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.errors import NotFound
from market.ledger.models import Account
from market.ledger.selectors import accounts_visible_to
from market.ledger.states import GUARDED, AccountKind

FETCH = 2_000
"""Lines that a file in the making has in memory at a time."""

BY_DAY_UP_TO = 62
"""Days of a period that are drawn one by one; a longer one is drawn by the month."""


@dataclasses.dataclass(frozen=True, slots=True)
class Statement:
    """One account over one period; amounts in fen. ``sold`` is what was captured of the vendor's sales, before
    commission and VAT, which never reach a payable."""

    account: Account
    period: Period
    opening: int
    credited: int
    debited: int
    closing: int
    lines: int
    sold: int = 0
    commission: int = 0
    vat: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether the movements lead from the opening balance to the closing one."""
        return self.opening + self.credited - self.debited == self.closing

    def require_adding_up(self, counted: int | None = None) -> None:
        """Raise ``StatementDoesNotAddUp`` when it does not, or when its lines came to ``counted`` instead."""
        if not self.adds_up or counted not in (None, self.closing):
            raise StatementDoesNotAddUp(_("The operator has to reconcile the books first; then ask again."))


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One movement. ``change`` is > 0 for money that came in; ``balance`` is what was there after it (fen).

    ``reference`` is what people know it by: the order's number, the payout's or the bank's reference. ``gross``,
    ``commission`` and ``vat`` say how a sale was divided into what came in.
    """

    id: uuid.UUID
    posted_at: datetime.datetime
    kind: str
    change: int
    balance: int
    other_account: str
    subject_type: str
    subject_id: uuid.UUID
    reference: str
    counterparty: str
    gross: int | None
    commission: int | None
    vat: int | None


def accounts_with_statements(actor: Actor) -> QuerySet[Account]:
    """The accounts whose statements the actor may read: the own wallet, escrow, payable and receivable; of everybody
    for auditors and operators."""
    return accounts_visible_to(actor).filter(kind__in=GUARDED)


def account_with_statement(actor: Actor, account_id: uuid.UUID) -> Account:
    """One such account. Raises ``NotFound`` also for other organisations' accounts."""
    found = accounts_with_statements(actor).filter(id=account_id).first()
    if found is None:
        raise NotFound
    return found


# The balance and the movements are read by one statement: they are of one moment.
_TOTALS = """
SELECT account.id, account.balance, coalesce(moved.before, 0)::bigint, coalesce(moved.credited, 0)::bigint,
       coalesce(moved.debited, 0)::bigint, coalesce(moved.later, 0)::bigint, coalesce(moved.lines, 0)
  FROM ledger_account AS account
  LEFT JOIN (
        SELECT account_id,
               sum(change) FILTER (WHERE posted_at < %(begins)s) AS before,
               sum(change) FILTER (WHERE posted_at >= %(begins)s AND posted_at < %(ends)s AND change > 0) AS credited,
               -sum(change) FILTER (WHERE posted_at >= %(begins)s AND posted_at < %(ends)s AND change < 0) AS debited,
               sum(change) FILTER (WHERE posted_at >= %(ends)s) AS later,
               count(*) FILTER (WHERE posted_at >= %(begins)s AND posted_at < %(ends)s) AS lines
          FROM (
                SELECT debit_account_id AS account_id, posted_at, -amount AS change
                  FROM ledger_transfer WHERE debit_account_id = ANY(%(accounts)s)
                 UNION ALL
                SELECT credit_account_id, posted_at, amount
                  FROM ledger_transfer WHERE credit_account_id = ANY(%(accounts)s)
               ) AS side
         GROUP BY account_id
       ) AS moved ON moved.account_id = account.id
 WHERE account.id = ANY(%(accounts)s)
"""

_SOLD = """
SELECT vendor_org_id, currency, sum(gross)::bigint, sum(commission)::bigint, sum(vat)::bigint
  FROM settlement_capture
 WHERE vendor_org_id = ANY(%(vendors)s) AND captured_at >= %(begins)s AND captured_at < %(ends)s
 GROUP BY vendor_org_id, currency
"""


def statements(accounts: Sequence[Account], period: Period) -> list[Statement]:
    """The statement of each account, without its lines: two queries however many."""
    bounds = {"begins": period.begins, "ends": period.ends}
    totals = {key: sums for key, *sums in _rows(_TOTALS, {"accounts": [account.id for account in accounts], **bounds})}
    vendors = [account.organization_id for account in accounts if account.kind == AccountKind.PAYABLE]
    sold = {(vendor, currency): sums for vendor, currency, *sums in _rows(_SOLD, {"vendors": vendors, **bounds})}
    made = []
    for account in accounts:
        balance, opening, credited, debited, later, lines = totals[account.id]
        is_payable = account.kind == AccountKind.PAYABLE
        shares = sold.get((account.organization_id, account.currency), (0, 0, 0)) if is_payable else (0, 0, 0)
        made.append(Statement(account, period, opening, credited, debited, balance - later, lines, *shares))
    return made


def statement(account: Account, period: Period) -> Statement:
    """The statement of one account, without its lines; two queries."""
    return statements([account], period)[0]


# Each arm walks its index from the position on; the joins are by primary key, for the lines asked for only.
_LINES = """
SELECT leg.id, leg.posted_at, leg.kind, leg.change, other.kind, leg.subject_type, leg.subject_id,
       coalesce(sale.number, payout.reference, substring(leg.business_key FROM '^deposit:(.*)$'), ''),
       CASE WHEN party.id IS NOT NULL THEN party.name
            WHEN other.organization_id <> %(organization)s THEN holder.name
            ELSE '' END,
       share.gross, share.commission, share.vat
  FROM (
        (SELECT id, posted_at, kind, -amount AS change, credit_account_id AS other_id, tx_id, subject_type, subject_id,
                business_key
           FROM ledger_transfer
          WHERE debit_account_id = %(account)s AND posted_at >= %(after)s AND posted_at < %(ends)s
            AND (posted_at, id) > (%(after)s, %(after_id)s)
          ORDER BY posted_at, id {limit})
         UNION ALL
        (SELECT id, posted_at, kind, amount, debit_account_id, tx_id, subject_type, subject_id, business_key
           FROM ledger_transfer
          WHERE credit_account_id = %(account)s AND posted_at >= %(after)s AND posted_at < %(ends)s
            AND (posted_at, id) > (%(after)s, %(after_id)s)
          ORDER BY posted_at, id {limit})
         ORDER BY posted_at, id {limit}
       ) AS leg
  JOIN ledger_account AS other ON other.id = leg.other_id
  JOIN accounts_organization AS holder ON holder.id = other.organization_id
  LEFT JOIN orders_order AS sale ON leg.subject_type = 'order' AND sale.id = leg.subject_id
  LEFT JOIN accounts_organization AS party
    ON party.id = CASE sale.buyer_org_id WHEN %(organization)s THEN sale.vendor_org_id ELSE sale.buyer_org_id END
  LEFT JOIN settlement_payout AS payout ON leg.subject_type = 'payout' AND payout.id = leg.subject_id
  LEFT JOIN settlement_capture AS share ON leg.kind = 'capture_net' AND share.id = leg.tx_id
 ORDER BY leg.posted_at, leg.id
"""

# All of an earlier moment is summed out of the index alone; only within the moment itself do keys decide.
_BEFORE = """
SELECT coalesce(sum(change), 0)::bigint
  FROM (
        SELECT -amount AS change FROM ledger_transfer
         WHERE debit_account_id = %(account)s AND posted_at < %(after)s
         UNION ALL
        SELECT amount FROM ledger_transfer
         WHERE credit_account_id = %(account)s AND posted_at < %(after)s
         UNION ALL
        SELECT -amount FROM ledger_transfer
         WHERE debit_account_id = %(account)s AND posted_at = %(after)s AND id <= %(after_id)s
         UNION ALL
        SELECT amount FROM ledger_transfer
         WHERE credit_account_id = %(account)s AND posted_at = %(after)s AND id <= %(after_id)s
       ) AS earlier
"""

_FIRST_KEY = uuid.UUID(int=0)
Position = tuple[datetime.datetime, uuid.UUID]
"""A line's place in the order of a statement: when it was posted, and its key."""


def _bounds(account: Account, period: Period, after: Position | None) -> dict[str, Any]:
    moment, key = after or (period.begins, _FIRST_KEY)
    return {
        "account": account.id,
        "organization": account.organization_id,
        "after": max(moment, period.begins),
        "after_id": key,
        "ends": period.ends,
    }


def page(account: Account, period: Period, *, after: Position | None, size: int) -> list[Line]:
    """At most ``size`` lines that follow ``after`` (the first ones without), oldest first, each with the balance after
    it. Two queries, whatever the size and however far in."""
    bounds = _bounds(account, period, after)
    ((balance,),) = _rows(_BEFORE, bounds)
    return list(_told(balance, _rows(_LINES.format(limit="LIMIT %(size)s"), {**bounds, "size": size})))


def every_line(of: Statement) -> Iterator[Line]:
    """Every line of the statement, oldest first, through a cursor of the database: ``FETCH`` in memory at a time.

    To be read inside the ``one_moment()`` in which the statement was made.
    """
    with connection.chunked_cursor() as cursor:
        cursor.execute(_LINES.format(limit=""), _bounds(of.account, of.period, None))
        batches = iter(lambda: cursor.fetchmany(FETCH), [])
        yield from _told(of.opening, itertools.chain.from_iterable(batches))


def _told(balance: int, rows: Iterator[Sequence[Any]]) -> Iterator[Line]:
    for key, posted_at, kind, change, *rest in rows:
        balance += change
        yield Line(key, posted_at, kind, change, balance, *rest)


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A day, or a month, of a picture: what came in, what went out, and what was there at its end (fen)."""

    label: str
    credited: int
    debited: int
    balance: int


_STEPS = """
SELECT date_trunc({unit}, posted_at AT TIME ZONE 'Asia/Shanghai')::date AS step,
       coalesce(sum(change) FILTER (WHERE change > 0), 0)::bigint,
       coalesce(-sum(change) FILTER (WHERE change < 0), 0)::bigint
  FROM (
        SELECT posted_at, -amount AS change FROM ledger_transfer
         WHERE debit_account_id = %(account)s AND posted_at >= %(begins)s AND posted_at < %(ends)s
         UNION ALL
        SELECT posted_at, amount FROM ledger_transfer
         WHERE credit_account_id = %(account)s AND posted_at >= %(begins)s AND posted_at < %(ends)s
       ) AS leg
 GROUP BY step
"""


def steps(of: Statement) -> list[Step]:
    """The statement in days up to today, or in months when it is longer than ``BY_DAY_UP_TO``; one query."""
    by_day = of.period.days <= BY_DAY_UP_TO
    bounds = {"account": of.account.id, "begins": of.period.begins, "ends": of.period.ends}
    sums = {step: moved for step, *moved in _rows(_STEPS.format(unit="'day'" if by_day else "'month'"), bounds)}
    found, balance, day = [], of.opening, of.period.first if by_day else of.period.first.replace(day=1)
    while day <= min(of.period.last, clock.business_date()):
        credited, debited = sums.get(day, (0, 0))
        balance += credited - debited
        found.append(Step(f"{day:%m-%d}" if by_day else f"{day:%Y-%m}", credited, debited, balance))
        day = day + datetime.timedelta(days=1) if by_day else (day + datetime.timedelta(days=32)).replace(day=1)
    return found


def _rows(statement: str, parameters: dict[str, Any]) -> list[Sequence[Any]]:
    # What the statement does not name must not be sent: PostgreSQL could not tell its type.
    named = {name: value for name, value in parameters.items() if f"%({name})s" in statement}
    with connection.cursor() as cursor:
        cursor.execute(statement, named)
        return cursor.fetchall()
