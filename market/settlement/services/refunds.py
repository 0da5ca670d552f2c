"""Money that goes back after it was captured, and what vendors owe when they no longer hold it."""

import functools
import uuid
from collections.abc import Callable, Collection

from django.db import models, transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from accounts.states import Capacity, Role
from market.audit.services import event
from market.kernel import clock, money
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together
from market.kernel.errors import InvalidInput, NotFound
from market.kernel.locks import lock_in_order
from market.kernel.words import clean_reason
from market.ledger.models import Account, Transfer
from market.ledger.services import posting, transfer
from market.ledger.states import AccountKind, TransferKind
from market.orders.models import Order
from market.settlement.errors import AlreadyRefunded, BeyondCaptured
from market.settlement.models import Capture, Refund
from market.settlement.services.holds import refresh_holds

MAX_REFERENCE = 64
PARTS = ("net", "commission", "vat")
VENDORS_OWN = (AccountKind.PAYABLE, AccountKind.COMMISSION, AccountKind.VAT, AccountKind.RECEIVABLE)


def refund_captured(
    *,
    actor: Actor,
    order_id: uuid.UUID,
    reference: str,
    reason: str,
    amount: int | None = None,
    also_insert: Callable[[Refund], models.Model] | None = None,
) -> Refund:
    """Return ``amount`` fen (all that remains by default) of an order's captured money to the buyer's wallet.

    Net, commission and VAT are taken back in the proportions of what was captured and not refunded before (largest
    remainder). What the vendor's payable does not hold of the net, the exchange advances: the vendor's receivable,
    which later captures repay first. ``also_insert`` gives one more row for the same statement.

    Raises ``BeyondCaptured`` with what ``remains``, ``AlreadyRefunded`` for a reference used before, ``InvalidInput``,
    ``Forbidden``, ``NotFound``.
    """
    actor.require_role(Role.OPERATOR)
    actor.require_capacity(Capacity.OPERATOR)
    reason, reference = _texts(reason, reference)
    with posting(), transaction.atomic():
        order = Order.objects.filter(id=order_id).first()
        if order is None:
            raise NotFound
        # The vendor's payable makes refunds wait for each other. The order is not locked: a settlement run comes to it
        # from the accounts.
        accounts = _locked_accounts(order)
        earlier = list(Refund.objects.filter(order=order))
        if any(refund.reference == reference for refund in earlier):
            raise AlreadyRefunded(_("Look at the order's refunds; a further one needs a reference of its own."))
        remains = _remains(order, earlier)
        amount = sum(remains) if amount is None else amount
        if not 0 < amount <= sum(remains):
            raise BeyondCaptured(
                _("At most %(most)s yuan can go back.") % {"most": money.to_text(sum(remains))}, remains=sum(remains)
            )
        refund = _new_refund(
            actor, order, len(earlier) + 1, dict(zip(PARTS, money.split(amount, remains), strict=True))
        )
        refund.reason, refund.reference = reason, reference
        refund.advanced = max(0, refund.net - accounts[AccountKind.PAYABLE].balance)
        extra = also_insert(refund) if also_insert else None
        insert_together(refund, _legs(refund, accounts), _proof(actor, refund), extra)
        # After the commit: whoever sends a payout locks it before the payable, which is locked here.
        transaction.on_commit(functools.partial(refresh_holds, vendor_ids=[refund.vendor_org_id]))
    return refund


def repay_receivables(*, vendor_ids: Collection[uuid.UUID] | models.QuerySet) -> int:
    """Let what these vendors have earned repay what the exchange advanced for them; returns the fen repaid.

    Called after each capture and before each payment, so that nothing is paid to a vendor who still owes. One query
    when nobody owes anything.
    """
    owing = Account.objects.filter(kind=AccountKind.RECEIVABLE, organization__in=vendor_ids, balance__lt=0)
    debtors = list(owing.values_list("organization_id", flat=True))
    if not debtors:
        return 0
    repaid = 0
    with posting(), transaction.atomic():
        both = Account.objects.filter(organization__in=debtors, kind__in=(AccountKind.PAYABLE, AccountKind.RECEIVABLE))
        locked = {(each.organization_id, each.currency, each.kind): each for each in lock_in_order(both)}
        rows = []
        for (vendor_id, currency, kind), receivable in locked.items():
            payable = locked.get((vendor_id, currency, AccountKind.PAYABLE))
            if kind != AccountKind.RECEIVABLE or payable is None:
                continue
            amount = min(payable.balance, -receivable.balance)
            if amount > 0:
                rows += _repayment(payable, receivable, amount)
                repaid += amount
        insert_together(rows)
    return repaid


