"""The bank is told to pay: one file a settlement run, each payout in one file only."""

import contextlib
import datetime
import functools
import hashlib
import uuid
from collections.abc import Iterator

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts.models import Organization
from accounts.selectors import operator_organization
from accounts.states import OrganizationState
from market.audit.models import AuditEvent
from market.audit.services import event
from market.banking import pain, selectors
from market.banking.errors import NothingToPay
from market.banking.models import PaymentFile
from market.banking.states import FILE_MOVES, FileState
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together, move_state
from market.kernel.identifiers import uuid7
from market.kernel.locks import lock_in_order
from market.kernel.money import CURRENCY
from market.settlement.business_days import is_business_day
from market.settlement.errors import PayoutHeld
from market.settlement.locks import alone
from market.settlement.models import Payout
from market.settlement.services import send_payout
from market.settlement.services.holds import refresh_holds
from market.settlement.services.payouts import lock_payables, require_no_stop, require_treasurer
from market.settlement.states import PayoutHold, PayoutState

# What has been sent and stands in no file; in the order of the references, which is random and stays the same.
TAKE = """
WITH taken AS (
    INSERT INTO banking_payment (id, file_id, position, payout_id, creditor_name)
    SELECT settlement_uuid7(), %(file)s, row_number() OVER (ORDER BY payout.reference), payout.id, vendor.name
      FROM settlement_payout AS payout
      JOIN settlement_settlementbatch AS batch ON batch.id = payout.batch_id
      JOIN accounts_organization AS vendor ON vendor.id = payout.vendor_org_id
     WHERE payout.state = 'sent' AND batch.cutoff = %(cutoff)s AND payout.currency = %(currency)s
       AND NOT EXISTS (SELECT FROM banking_payment AS payment WHERE payment.payout_id = payout.id)
    RETURNING payout_id
)
SELECT count(*), coalesce(sum(payout.amount), 0)::bigint
  FROM taken
  JOIN settlement_payout AS payout ON payout.id = taken.payout_id
"""


def make_payment_file(*, actor: Actor, cutoff: datetime.datetime) -> PaymentFile:
    """Put every sent payout of the run with this cutoff that stands in no file yet into one file, and return that.

    Payouts whose vendor had no bank account, or was not verified, and can be paid now are sent first. When nothing is
    new, the last file of the run comes back: asking twice does no harm.

    Raises ``NothingToPay`` when the run has nothing to pay at all, ``PayoutsStopped`` while the books do not add up,
    ``NoBankAccount``, ``Forbidden``.
    """
    require_treasurer(actor)
    require_no_stop()
    account = selectors.exchange_account()
    with transaction.atomic():
        alone("payment file")
        _send_what_can_go_now(actor, cutoff)
        made = _new_file(actor, cutoff, account)
        with connection.cursor() as cursor:
            cursor.execute(TAKE, {"file": made.id, "cutoff": cutoff, "currency": made.currency})
            made.payment_count, made.total = cursor.fetchone()
        if not made.payment_count:
            return _last_file(cutoff)
        digest = hashlib.sha256()
        for piece in content(made):
            digest.update(piece)
        made.file_sha256 = digest.hexdigest()
        insert_together(made, _proof("payment_file.made", actor, made))
    return made


def take_payment_file(*, actor: Actor, file_id: uuid.UUID) -> tuple[PaymentFile, Iterator[bytes]]:
    """The file, piece by piece, for a treasurer to hand in; who took it is in the evidence.

    Raises ``PayoutsStopped`` while the books do not add up, ``NotFound``, ``Forbidden``.
    """
    require_treasurer(actor)
    require_no_stop()
    file = selectors.payment_file(file_id)
    with transaction.atomic():
        insert_together(_proof("payment_file.taken", actor, file))
    return file, content(file)


