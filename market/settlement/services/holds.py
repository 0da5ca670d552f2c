"""What keeps a payout from being sent, said anew whenever something may have changed."""

import uuid
from collections.abc import Collection

from django.db import models, transaction
from django.db.models import Exists, Func, OuterRef

from accounts.selectors import open_account_changes
from accounts.states import OrganizationState
from market.kernel.locks import lock_in_order
from market.ledger.models import Account
from market.ledger.states import AccountKind
from market.settlement.models import Payout
from market.settlement.states import PayoutHold, PayoutState


def hold_on(payout: Payout, payable: Account, left: int = 0) -> PayoutHold | None:
    """What keeps the exchange from sending this payout now; ``payable`` is its vendor's, as ``payables`` gives it.

    ``left`` is what earlier batches left to pay (fen). Below zero, refunds took back what this payout would pay:
    it then waits even though newer captures may have filled the payable again, for those are not due yet. They make it
    up in the batch to which they belong.
    """
    vendor = payable.organization
    if vendor.state != OrganizationState.VERIFIED:
        return PayoutHold.NOT_VERIFIED
    if not vendor.bank_account:
        return PayoutHold.NO_BANK_ACCOUNT
    if payable.is_account_lost:
        return PayoutHold.ACCOUNT_LOST
    if payable.balance < payout.amount or left < 0:
        return PayoutHold.CLAWED_BACK
    return PayoutHold.NEEDS_APPROVAL if payout.needs_approval and payout.approved_by_id is None else None


def payables(vendor_ids: Collection[uuid.UUID]) -> dict[tuple[uuid.UUID, str], Account]:
    """The payable accounts of these vendors by (vendor, currency), each with its organisation: one query.

    ``is_account_lost`` says that the vendor's bank account can receive nothing and another one is not in force yet.
    """
    found = Account.objects.filter(kind=AccountKind.PAYABLE, organization_id__in=vendor_ids)
    lost = Exists(open_account_changes().filter(vendor_org=OuterRef("organization_id"), is_old_lost=True))
    found = found.annotate(is_account_lost=lost).select_related("organization")
    return {(each.organization_id, each.currency): each for each in found}


def left_by(vendor_ids: Collection[uuid.UUID]) -> dict[tuple[uuid.UUID, str], int]:
    """What earlier batches left to pay to these vendors (fen), by (vendor, currency): one query."""
    amount = Func("organization_id", "currency", function="settlement_carried", output_field=models.BigIntegerField())
    found = Account.objects.filter(kind=AccountKind.PAYABLE, organization_id__in=vendor_ids).annotate(left=amount)
    return {(each.organization_id, each.currency): each.left for each in found}


def refresh_holds(*, vendor_ids: Collection[uuid.UUID] | models.QuerySet | None = None) -> None:
    """Say anew why each pending payout of these vendors (all by default) waits: four queries.

    One that nothing keeps any more has no hold and leaves with the next payment file. One that came back keeps saying
    so: somebody has to look at the vendor's account.
    """
    waiting = Payout.objects.filter(state=PayoutState.PENDING).exclude(hold=PayoutHold.CAME_BACK)
    if vendor_ids is not None:
        waiting = waiting.filter(vendor_org__in=vendor_ids)
    with transaction.atomic():
        pending = list(lock_in_order(waiting))
        if not pending:
            return
        vendors = {payout.vendor_org_id for payout in pending}
        accounts, left = payables(vendors), left_by(vendors)
        changed = []
        for payout in pending:
            key = (payout.vendor_org_id, payout.currency)
            hold = hold_on(payout, accounts[key], left[key]) or ""
            if hold != payout.hold:
                payout.hold = hold
                changed.append(payout)
        Payout.objects.bulk_update(changed, ["hold"])