def _repayment(payable: Account, receivable: Account, amount: int) -> list[models.Model]:
    moved = transfer(
        debit=payable.id,
        credit=receivable.id,
        amount=amount,
        kind=TransferKind.REPAYMENT,
        subject=("receivable", receivable.id),
        # The version counts what happened to the account: this repayment happens once.
        business_key=f"receivable:{receivable.id}:repaid:{receivable.version}",
        currency=receivable.currency,
    )
    proof = event(
        "receivable.repaid",
        actor=SYSTEM,
        subject=("receivable", receivable.id),
        on_behalf_of=receivable.organization_id,
        vendor_org_id=receivable.organization_id,
        payload={"amount": amount, "currency": receivable.currency, "still_owed": -receivable.balance - amount},
    )
    return [moved, proof]


def _texts(reason: str, reference: str) -> tuple[str, str]:
    reference, errors = reference.strip(), {}
    try:
        reason = clean_reason(reason)
    except InvalidInput as refused:
        errors |= refused.errors
    if not 0 < len(reference) <= MAX_REFERENCE or not reference.isprintable():
        errors["/reference"] = _("1 to %(most)d printable characters.") % {"most": MAX_REFERENCE}
    if errors:
        raise InvalidInput(errors=errors)
    return reason, reference


def _remains(order: Order, earlier: list[Refund]) -> list[int]:
    """What of each part was captured and has not gone back, in fen."""
    captured = Capture.objects.filter(order=order).aggregate(**{part: Sum(part) for part in PARTS})
    return [int(captured[part] or 0) - sum(getattr(refund, part) for refund in earlier) for part in PARTS]


def _new_refund(actor: Actor, order: Order, number: int, parts: dict[str, int]) -> Refund:
    return Refund(
        order=order,
        buyer_org_id=order.buyer_org_id,
        vendor_org_id=order.vendor_org_id,
        number=number,
        amount=sum(parts.values()),
        currency=order.currency,
        refunded_by_id=actor.user_id,
        refunded_at=clock.now(),
        **parts,
    )


def _locked_accounts(order: Order) -> dict[str, Account]:
    """The five accounts by kind; those that keep a balance are locked: what a payable holds is so until the end."""
    parties = Q(organization=order.buyer_org_id, kind=AccountKind.WALLET) | Q(
        organization=order.vendor_org_id, kind__in=VENDORS_OWN
    )
    found = {each.kind: each for each in lock_in_order(Account.objects.filter(parties, currency=order.currency))}
    if len(found) < 1 + len(VENDORS_OWN):
        raise NotFound(_("The buyer or the vendor has no account in this currency."))
    return found


def _legs(refund: Refund, accounts: dict[str, Account]) -> list[Transfer]:
    taken = (
        ("net", TransferKind.REFUND_NET, AccountKind.PAYABLE, refund.net - refund.advanced),
        ("advance", TransferKind.REFUND_ADVANCE, AccountKind.RECEIVABLE, refund.advanced),
        ("commission", TransferKind.REFUND_COMMISSION, AccountKind.COMMISSION, refund.commission),
        ("vat", TransferKind.REFUND_VAT, AccountKind.VAT, refund.vat),
    )
    return [
        transfer(
            debit=accounts[source].id,
            credit=accounts[AccountKind.WALLET].id,
            amount=amount,
            kind=kind,
            subject=("order", refund.order_id),
            business_key=f"order:{refund.order_id}:refund:{refund.number}:{name}",
            tx_id=refund.id,
            currency=refund.currency,
        )
        for name, kind, source, amount in taken
        if amount
    ]


def _proof(actor: Actor, refund: Refund):
    return event(
        "order.refunded_after_capture",
        actor=actor,
        subject=("order", refund.order_id),
        on_behalf_of=refund.buyer_org_id,
        buyer_org_id=refund.buyer_org_id,
        vendor_org_id=refund.vendor_org_id,
        payload={
            "refund": str(refund.id),
            "number": refund.number,
            "reference": refund.reference,
            "reason": refund.reason,
            "amount": refund.amount,
            "net": refund.net,
            "commission": refund.commission,
            "vat": refund.vat,
            "advanced": refund.advanced,
            "currency": refund.currency,
        },
    )
