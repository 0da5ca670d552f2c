"""The lines that were not matched by themselves: an operator says what each was, and why."""

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from market.audit.services import event
from market.banking import selectors
from market.banking.models import BankLine
from market.banking.states import LINE_MOVES, LineState
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together, move_state, violated_constraint
from market.kernel.errors import InvalidInput
from market.kernel.identifiers import short_code
from market.kernel.locks import lock_in_order
from market.kernel.money import to_text
from market.kernel.words import clean_reason
from market.ledger.selectors import account, accounts_visible_to
from market.ledger.services import deposit, posting, transfer
from market.ledger.states import AccountKind, TransferKind
from market.settlement.locks import alone
from market.settlement.models import Payout
from market.settlement.services import bounce_payout, confirm_payout
from market.settlement.services.payouts import bank_account, find_payout, require_treasurer
from market.settlement.states import PayoutState


def assign_to_buyer(*, actor: Actor, line_id: uuid.UUID, code: str, reason: str) -> None:
    """The money of a waiting credit is the buyer's whose remittance code this is: into the wallet with it.

    Raises ``InvalidInput``, ``IllegalTransition`` when it does not wait any more, ``AlreadyPosted`` when a deposit has
    been booked under the bank's reference by hand, ``NotFound``, ``Forbidden``.
    """
    reason = _reason(actor, reason)
    line = _line(line_id, is_credit=True)
    wallet = selectors.wallet_of_code(code, line.currency)
    with transaction.atomic():
        _decide(actor, line, LineState.DEPOSITED, reason, buyer_org=wallet.organization)
        deposit(
            actor=actor,
            organization=wallet.organization,
            bank=bank_account(line.currency),
            amount=line.amount,
            reference=line.bank_reference,
            subject=(BankLine._meta.model_name, line.id),
        )


def assign_to_payout(*, actor: Actor, line_id: uuid.UUID, reference: str, reason: str) -> None:
    """A waiting debit was the payment of this payout, or a waiting credit is that payment coming back.

    Raises ``InvalidInput`` when there is no such payout or its amount is another, ``IllegalTransition`` when the line
    or the payout is past that, ``NotFound``, ``Forbidden``.
    """
    reason = _reason(actor, reason)
    line = _line(line_id)
    payout = Payout.objects.filter(reference=reference.strip().upper(), currency=line.currency).first()
    if payout is None:
        raise InvalidInput(errors={"/reference": _("No payout has this payment reference.")})
    if payout.amount != line.amount:
        raise InvalidInput(errors={"/reference": _("The amount of this payout is another.")})
    with _once_a_payout(), transaction.atomic():
        # The payout before the line, as an import takes them.
        payout = find_payout(payout.id, lock_in_order(Payout.objects.all()))
        if line.is_credit:
            _decide(actor, line, LineState.BOUNCED, reason, payout=payout)
            bounce_payout(actor=actor, payout_id=payout.id, reason=line.return_reason or reason)
        else:
            _decide(actor, line, LineState.CONFIRMED, reason, payout=payout)
            if payout.state != PayoutState.CONFIRMED:
                confirm_payout(actor=actor, payout_id=payout.id)


@contextlib.contextmanager
def _once_a_payout() -> Iterator[None]:
    """A payout leaves once and comes back once: name what the database refuses."""
    texts = {
        "bank_line_confirms_once": _("Another line has confirmed this payout."),
        "bank_line_bounces_once": _("Another line has brought this payout back."),
    }
    try:
        yield
    except IntegrityError as error:
        refused = texts.get(violated_constraint(error))
        if refused is None:
            raise
        raise InvalidInput(errors={"/reference": refused}) from error


def return_to_sender(*, actor: Actor, line_id: uuid.UUID, reason: str) -> str:
    """The money of a waiting credit is nobody's here and goes back. Returns the reference for that payment.

    The treasurer orders the payment at the bank; the statement's debit of this reference and amount then closes it.
    The money never enters the books. Raises ``InvalidInput``, ``IllegalTransition``, ``NotFound``, ``Forbidden``.
    """
    reason = _reason(actor, reason)
    line = _line(line_id, is_credit=True)
    reference = f"QSR{clock.business_date():%Y%m%d}{short_code(line.id, 13)}"
    with transaction.atomic():
        _decide(actor, line, LineState.RETURNED, reason, return_reference=reference)
    return reference


def assign_to_provider(*, actor: Actor, line_id: uuid.UUID, fees: int, reason: str) -> None:
    """A waiting credit is what the payment provider pays over of the deposits that it received, less ``fees`` (fen).

    The bank holds the money from now on, and the provider no more; what it kept is the exchange's own expense.

    Raises ``InvalidInput`` when the provider does not hold as much, ``IllegalTransition``, ``NotFound``, ``Forbidden``.
    """
    reason = _reason(actor, reason)
    line = _line(line_id, is_credit=True)
    if fees < 0:
        raise InvalidInput(errors={"/fees": _("Fees are nothing or more.")})
    with posting(), transaction.atomic():
        alone("payment provider")
        holds = selectors.provider_account(line.currency)
        held = -accounts_visible_to(SYSTEM).get(id=holds.id).amount
        if line.amount + fees > held:
            text = _("The provider holds %(held)s yuan: look for payments that wait.") % {"held": to_text(held)}
            raise InvalidInput(errors={"/fees": text})
        _decide(actor, line, LineState.PROVIDER, reason)
        kept = account(holds.organization_id, AccountKind.PROVIDER_FEES, line.currency)
        legs = (
            ("paid", bank_account(line.currency), TransferKind.PROVIDER_PAID, line.amount),
            ("fees", kept, TransferKind.PROVIDER_FEE, fees),
        )
        insert_together(
            transfer(
                debit=debit.id,
                credit=holds.id,
                amount=amount,
                kind=kind,
                subject=(BankLine._meta.model_name, line.id),
                business_key=f"provider:{line.bank_reference}:{name}",
                tx_id=line.id,
                currency=line.currency,
            )
            for name, debit, kind, amount in legs
            if amount
        )


def set_aside(*, actor: Actor, line_id: uuid.UUID, reason: str) -> None:
    """The line is no business of the books, such as the bank's own fees, or has been booked by hand: no money moves.

    Raises ``InvalidInput`` without a reason, ``IllegalTransition``, ``NotFound``, ``Forbidden``.
    """
    reason = _reason(actor, reason)
    line = _line(line_id)
    with transaction.atomic():
        _decide(actor, line, LineState.SET_ASIDE, reason)


def _reason(actor: Actor, reason: str) -> str:
    require_treasurer(actor)
    return clean_reason(reason)


def _line(line_id: uuid.UUID, *, is_credit: bool | None = None) -> BankLine:
    line = selectors.line(line_id)
    if is_credit is not None and line.is_credit is not is_credit:
        raise InvalidInput(_("Only money that came in can be given to somebody or returned."))
    return line


def _decide(actor: Actor, line: BankLine, state: LineState, reason: str, **more: Any) -> None:
    move_state(
        BankLine.objects.filter(id=line.id),
        LINE_MOVES,
        state,
        reason=reason,
        decided_by_id=actor.user_id,
        decided_at=clock.now(),
        **more,
    )
    named = {name: str(getattr(value, "id", value)) for name, value in more.items()}
    insert_together(
        event(
            f"bank_line.{state}",
            actor=actor,
            subject=(BankLine._meta.model_name, line.id),
            payload={"reason": reason, "amount": line.amount, "reference": line.bank_reference, **named},
        )
    )
