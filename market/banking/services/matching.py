"""What a line on the statement was: decided for all new lines at once, and never guessed.

The lines of a file stand in a temporary table first. One statement of SQL looks up what they name and inserts those
that are new, each with its decision; what follows from the decisions, money and evidence, is done for the lines
inserted, so that of two imports of one file only the first does anything.
"""

import itertools
import re
import uuid
from collections.abc import Sequence

from django.db import connection
from django.utils.translation import gettext as _

from market.audit.services import insert_events_of
from market.banking.entries import Line
from market.banking.models import BankLine
from market.banking.states import Doubt, LineState
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together
from market.ledger import jobs, remittance
from market.ledger.services import insert_transfers_of
from market.ledger.states import TransferKind
from market.outbox.services import job
from market.settlement.services import bounce_payout, confirm_payouts
from market.settlement.services.payouts import bank_account

PAYMENT_REFERENCE = re.compile(r"(?<![0-9A-Z])QSR?\d{8}[A-Z2-7]{13}(?![0-9A-Z])")
CHUNK = 5_000
"""Payouts confirmed in one statement: however long the bank's statement is, no more keys than these are in memory."""

STAGE = """
CREATE TEMPORARY TABLE banking_staged (
    id uuid DEFAULT audit_uuid7(), statement_id uuid, entry int, detail int, bank_reference text, is_credit bool,
    amount bigint, booked_on date, value_on date, end_to_end_id text, remittance_text text, party_name text,
    party_account text, is_return bool, return_reason text, hint text, code text, payment_reference text
) ON COMMIT DROP
"""

# A payout is locked before anything is decided by its state; in key order, like everywhere.
LOCK_PAYOUTS = """
SELECT payout.id
  FROM settlement_payout AS payout
  JOIN banking_staged AS staged ON staged.payment_reference = payout.reference
 ORDER BY payout.id
   FOR NO KEY UPDATE OF payout
"""

# In the order of the bank's references: two imports of overlapping files wait for each other and cannot deadlock.
DECIDE = """
WITH looked_up AS (
    SELECT staged.*, wallet.organization_id AS buyer_org_id, buyer.state AS buyer_state, posted.id AS posted_id,
           payout.id AS payout_id, payout.amount AS payout_amount, payout.currency AS payout_currency,
           payout.state AS payout_state, returned.amount AS returned_amount,
           row_number() OVER (
               PARTITION BY staged.payment_reference, staged.is_credit, staged.is_return, staged.amount
                   ORDER BY staged.statement_id, staged.entry, staged.detail
           ) AS turn
      FROM banking_staged AS staged
      LEFT JOIN ledger_account AS wallet
        ON wallet.remittance_code = staged.code AND wallet.currency = %(currency)s AND staged.is_credit
      LEFT JOIN accounts_organization AS buyer ON buyer.id = wallet.organization_id
      LEFT JOIN ledger_transfer AS posted
        ON posted.business_key = 'deposit:' || staged.bank_reference AND staged.is_credit
      LEFT JOIN settlement_payout AS payout ON payout.reference = staged.payment_reference
      LEFT JOIN banking_bankline AS returned
        ON returned.return_reference = staged.payment_reference AND returned.return_reference <> ''
           AND NOT staged.is_credit
), doubted AS (
    SELECT *,
           CASE
               WHEN hint <> '' THEN hint
               WHEN payment_reference = '' AND is_return THEN 'reversal'
               WHEN payment_reference = '' AND (code = '' OR NOT is_credit) THEN 'no_code'
               WHEN payment_reference = '' THEN
                   CASE WHEN buyer_org_id IS NULL THEN 'unknown_code'
                        WHEN buyer_state = 'closed' THEN 'closed'
                        WHEN posted_id IS NOT NULL THEN 'already_posted'
                        ELSE '' END
               WHEN payout_id IS NULL AND returned_amount IS NULL THEN 'unknown_reference'
               WHEN NOT is_credit AND is_return THEN 'reversal'
               WHEN is_credit AND NOT is_return THEN 'not_marked'
               WHEN coalesce(returned_amount, payout_amount) <> amount THEN 'amount'
               WHEN payout_currency <> %(currency)s THEN 'amount'
               WHEN turn > 1 THEN 'not_sent'
               WHEN returned_amount IS NOT NULL THEN
                   CASE WHEN EXISTS (
                            SELECT FROM banking_bankline AS other
                             WHERE other.payment_reference = looked_up.payment_reference AND other.state = 'return_paid'
                        ) THEN 'not_sent' ELSE '' END
               WHEN payout_state NOT IN ('sent', 'confirmed') THEN 'not_sent'
               WHEN NOT is_credit AND payout_state = 'confirmed' AND EXISTS (
                        SELECT FROM banking_bankline AS other
                         WHERE other.payout_id = looked_up.payout_id AND other.state = 'confirmed'
                    ) THEN 'not_sent'
               ELSE ''
           END AS doubt
      FROM looked_up
), decided AS (
    SELECT *,
           CASE WHEN doubt <> '' THEN 'waiting'
                WHEN payment_reference = '' THEN 'deposited'
                WHEN is_credit THEN 'bounced'
                WHEN returned_amount IS NOT NULL THEN 'return_paid'
                ELSE 'confirmed'
           END AS state
      FROM doubted
)
INSERT INTO banking_bankline
       (id, statement_id, account, currency, bank_reference, entry, detail, is_credit, amount, booked_on, value_on,
        end_to_end_id, remittance_text, party_name, party_account, is_return, return_reason, code, payment_reference,
        state, doubt, buyer_org_id, payout_id, return_reference, reason, decided_by_id, decided_at)
SELECT id, statement_id, %(account)s, %(currency)s, bank_reference, entry, detail, is_credit, amount, booked_on,
       value_on, end_to_end_id, remittance_text, party_name, party_account, is_return, return_reason, code,
       payment_reference, state, doubt,
       CASE WHEN state = 'deposited' THEN buyer_org_id END,
       CASE WHEN state IN ('confirmed', 'bounced') THEN payout_id END,
       '', '', NULL, CASE WHEN state <> 'waiting' THEN %(now)s::timestamptz END
  FROM decided
 ORDER BY bank_reference
    ON CONFLICT ON CONSTRAINT bank_line_once DO NOTHING
"""

