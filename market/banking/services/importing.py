"""A bank statement comes in: checked while it is read, and all of it or nothing imported."""

import dataclasses
import hashlib
import itertools
import uuid
from collections.abc import Sequence
from typing import BinaryIO

from django.db import connection, transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from market.audit.models import AuditEvent
from market.audit.services import event
from market.banking import camt
from market.banking.entries import Line
from market.banking.errors import refusal
from market.banking.models import BankLine, BankStatement
from market.banking.selectors import exchange_account
from market.banking.services.matching import STAGE, carry_out, decide, read_names
from market.kernel.actors import Actor
from market.kernel.database import COPIED_NULL, copied_text, insert_together
from market.kernel.money import CURRENCY
from market.ledger.services import posting
from market.settlement.services.payouts import require_treasurer

COPY = """
COPY banking_staged (
    statement_id, entry, detail, bank_reference, is_credit, amount, booked_on, value_on, end_to_end_id,
    remittance_text, party_name, party_account, is_return, return_reason, hint, code, payment_reference
) FROM STDIN
"""
AT_ONCE = 200
"""Lines handed to PostgreSQL in one piece; it takes them in while the next are read."""

FIGURES = ("opened_on", "closed_on", "opening", "credits", "debits", "closing", "line_count")
"""By which a statement that comes again is known to be the same."""

TWICE = """
SELECT bank_reference, array_agg(entry ORDER BY entry)
  FROM banking_staged
 GROUP BY bank_reference
HAVING count(*) > 1
 LIMIT 1
"""

OTHERWISE = """
SELECT staged.entry, staged.bank_reference
  FROM banking_staged AS staged
  JOIN banking_bankline AS line ON line.account = %s AND line.bank_reference = staged.bank_reference
 WHERE (line.is_credit, line.amount, line.booked_on)
       IS DISTINCT FROM (staged.is_credit, staged.amount, staged.booked_on)
 LIMIT 1
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Import:
    """What an import found: the statements of the file, and of their lines, how many were new and came to what."""

    statements: tuple[BankStatement, ...]
    lines: int
    new: int
    by_state: dict[str, int]


class _Digesting:
    """Computes the SHA-256 of what is read through it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self.sha256.update(piece)
        return piece


def import_statement(*, actor: Actor, file: BinaryIO) -> Import:
    """Import every statement of a ``camt.053`` file, and match its lines with deposits and payouts.

    One transaction: whatever is wrong with any of it, nothing has been imported. A line that has been imported before,
    from this file or one that overlaps with it, is left alone. What cannot be matched without a doubt waits for an
    operator.

    Raises ``UnreadableStatement``, ``NoBankAccount``, ``Forbidden``; ``AlreadyPosted`` when somebody books one of the
    deposits by hand at the same moment.
    """
    require_treasurer(actor)
    account = exchange_account()
    source = _Digesting(file)
    with posting(), transaction.atomic():
        _execute(STAGE)
        read = [_stage(actor, found) for found in camt.read(source, account=account, currency=CURRENCY)]
        while source.read(1024 * 1024):  # the digest is of the whole file
            pass
        _refuse_contradictions(account)
        known = _insert_statements(read, source.sha256.hexdigest())
        decide(account=account, currency=CURRENCY)
        counted = _count(read)
        _refuse_additions(known, counted)
        fresh = [statement for statement in read if statement.id not in known]
        carry_out(actor=actor, statement_ids=[statement.id for statement in fresh], currency=CURRENCY)
        insert_together(_proof(actor, statement, counted.get(statement.id, {})) for statement in fresh)
        _execute("DROP TABLE banking_staged")
    return _result(read, known, counted)


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def _stage(actor: Actor, found: camt.Statement) -> BankStatement:
    """Copy a statement's lines into the temporary table as they are read, and return it with its sums."""
    made = BankStatement(
        account=found.account,
        statement_id=found.statement_id,
        currency=found.currency,
        opened_on=found.opened_on,
        closed_on=found.closed_on,
        opening=found.opening,
        closing=found.closing,
        credits=0,
        debits=0,
        line_count=0,
        version=found.version,
        imported_by_id=actor.user_id,
    )
    key = str(made.id)
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(COPY) as copy:
        while lines := list(itertools.islice(found.lines, AT_ONCE)):
            copy.write("".join([_row(key, line) for line in lines]))
            made.line_count += len(lines)
            credits = sum(line.amount for line in lines if line.is_credit)
            made.credits += credits
            made.debits += sum(line.amount for line in lines) - credits
    return made


