"""Payments to vendors: they leave the payable when they are sent, and come back to it when the bank returns them."""

import uuid
from collections.abc import Collection

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext as _

from accounts.selectors import operator_organization
from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.audit.services import event
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together, move_state
from market.kernel.errors import NotFound
from market.kernel.identifiers import short_code, uuid7
from market.kernel.locks import lock_in_order
from market.kernel.words import clean_reason
from market.ledger.models import Account, Transfer
from market.ledger.selectors import account
from market.ledger.services import posting, transfer
from market.ledger.states import AccountKind, TransferKind
from market.settlement.errors import PayoutHeld, PayoutsStopped
from market.settlement.models import Payout, SettlementBatch
from market.settlement.selectors import open_stop
from market.settlement.services.holds import hold_on, left_by, payables
from market.settlement.services.refunds import repay_receivables
from market.settlement.states import PAYOUT_MOVES, PayoutHold, PayoutState


def require_treasurer(actor: Actor) -> None:
    """Raise ``Forbidden`` unless the actor handles the exchange's money."""
    actor.require_role(Role.OPERATOR, Role.FINANCE)
    actor.require_capacity(Capacity.OPERATOR)


def require_no_stop() -> None:
    """Raise ``PayoutsStopped`` while the books do not add up: no payment leaves then, the database refuses too."""
    stop = open_stop()
    if stop is not None:
        text = _("The books do not add up. One operator explains the drift and another lifts the stop; then try again.")
        raise PayoutsStopped(text, stop=str(stop.id))


def new_payout(batch: SettlementBatch, amount: int) -> Payout:
    """An unsaved pending payment of ``amount`` fen for a batch; 23 letters and digits of
    reference, where a bank allows 35."""
    key = uuid7()
    return Payout(
        id=key,
        batch=batch,
        vendor_org_id=batch.vendor_org_id,
        amount=amount,
        currency=batch.currency,
        reference=f"QS{clock.business_date(batch.cutoff):%Y%m%d}{short_code(key, 13)}",
        needs_approval=amount > settings.PAYOUT_APPROVAL_ABOVE,
    )


def lock_payables(vendor_ids: Collection[uuid.UUID] | models.QuerySet) -> None:
    """Let nothing change what these vendors are owed until the transaction ends."""
    kinds = (AccountKind.PAYABLE, AccountKind.RECEIVABLE)
    list(lock_in_order(Account.objects.filter(kind__in=kinds, organization__in=vendor_ids)).values_list("id"))


def bank_account(currency: str) -> Account:
    """The exchange's bank clearing account. Raises ``NotFound``."""
    return account(operator_organization().id, AccountKind.BANK, currency)


def leave(actor: Actor, payout: Payout, payable: Account, bank: Account) -> tuple[Transfer, AuditEvent]:
    """The rows that prove a payment sent: payable -> bank, and the evidence."""
    moved = transfer(
        debit=payable.id,
        credit=bank.id,
        amount=payout.amount,
        kind=TransferKind.PAYOUT,
        subject=("payout", payout.id),
        business_key=f"payout:{payout.id}:sent",
        currency=payout.currency,
    )
    vendor = payable.organization
    return moved, payout_event(
        "payout.sent", actor, payout, bank_account=vendor.shown_bank_account, bank_code=vendor.bank_code
    )


def send_payout(*, actor: Actor, payout_id: uuid.UUID) -> None:
    """Send a pending payment to the bank account the vendor has now.

    Raises ``PayoutsStopped`` while the books do not add up, ``PayoutHeld`` when something keeps it (``hold_on``),
    ``IllegalTransition`` when it has been sent, ``NotFound``.
    """
    require_treasurer(actor)
    with posting(), transaction.atomic():
        # Locked before the payable, so that nobody voids it between the vendor's repaying and its leaving.
        payout = find_payout(payout_id, lock_in_order(Payout.objects.all()))
        if payout.state != PayoutState.PENDING:
            raise PAYOUT_MOVES.illegal(payout.state, PayoutState.SENT)
        require_no_stop()
        # What the vendor owes is repaid whether or not the rest may leave.
        repay_receivables(vendor_ids=[payout.vendor_org_id])
        key = (payout.vendor_org_id, payout.currency)
        payable = payables([payout.vendor_org_id])[key]
        hold = hold_on(payout, payable, left_by([payout.vendor_org_id])[key])
        if hold is None:
            _send(actor, payout, payable)
    if hold is not None:
        raise PayoutHeld(_("It waits: %(reason)s.") % {"reason": hold.label}, hold=hold.value)