# The wallets and payables that the decisions will move, all at once in key order.
LOCK_ACCOUNTS = """
SELECT account.id
  FROM ledger_account AS account
 WHERE account.id IN (
        SELECT wallet.id
          FROM banking_bankline AS line
          JOIN ledger_account AS wallet ON wallet.remittance_code = line.code
         WHERE line.statement_id = ANY(%(statements)s::uuid[]) AND line.state = 'deposited'
         UNION ALL
        SELECT payable.id
          FROM banking_bankline AS line
          JOIN settlement_payout AS payout ON payout.id = line.payout_id
          JOIN ledger_account AS payable
            ON (payable.organization_id, payable.kind, payable.currency)
             = (payout.vendor_org_id, 'payable', payout.currency)
         WHERE line.statement_id = ANY(%(statements)s::uuid[]) AND line.state = 'bounced'
       )
 ORDER BY account.id
   FOR NO KEY UPDATE
"""

DEPOSITS = """
SELECT line.id, %(bank)s::uuid AS debit_account_id, wallet.id AS credit_account_id, line.amount, line.currency,
       line.id AS subject_id, 'deposit:' || line.bank_reference AS business_key
  FROM banking_bankline AS line
  JOIN ledger_account AS wallet ON wallet.remittance_code = line.code
 WHERE line.statement_id = ANY(%(statements)s::uuid[]) AND line.state = 'deposited'
"""

DEPOSIT_PROOFS = """
SELECT line.id, line.id AS subject_id, line.buyer_org_id AS on_behalf_of_org_id, line.buyer_org_id,
       NULL::uuid AS vendor_org_id,
       jsonb_build_object('amount', line.amount, 'currency', line.currency, 'reference', line.bank_reference,
                          'statement', line.statement_id) AS payload
  FROM banking_bankline AS line
 WHERE line.statement_id = ANY(%(statements)s::uuid[]) AND line.state = 'deposited'
"""


def read_names(line: Line) -> tuple[str, str, str]:
    """What the line names: a doubt about that, a remittance code, a payment's reference; each may be empty."""
    words = f"{line.end_to_end_id}\n{line.text}"
    upper = words.upper()
    references = set(PAYMENT_REFERENCE.findall(upper)) if remittance.PREFIX in upper else set()
    codes, misspelt = remittance.written_in(words) if line.is_credit else (set(), False)
    if not line.is_whole:
        return Doubt.DETAILS, "", ""
    if len(references) + len(codes) > 1:
        return Doubt.SEVERAL, "", ""
    if misspelt and not references and not codes:
        return Doubt.MISSPELT, "", ""
    return "", next(iter(codes), ""), next(iter(references), "")


def decide(*, account: str, currency: str) -> None:
    """Insert the staged lines that are new, each with what it was."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE banking_staged (bank_reference, code, payment_reference)")
        cursor.execute(LOCK_PAYOUTS)
        cursor.execute(DECIDE, {"account": account, "currency": currency, "now": clock.now()})


def carry_out(*, actor: Actor, statement_ids: Sequence[uuid.UUID], currency: str) -> None:
    """Move the money of what was decided, and leave the evidence."""
    given = {"statements": list(statement_ids), "bank": bank_account(currency).id}
    ours = BankLine.objects.filter(statement__in=given["statements"])
    confirmed = ours.filter(state=LineState.CONFIRMED, payout__state="sent")
    payout_ids = confirmed.order_by("payout_id").values_list("payout_id", flat=True).iterator(chunk_size=CHUNK)
    while some := list(itertools.islice(payout_ids, CHUNK)):
        confirm_payouts(actor=actor, payout_ids=some)
    bounced = ours.filter(state=LineState.BOUNCED).order_by("payout_id")
    with connection.cursor() as cursor:
        cursor.execute(LOCK_ACCOUNTS, given)
    for payout_id, reason in bounced.values_list("payout_id", "return_reason"):
        bounce_payout(actor=actor, payout_id=payout_id, reason=reason or _("Returned by the bank without a reason."))
    insert_transfers_of(DEPOSITS, given, kind=TransferKind.DEPOSIT, subject_type=BankLine._meta.model_name)
    insert_events_of(DEPOSIT_PROOFS, given, name="deposit.confirmed", actor=actor, subject_type="transfer")
    _wake(statement_ids)


def _wake(statement_ids: Sequence[uuid.UUID]) -> None:
    """What waits for a buyer's money goes on, once a buyer. Without a hint each: the sweeper finds them."""
    deposited = BankLine.objects.filter(statement__in=list(statement_ids), state=LineState.DEPOSITED)
    buyers = deposited.order_by("buyer_org_id").values_list("statement_id", "buyer_org_id").distinct()
    now = clock.now()
    insert_together(
        job(jobs.DEPOSITED, key=f"{statement_id}:{buyer_id}", subject_id=buyer_id, due_at=now)
        for statement_id, buyer_id in buyers
    )
