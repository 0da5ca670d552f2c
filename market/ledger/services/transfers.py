"""Where money moves. A transfer is built here and inserted by the act it belongs to; a trigger moves the balances."""

import contextlib
import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from accounts.models import Organization
from accounts.states import Capacity
from market.audit.services import event
from market.kernel import clock, money
from market.kernel.actors import Actor
from market.kernel.database import insert_together, new_row, violated_constraint
from market.kernel.errors import InvalidInput
from market.kernel.identifiers import uuid7
from market.kernel.money import CURRENCY, MAX_AMOUNT
from market.ledger import jobs, remittance
from market.ledger.errors import AlreadyPosted, BeyondEscrow, DayClosed, InsufficientFunds
from market.ledger.models import Account, Transfer
from market.ledger.selectors import account
from market.ledger.states import GUARDED, AccountKind, TransferKind
from market.outbox.services import job

MAX_REFERENCE = 64
MOST = money.to_text(MAX_AMOUNT)

KINDS_OF_CAPACITY: dict[str, tuple[AccountKind, ...]] = {
    Capacity.BUYER: (AccountKind.WALLET, AccountKind.ESCROW),
    Capacity.VENDOR: (AccountKind.PAYABLE, AccountKind.COMMISSION, AccountKind.VAT, AccountKind.RECEIVABLE),
    Capacity.OPERATOR: (AccountKind.BANK, AccountKind.PROVIDER, AccountKind.PROVIDER_FEES),
}


def open_accounts(*, organizations: Iterable[Organization], currency: str = CURRENCY) -> None:
    """Open every account the organisations' capacities call for, in two statements; those that exist stay."""
    wanted = [
        Account(organization=organization, kind=kind, currency=currency, balance=0 if kind in GUARDED else None)
        for organization in organizations
        for capacity in organization.capacities
        for kind in KINDS_OF_CAPACITY.get(capacity, ())
    ]
    wallets = [account for account in wanted if account.kind == AccountKind.WALLET]
    for wallet, code in zip(wallets, _free_codes(len(wallets)), strict=True):
        wallet.remittance_code = code
    Account.objects.bulk_create(wanted, ignore_conflicts=True)


def _free_codes(count: int) -> set[str]:
    """So many codes that no wallet has: a wallet that could not have its code would be left out without a word."""
    codes = {remittance.new_code() for _ in range(count)}
    while len(codes) < count or Account.objects.filter(remittance_code__in=codes).exists():
        codes = {remittance.new_code() for _ in range(count)}
    return codes


def transfer(
    *,
    debit: uuid.UUID,
    credit: uuid.UUID,
    amount: int,
    kind: str,
    subject: tuple[str, uuid.UUID],
    business_key: str,
    tx_id: uuid.UUID | None = None,
    currency: str = CURRENCY,
) -> Transfer:
    """An unsaved movement of ``amount`` fen (> 0) from account ``debit`` to account ``credit``.

    The caller inserts it in the act's transaction inside ``posting()``. ``tx_id`` groups the legs of one act;
    ``business_key`` (``order:<id>:escrow``) makes the database refuse the act a second time.
    """
    return new_row(
        Transfer,
        tx_id=tx_id or uuid7(),
        debit_account_id=debit,
        credit_account_id=credit,
        amount=amount,
        currency=currency,
        kind=kind,
        subject_type=subject[0],
        subject_id=subject[1],
        business_key=business_key,
        posted_at=clock.now(),
    )


def insert_transfers_of(selection: str, parameters: dict[str, Any], *, kind: str, subject_type: str) -> int:
    """Move money in very many acts of one kind: a row of ``selection`` is a transfer. Returns how many.

    ``selection`` is SQL of the caller's own and gives ``id`` (a fresh key, the act's too), ``debit_account_id``,
    ``credit_account_id``, ``amount`` (fen), ``currency``, ``subject_id`` and ``business_key``; ``parameters`` are its
    values by name. As with ``transfer``, the caller does it inside ``posting()``.
    """
    # Only the selection is not of this module, and it comes from code.
    statement = f"""
        INSERT INTO ledger_transfer
               (id, tx_id, debit_account_id, credit_account_id, amount, currency, kind, subject_type, subject_id,
                business_key, posted_at)
        SELECT act.id, act.id, act.debit_account_id, act.credit_account_id, act.amount, act.currency,
               %(transfer_kind)s, %(transfer_subject_type)s, act.subject_id, act.business_key, %(transfer_posted_at)s
          FROM ({selection}) AS act
    """  # noqa: S608
    shared = {"transfer_kind": kind, "transfer_subject_type": subject_type, "transfer_posted_at": clock.now()}
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters | shared)
        return cursor.rowcount