def _send(actor: Actor, payout: Payout, payable: Account) -> None:
    move_state(
        Payout.objects.filter(id=payout.id),
        PAYOUT_MOVES,
        PayoutState.SENT,
        hold="",
        bank_account=payable.organization.bank_account,
        bank_code=payable.organization.bank_code,
        sent_at=clock.now(),
    )
    insert_together(leave(actor, payout, payable, bank_account(payout.currency)))


def void_payout(*, actor: Actor, payout_id: uuid.UUID, reason: str) -> None:
    """Give up a pending payment: what of it is still payable is due with the vendor's next batch.

    Raises ``InvalidInput`` without a reason, ``IllegalTransition`` unless it is pending, ``NotFound``.
    """
    require_treasurer(actor)
    reason = clean_reason(reason)
    payout = find_payout(payout_id)
    with transaction.atomic():
        move_state(
            Payout.objects.filter(id=payout_id),
            PAYOUT_MOVES,
            PayoutState.VOID,
            hold="",
            bounce_reason=reason,
            ended_at=clock.now(),
        )
        insert_together(payout_event("payout.voided", actor, payout, reason=reason))


def confirm_payout(*, actor: Actor, payout_id: uuid.UUID) -> None:
    """The bank says that the payment left. Raises ``IllegalTransition`` unless it was sent, ``NotFound``."""
    require_treasurer(actor)
    payout = find_payout(payout_id)
    with transaction.atomic():
        move_state(Payout.objects.filter(id=payout_id), PAYOUT_MOVES, PayoutState.CONFIRMED, ended_at=clock.now())
        insert_together(payout_event("payout.confirmed", actor, payout))


def bounce_payout(*, actor: Actor, payout_id: uuid.UUID, reason: str) -> Payout:
    """The bank returned the payment: the money is payable again, and another payout of the batch waits. Returns that.

    Raises ``InvalidInput`` without a reason, ``IllegalTransition`` unless it was sent or confirmed, ``NotFound``.
    """
    require_treasurer(actor)
    reason = clean_reason(reason, least=1)  # a bank may have a code of one letter
    payout = find_payout(payout_id, Payout.objects.select_related("batch"))
    payable = payables([payout.vendor_org_id])[payout.vendor_org_id, payout.currency]
    again = new_payout(payout.batch, payout.amount)
    again.hold = PayoutHold.CAME_BACK
    back = transfer(
        debit=bank_account(payout.currency).id,
        credit=payable.id,
        amount=payout.amount,
        kind=TransferKind.PAYOUT_BOUNCED,
        subject=("payout", payout.id),
        business_key=f"payout:{payout.id}:bounced",
        currency=payout.currency,
    )
    with posting(), transaction.atomic():
        move_state(
            Payout.objects.filter(id=payout_id),
            PAYOUT_MOVES,
            PayoutState.BOUNCED,
            bounce_reason=reason,
            ended_at=clock.now(),
        )
        insert_together(again, back, payout_event("payout.bounced", actor, payout, reason=reason, next=again.reference))
    return again


def find_payout(payout_id: uuid.UUID, among: models.QuerySet | None = None) -> Payout:
    """A payout, ``among`` all by default. Raises ``NotFound``."""
    payouts = Payout.objects.all() if among is None else among
    found = payouts.filter(id=payout_id).first()
    if found is None:
        raise NotFound
    return found


def payout_event(name: str, actor: Actor, payout: Payout, **more: str) -> AuditEvent:
    """The evidence of an act on a payout."""
    return event(
        name,
        actor=actor,
        subject=("payout", payout.id),
        on_behalf_of=payout.vendor_org_id,
        vendor_org_id=payout.vendor_org_id,
        payload={
            "batch": str(payout.batch_id),
            "reference": payout.reference,
            "amount": payout.amount,
            "currency": payout.currency,
            **more,
        },
    )
