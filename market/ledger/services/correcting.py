"""Mistakes made good: another transfer, proposed by one person and approved by another. Nothing is ever changed."""

import uuid

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.audit.services import event
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together, move_instance, violated_constraint
from market.kernel.errors import Forbidden, InvalidInput, NotFound, SamePerson
from market.kernel.money import MAX_AMOUNT
from market.kernel.words import clean_reason
from market.ledger.errors import AlreadyReversed, NotReversible
from market.ledger.models import Account, Correction, Transfer
from market.ledger.services.transfers import MOST, posting, transfer
from market.ledger.states import CORRECTABLE, CORRECTION_MOVES, REVERSIBLE, CorrectionState, TransferKind


def propose_reversal(*, actor: Actor, transfer_id: uuid.UUID, reason: str) -> Correction:
    """Propose that a transfer's amount goes back the way it came.

    Only a deposit or an earlier correction (``REVERSIBLE``), and each once while a proposal lives or is approved.

    Raises ``NotReversible``, ``AlreadyReversed``, ``InvalidInput`` without a reason, ``Forbidden``, ``NotFound``.
    """
    _require_person(actor)
    original = Transfer.objects.filter(id=transfer_id).first()
    if original is None:
        raise NotFound
    if original.kind not in REVERSIBLE:
        raise NotReversible(_("Cancel, refund or bounce the order or payout that it belongs to."))
    return _propose(
        actor,
        Correction(
            reverses=original,
            debit_account_id=original.credit_account_id,
            credit_account_id=original.debit_account_id,
            amount=original.amount,
            currency=original.currency,
            reason=reason,
        ),
    )


def propose_adjustment(
    *, actor: Actor, debit_id: uuid.UUID, credit_id: uuid.UUID, amount: int, reason: str
) -> Correction:
    """Propose that ``amount`` fen move from account ``debit_id`` to account ``credit_id``.

    Both must be of one currency and of a kind that nothing else is derived from (``CORRECTABLE``).

    Raises ``InvalidInput`` naming the field, ``Forbidden``.
    """
    _require_person(actor)
    accounts = {each.id: each for each in Account.objects.filter(id__in=[debit_id, credit_id])}
    errors = {}
    for name, key in (("debit_account", debit_id), ("credit_account", credit_id)):
        if key not in accounts:
            errors[f"/{name}"] = _("There is no such account.")
        elif accounts[key].kind not in CORRECTABLE:
            errors[f"/{name}"] = _("What is in it follows from orders or advances: end, refund or repay these instead.")
    if not errors and debit_id == credit_id:
        errors["/credit_account"] = _("Money moves between two accounts.")
    if not errors and accounts[debit_id].currency != accounts[credit_id].currency:
        errors["/credit_account"] = _("Both accounts must be of one currency.")
    if not 0 < amount <= MAX_AMOUNT:
        errors["/amount"] = _("More than nothing, and at most %(most)s yuan.") % {"most": MOST}
    if errors:
        raise InvalidInput(errors=errors)
    return _propose(
        actor,
        Correction(
            debit_account_id=debit_id,
            credit_account_id=credit_id,
            amount=amount,
            currency=accounts[debit_id].currency,
            reason=reason,
        ),
    )


def approve_correction(*, actor: Actor, correction_id: uuid.UUID) -> Transfer:
    """The second person approves, and the transfer is posted in the same moment, once.

    Raises ``SamePerson`` for whoever proposed it, ``IllegalTransition`` when it has been decided,
    ``InsufficientFunds`` when the debited account does not hold that much (it stays proposed), ``Forbidden``,
    ``NotFound``.
    """
    with posting(), transaction.atomic():
        correction = _decide(actor, correction_id, CorrectionState.APPROVED)
        moved = transfer(
            debit=correction.debit_account_id,
            credit=correction.credit_account_id,
            amount=correction.amount,
            currency=correction.currency,
            kind=TransferKind.CORRECTION,
            subject=("correction", correction.id),
            business_key=f"correction:{correction.id}",
        )
        insert_together(moved, _proof("correction.approved", actor, correction))
    return moved


def decline_correction(*, actor: Actor, correction_id: uuid.UUID) -> None:
    """Nothing is posted; the transfer that it would have reversed may be proposed again. The proposer may do it too.

    Raises ``IllegalTransition`` when it has been decided, ``Forbidden``, ``NotFound``.
    """
    with transaction.atomic():
        correction = _decide(actor, correction_id, CorrectionState.DECLINED)
        insert_together(_proof("correction.declined", actor, correction))


def _require_person(actor: Actor) -> None:
    actor.require_role(Role.OPERATOR, Role.FINANCE)
    actor.require_capacity(Capacity.OPERATOR)
    if actor.user_id is None:
        raise Forbidden(_("A person must do this."))


def _propose(actor: Actor, correction: Correction) -> Correction:
    correction.reason = clean_reason(correction.reason)
    correction.proposed_by_id = actor.user_id
    try:
        with transaction.atomic():
            insert_together(correction, _proof("correction.proposed", actor, correction))
    except IntegrityError as error:
        if violated_constraint(error) != "correction_reverses_once":
            raise
        raise AlreadyReversed(_("Look at the corrections of this transfer.")) from error
    return correction


def _decide(actor: Actor, correction_id: uuid.UUID, state: CorrectionState) -> Correction:
    _require_person(actor)
    correction = Correction.objects.filter(id=correction_id).first()
    if correction is None:
        raise NotFound
    if state == CorrectionState.APPROVED and correction.proposed_by_id == actor.user_id:
        raise SamePerson(_("One person proposes a correction and another one approves it."))
    move_instance(correction, CORRECTION_MOVES, state, decided_by_id=actor.user_id, decided_at=clock.now())
    return correction


def _proof(name: str, actor: Actor, correction: Correction) -> AuditEvent:
    return event(
        name,
        actor=actor,
        subject=("correction", correction.id),
        payload={
            "reverses": correction.reverses_id and str(correction.reverses_id),
            "debit_account": str(correction.debit_account_id),
            "credit_account": str(correction.credit_account_id),
            "amount": correction.amount,
            "currency": correction.currency,
            "reason": correction.reason,
        },
    )