@contextlib.contextmanager
def posting() -> Iterator[None]:
    """Turn what the ledger refuses into ``InsufficientFunds``, ``BeyondEscrow``, ``AlreadyPosted`` or ``DayClosed``.

    The trigger that refuses knows, under its lock, what was ``needed`` and what was ``available`` (fen).
    """
    try:
        yield
    except IntegrityError as error:
        constraint = violated_constraint(error)
        if constraint == "ledger_account_balance_not_negative":
            raise _insufficient_funds(error) from error
        if constraint == "ledger_transfer_within_escrow":
            raise BeyondEscrow from error
        if constraint == "ledger_transfer_day_open":
            raise DayClosed(_("Try again: what is posted now belongs to a later day.")) from error
        if constraint.startswith("ledger_transfer_business_key"):
            raise AlreadyPosted from error
        raise


def _insufficient_funds(error: IntegrityError) -> InsufficientFunds:
    detail = error.__cause__.diag.message_detail or ""
    if not detail.startswith("{"):
        return InsufficientFunds()  # the CHECK itself spoke, not the trigger
    return shortage(**json.loads(detail))


def shortage(*, needed: int, available: int) -> InsufficientFunds:
    """The refusal that says how much (fen) there is and how much there should be."""
    return InsufficientFunds(
        _("%(needed)s yuan are needed and %(available)s are available. Deposit the rest, then try again.")
        % {"needed": money.to_text(needed), "available": money.to_text(available)},
        needed=needed,
        available=available,
    )


def reversal(original: Transfer, *, kind: str, business_key: str) -> Transfer:
    """An unsaved transfer of the same amount the other way, for the same subject: money goes back where it was."""
    return transfer(
        debit=original.credit_account_id,
        credit=original.debit_account_id,
        amount=original.amount,
        currency=original.currency,
        kind=kind,
        subject=(original.subject_type, original.subject_id),
        business_key=business_key,
    )


def deposit(
    *,
    actor: Actor,
    organization: Organization,
    bank: Account,
    amount: int,
    reference: str,
    subject: tuple[str, uuid.UUID] | None = None,
) -> Transfer:
    """Confirm that ``amount`` fen came in for a buyer, at the bank or a payment provider, whose clearing account
    ``bank`` is. ``reference`` is theirs, once only.

    A job lets whatever waits for the buyer's money go on. ``subject`` names what proves the deposit, when something
    more than the reference does.

    Raises ``InvalidInput`` for an amount or reference out of range, ``AlreadyPosted`` for a reference seen before,
    ``NotFound`` when the organisation has no wallet.
    """
    actor.require_role("operator", "finance")
    actor.require_capacity(Capacity.OPERATOR)
    if not 0 < amount <= MAX_AMOUNT:
        raise InvalidInput(errors={"/amount": _("More than nothing, and at most %(most)s yuan.") % {"most": MOST}})
    if not 0 < len(reference) <= MAX_REFERENCE or not reference.isprintable() or reference != reference.strip():
        raise InvalidInput(errors={"/reference": _("1 to %(most)d printable characters.") % {"most": MAX_REFERENCE}})
    wallet = account(organization.id, AccountKind.WALLET)
    moved = transfer(
        debit=bank.id,
        credit=wallet.id,
        amount=amount,
        kind=TransferKind.DEPOSIT,
        subject=subject or ("deposit", uuid7()),
        business_key=f"deposit:{reference}",
    )
    proof = event(
        "deposit.confirmed",
        actor=actor,
        subject=("transfer", moved.id),
        on_behalf_of=organization.id,
        buyer_org_id=organization.id,
        payload={"amount": amount, "currency": moved.currency, "reference": reference},
    )
    with posting(), transaction.atomic():
        insert_together(moved, proof, job(jobs.DEPOSITED, key=str(moved.id), subject_id=organization.id))
    return moved
