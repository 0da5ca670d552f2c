"""Reads of what the bank said."""

import uuid

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.selectors import operator_organization
from market.banking.entries import plain_account
from market.banking.errors import NoBankAccount
from market.banking.models import BankLine, BankStatement
from market.kernel.errors import NotFound


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
