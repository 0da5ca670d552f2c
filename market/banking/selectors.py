"""Reads of what the bank said."""

import datetime
import uuid
from collections.abc import Iterator
from typing import NamedTuple

from django.conf import settings
from django.db.models import Max, Min, QuerySet
from django.utils.translation import gettext as _

from accounts.selectors import operator_organization, sees_everything
from market.banking.entries import plain_account
from market.banking.errors import NoBankAccount
from market.banking.models import BankLine, BankStatement, OnlinePayment, Payment, PaymentFile, PaymentIntent
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.errors import InvalidInput, NotFound
from market.ledger.models import Account
from market.ledger.remittance import is_valid
from market.ledger.selectors import account
from market.ledger.states import AccountKind
from market.settlement.models import Payout, SettlementBatch
from market.settlement.states import PayoutState


def cutoff_to_pay(day: datetime.date) -> datetime.datetime:
    """The cutoff of the run to pay of a business day (Asia/Shanghai): its midnight, as a rule.

    Where runs were made by hand on that day, the first with a payout that was sent and stands in no file; when all
    stand in files, the last.
    """
    begins, ends = clock.business_midnight(day), clock.business_midnight(day + datetime.timedelta(days=1))
    unpaid = Payout.objects.filter(
        batch__cutoff__gte=begins, batch__cutoff__lt=ends, state=PayoutState.SENT, payment=None
    )
    settled = SettlementBatch.objects.filter(cutoff__gte=begins, cutoff__lt=ends)
    first = unpaid.aggregate(found=Min("batch__cutoff"))["found"]
    return first or settled.aggregate(found=Max("cutoff"))["found"] or begins


def exchange_account() -> str:
    """The number of the exchange's account at its bank, as accounts are compared. Raises ``NoBankAccount``."""
    account = plain_account(settings.EXCHANGE_BANK_ACCOUNT or operator_organization().bank_account)
    if not account:
        raise NoBankAccount(_("Set EXCHANGE_BANK_ACCOUNT, or the operator organisation's bank account."))
    return account


def statements() -> QuerySet[BankStatement]:
    """Every statement with who imported it."""
    return BankStatement.objects.select_related("imported_by")


def lines() -> QuerySet[BankLine]:
    """Every line with what became of it."""
    return BankLine.objects.select_related("statement", "buyer_org", "payout", "decided_by")


def line(line_id: uuid.UUID) -> BankLine:
    """One line. Raises ``NotFound``."""
    found = lines().filter(id=line_id).first()
    if found is None:
        raise NotFound
    return found


PAYMENTS_A_QUERY = 500


def payment_files() -> QuerySet[PaymentFile]:
    """Every payment file with who made it."""
    return PaymentFile.objects.select_related("made_by", "handed_in_by")


def payment_file(file_id: uuid.UUID) -> PaymentFile:
    """One payment file. Raises ``NotFound``."""
    found = payment_files().filter(id=file_id).first()
    if found is None:
        raise NotFound
    return found


class PaymentLine(NamedTuple):
    """What a payment file says of one payment; ``amount`` in fen."""

    position: int
    reference: str
    amount: int
    creditor_name: str
    bank_account: str
    bank_code: str


def payments_of(file: PaymentFile) -> Iterator[PaymentLine]:
    """The payments of a file, by position, a slice a query: flat memory, and no cursor held open."""
    last = 0
    of_payout = ("payout__bank_account", "payout__bank_code")
    names = ("position", "payout__reference", "payout__amount", "creditor_name", *of_payout)
    payments = Payment.objects.filter(file=file).order_by("position").values_list(*names)
    while True:
        slice_ = list(map(PaymentLine._make, payments.filter(position__gt=last)[:PAYMENTS_A_QUERY]))
        yield from slice_
        if len(slice_) < PAYMENTS_A_QUERY:
            return
        last = slice_[-1].position


def wallet_of_code(code: str, currency: str) -> Account:
    """The wallet with this remittance code, as people write it. Raises ``InvalidInput``."""
    code = "".join(code.split()).replace("-", "").upper()
    wallet = Account.objects.select_related("organization").filter(remittance_code=code, currency=currency).first()
    if not is_valid(code) or wallet is None:
        raise InvalidInput(errors={"/code": _("No buyer has this remittance code.")})
    return wallet


def provider_account(currency: str) -> Account:
    """What payment providers hold for the exchange. Raises ``NotFound``."""
    return account(operator_organization().id, AccountKind.PROVIDER, currency)


def payment_intents_visible_to(actor: Actor) -> QuerySet[PaymentIntent]:
    """The online payments that the actor's organisation has started, or all for operators and auditors."""
    intents = PaymentIntent.objects.select_related("buyer_org")
    return intents if sees_everything(actor) else intents.filter(buyer_org_id=actor.organization_id)


def payment_intent_visible_to(actor: Actor, intent_id: uuid.UUID) -> PaymentIntent:
    """One of them. Raises ``NotFound``."""
    found = payment_intents_visible_to(actor).filter(id=intent_id).first()
    if found is None:
        raise NotFound
    return found


def online_payments() -> QuerySet[OnlinePayment]:
    """Every payment that a provider has received, with what became of it."""
    return OnlinePayment.objects.select_related("intent", "buyer_org", "decided_by")


def online_payment(payment_id: uuid.UUID) -> OnlinePayment:
    """One of them. Raises ``NotFound``."""
    found = online_payments().filter(id=payment_id).first()
    if found is None:
        raise NotFound
    return found