def _row(statement_id: str, line: Line) -> str:
    """The line as a row in the text format of COPY, which takes a third of the time of handing over values."""
    entry, detail, reference, is_credit, amount, booked_on, value_on, *words, is_return, reason, _is_whole = line
    reference, end_to_end_id, text, name, account, reason = map(copied_text, (reference, *words, reason))
    hint, code, payment_reference = read_names(line)
    value_on = value_on or COPIED_NULL
    return (
        f"{statement_id}\t{entry}\t{detail}\t{reference}\t{is_credit}\t{amount}\t{booked_on}\t{value_on}\t"
        f"{end_to_end_id}\t{text}\t{name}\t{account}\t{is_return}\t{reason}\t{hint}\t{code}\t{payment_reference}\n"
    )


def _refuse_contradictions(account: str) -> None:
    """No reference twice in the file, and none that stood for something else before."""
    with connection.cursor() as cursor:
        cursor.execute(TWICE)
        if found := cursor.fetchone():
            shown = {"reference": found[0], "entries": ", ".join(map(str, found[1][:5]))}
            raise refusal(_("The entries %(entries)s have the same bank reference %(reference)s.") % shown)
        cursor.execute(OTHERWISE, [account])
        if found := cursor.fetchone():
            shown = {"entry": found[0], "reference": found[1]}
            raise refusal(
                _(
                    "Entry %(entry)d: the bank reference %(reference)s has been imported before, with another amount, "
                    "side or day. Ask the bank which is right."
                )
                % shown
            )


def _insert_statements(read: Sequence[BankStatement], file_sha256: str) -> dict[uuid.UUID, BankStatement]:
    """Insert what is new. Returns, by the key each would have had, those that have been imported before.

    Another import of the same statement is waited for. Raises ``UnreadableStatement`` when figures differ.
    """
    for statement in read:
        statement.file_sha256 = file_sha256
    BankStatement.objects.bulk_create(read, ignore_conflicts=True)
    names = [statement.statement_id for statement in read]
    if len(set(names)) < len(names):
        raise refusal(_("The file holds two statements of the same identification (Id)."))
    kept = {
        each.statement_id: each
        for each in BankStatement.objects.filter(account=read[0].account, statement_id__in=names)
    }
    known = {}
    for statement in read:
        before = kept[statement.statement_id]
        if before.id == statement.id:
            continue
        if any(getattr(before, name) != getattr(statement, name) for name in FIGURES):
            raise refusal(
                _("Statement %(statement)s has been imported before with other figures. Ask the bank which are right.")
                % {"statement": statement.statement_id}
            )
        known[statement.id] = before
    return known


def _count(read: Sequence[BankStatement]) -> dict[uuid.UUID, dict[str, int]]:
    """New lines by statement and state."""
    counted: dict[uuid.UUID, dict[str, int]] = {}
    new = BankLine.objects.filter(statement__in=[statement.id for statement in read])
    for key, state, count in new.order_by().values_list("statement_id", "state").annotate(Count("id")):
        counted.setdefault(key, {})[state] = count
    return counted


def _refuse_additions(known: dict[uuid.UUID, BankStatement], counted: dict[uuid.UUID, dict[str, int]]) -> None:
    for key, before in known.items():
        if key in counted:
            raise refusal(
                _("Statement %(statement)s has been imported before without some of these entries.")
                % {"statement": before.statement_id}
            )


def _proof(actor: Actor, statement: BankStatement, counted: dict[str, int]) -> AuditEvent:
    return event(
        "bank_statement.imported",
        actor=actor,
        subject=("bankstatement", statement.id),
        payload={
            "statement": statement.statement_id,
            "opening": statement.opening,
            "credits": statement.credits,
            "debits": statement.debits,
            "closing": statement.closing,
            "currency": statement.currency,
            "lines": statement.line_count,
            "new": counted,
            "file_sha256": statement.file_sha256,
        },
    )


def _result(
    read: Sequence[BankStatement], known: dict[uuid.UUID, BankStatement], counted: dict[uuid.UUID, dict[str, int]]
) -> Import:
    by_state: dict[str, int] = {}
    for states in counted.values():
        for state, count in states.items():
            by_state[state] = by_state.get(state, 0) + count
    return Import(
        statements=tuple(known.get(statement.id, statement) for statement in read),
        lines=sum(statement.line_count for statement in read),
        new=sum(by_state.values()),
        by_state=by_state,
    )
