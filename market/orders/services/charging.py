"""What becomes due to the vendor, and what goes back to the buyer of an order that is not whole."""

from django.db.models import Model

from market.kernel import clock
from market.kernel.errors import NotFound
from market.ledger.models import Transfer
from market.ledger.selectors import transfers_of
from market.ledger.services import transfer
from market.ledger.states import TransferKind
from market.orders import jobs
from market.orders.models import Charge, Order
from market.orders.selectors import is_running
from market.orders.services.steps import release_key
from market.outbox.models import Job
from market.outbox.services import job

WHOLE = "whole"
"""The part of a charge that takes all of a plain order."""


def charge(order: Order, *, part: str, amount: int, is_final: bool) -> Charge:
    """The unsaved charge of ``amount`` fen (0 is possible) for one part of an order; the caller inserts it.

    The database refuses a part twice and a second final charge. Who makes the final one returns in the same transaction
    whatever escrow holds beyond all charges.
    """
    return Charge(
        order_id=order.id,
        vendor_org_id=order.vendor_org_id,
        part=part,
        amount=amount,
        currency=order.currency,
        is_final=is_final,
        created_at=clock.now(),
    )


def capture_job(charge: Charge) -> Job:
    """The unsaved job that divides the charge's money; inserted together with the charge."""
    return job(jobs.CAPTURE, key=str(charge.id), subject_id=charge.id)


def due_at_acceptance(order: Order) -> list[Model]:
    """The unsaved rows by which an accepted order is paid for: its whole charge, or the beginning of what runs."""
    if is_running(order):
        return [job(jobs.BEGIN, key=str(order.id), subject_id=order.id)]
    whole = charge(order, part=WHOLE, amount=order.amount, is_final=True)
    return [whole, capture_job(whole)]


def back_to_wallet(order: Order, *, part: str, amount: int) -> Transfer:
    """The unsaved transfer that returns ``amount`` fen (> 0) of the order's escrow to the wallet it came from.

    Each ``part`` returns once. The database refuses more than the order's escrow still holds. One query. Raises
    ``NotFound`` for an order that never had money in escrow.
    """
    paid = transfers_of([order.id]).filter(kind=TransferKind.ESCROW).first()
    if paid is None:
        raise NotFound
    return transfer(
        debit=paid.credit_account_id,
        credit=paid.debit_account_id,
        amount=amount,
        currency=paid.currency,
        kind=TransferKind.RELEASE,
        subject=("order", order.id),
        business_key=release_key(order.id, part),
    )