def hand_in(*, actor: Actor, file_id: uuid.UUID) -> None:
    """The file has been handed in at the bank. Raises ``IllegalTransition`` the second time, ``NotFound``."""
    require_treasurer(actor)
    file = selectors.payment_file(file_id)
    with transaction.atomic():
        move_state(
            PaymentFile.objects.filter(id=file_id),
            FILE_MOVES,
            FileState.HANDED_IN,
            handed_in_by_id=actor.user_id,
            handed_in_at=clock.now(),
        )
        insert_together(_proof("payment_file.handed_in", actor, file))


def content(file: PaymentFile) -> Iterator[bytes]:
    """What the bank is told, in pieces; the same bytes each time."""
    order = pain.Order(
        message_id=file.message_id,
        created_at=file.made_at,
        execute_on=file.execute_on,
        count=file.payment_count,
        total=file.total,
        currency=file.currency,
        debtor=file.debtor_name,
        account=file.debtor_account,
        bic=file.debtor_bic,
    )
    payments = (
        pain.Payment(
            reference=payment.reference,
            amount=payment.amount,
            name=payment.creditor_name,
            account=payment.bank_account,
            words=f"{file.debtor_name} {payment.reference}",
            bank_code=payment.bank_code,
        )
        for payment in selectors.payments_of(file)
    )
    return pain.write(order, payments)


def _send_what_can_go_now(actor: Actor, cutoff: datetime.datetime) -> None:
    """Not what came back: somebody must look at the vendor's account first, and send it by hand."""
    pending = Payout.objects.filter(
        state=PayoutState.PENDING, batch__cutoff=cutoff, currency=CURRENCY, vendor_org__state=OrganizationState.VERIFIED
    )
    waiting = list(lock_in_order(pending.exclude(hold=PayoutHold.CAME_BACK)).values_list("id", "vendor_org_id"))
    vendor_ids = {vendor_id for _key, vendor_id in waiting}
    # All of them before the first is touched: payouts, then payables, as everybody locks them.
    lock_payables(vendor_ids)
    for key, _vendor_id in waiting:
        with contextlib.suppress(PayoutHeld):  # it goes on waiting, and says why
            send_payout(actor=actor, payout_id=key)
    # After the commit: these vendors' payouts of other runs are locked, too, and their payables are locked here.
    transaction.on_commit(functools.partial(refresh_holds, vendor_ids=vendor_ids))


def _new_file(actor: Actor, cutoff: datetime.datetime, account: str) -> PaymentFile:
    # Numbered through the day, which the message's name tells, though a run by hand may make it a day of two runs.
    named = f"QS-{clock.business_date(cutoff):%Y%m%d}-{CURRENCY}-"
    before = PaymentFile.objects.filter(message_id__startswith=named).aggregate(last=Max("number"))["last"]
    number = (before or 0) + 1
    exchange: Organization = operator_organization()
    day = clock.business_date()
    while not is_business_day(day):
        day += datetime.timedelta(days=1)
    return PaymentFile(
        id=uuid7(),
        cutoff=cutoff,
        currency=CURRENCY,
        number=number,
        message_id=f"{named}{number}",
        execute_on=day,
        debtor_name=exchange.name,
        debtor_account=account,
        debtor_bic=settings.EXCHANGE_BANK_BIC,
        made_by_id=actor.user_id,
        made_at=clock.now().replace(microsecond=0),
    )


def _last_file(cutoff: datetime.datetime) -> PaymentFile:
    found = selectors.payment_files().filter(cutoff=cutoff, currency=CURRENCY).order_by("-number").first()
    if found is None:
        raise NothingToPay(_("Settle first, and see whether its payouts wait for something."))
    return found


def _proof(name: str, actor: Actor, file: PaymentFile) -> AuditEvent:
    return event(
        name,
        actor=actor,
        subject=("paymentfile", file.id),
        payload={
            "message": file.message_id,
            "cutoff": file.cutoff.isoformat(),
            "payments": file.payment_count,
            "total": file.total,
            "currency": file.currency,
            "file_sha256": file.file_sha256,
        },
    )
