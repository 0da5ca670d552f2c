"""What the tests of banking ask and do again and again."""

from market.banking.models import BankLine
from market.banking.services import Import, import_statement
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.ledger.models import Account
from market.ledger.states import AccountKind
from market.settlement.models import Payout
from market.settlement.services import run_settlement
from tests import factories
from tests.banking.messages import Entry, message
from tests.settlement.trades import accepted_orders, capture_orders


def code_of(market: factories.Market) -> str:
    return Account.objects.get(organization=market.buyer, kind=AccountKind.WALLET).remittance_code


def wallet(market: factories.Market) -> int:
    return factories.balance(market.buyer, AccountKind.WALLET)


def sent_payout(market: factories.Market, amount: int = 10_000) -> Payout:
    capture_orders(accepted_orders(market, [amount]))
    run_settlement(actor=SYSTEM, cutoff=clock.now())
    return Payout.objects.latest("id")


def imported(entries: list[Entry], **statement) -> Import:
    return import_statement(actor=SYSTEM, file=message(entries, **statement))


def line_of(entry: Entry | BankLine) -> BankLine:
    reference = entry.bank_reference if isinstance(entry, BankLine) else entry.reference
    return BankLine.objects.get(bank_reference=reference)


def state_of(entry: Entry) -> tuple[str, str]:
    line = line_of(entry)
    return line.state, line.doubt
