"""A deposit that the operator has seen on the bank's statement."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Organization
from accounts.selectors import operator_organization
from market.kernel import money
from market.kernel.actors import SYSTEM
from market.kernel.commands import refusals_as_errors
from market.kernel.errors import NotFound
from market.ledger.selectors import account
from market.ledger.services import deposit
from market.ledger.states import AccountKind


def yuan(text: str) -> int:
    """An amount in yuan, exactly, as fen."""
    try:
        return money.from_text(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class Command(BaseCommand):
    help = (
        "Confirm that a buyer's money has arrived at the bank: it goes into the buyer's wallet. "
        "The amount is in yuan with up to two decimals and is taken exactly: 1280.50 is 128050 fen."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--uscc", required=True, help="the buyer's Unified Social Credit Code (18 characters)")
        parser.add_argument("--amount", required=True, type=yuan, metavar="YUAN", help="such as 1280 or 1280.50")
        parser.add_argument(
            "--reference", required=True, help="the bank's number of the payment; a deposit is made once under it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        buyer = Organization.objects.filter(uscc=options["uscc"].upper()).first()
        if buyer is None:
            raise CommandError(f"No organisation has the code {options['uscc']}.")
        with refusals_as_errors():
            wallet = _account(buyer, AccountKind.WALLET)
            bank = _account(operator_organization(), AccountKind.BANK)
            deposit(
                actor=SYSTEM,
                organization=buyer,
                bank=bank,
                amount=options["amount"],
                reference=options["reference"],
            )
        wallet.refresh_from_db()
        self.stdout.write(
            f"{money.to_text(options['amount'])} yuan for {buyer.name} ({buyer.uscc}). "
            f"The wallet holds {money.to_text(wallet.balance)} yuan."
        )


def _account(organization: Organization, kind: str):
    try:
        return account(organization.id, kind)
    except NotFound as error:
        raise CommandError(
            f"{organization.name} has no {kind} account: it is opened when an operator verifies the organisation."
        ) from error
