"""Money that arrived at the bank: the service and `manage.py deposit`."""

import io

import pytest
from django.core.management import CommandError, call_command

from market.audit.models import AuditEvent
from market.kernel.errors import Forbidden, InvalidInput
from market.ledger import services
from market.ledger.errors import AlreadyPosted
from market.ledger.models import Account, Transfer
from market.ledger.states import AccountKind
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> factories.Market:
    return factories.market(funds=0)


def deposit(market: factories.Market, amount: str = "1280.50", reference: str = "BANK-1") -> str:
    output = io.StringIO()
    arguments = [f"--uscc={market.buyer.uscc}", f"--amount={amount}", f"--reference={reference}"]
    call_command("deposit", *arguments, stdout=output)
    return output.getvalue()


@pytest.mark.parametrize(
    ("text", "fen"), [("1280.50", 128_050), ("0.01", 1), ("0.1", 10), ("3", 300), ("9999999999999.99", 10**15 - 1)]
)
def test_yuan_are_taken_exactly(market, text, fen):
    deposit(market, text)
    assert factories.balance(market.buyer, AccountKind.WALLET) == fen


def test_what_was_done_is_said_and_proved(market):
    assert "1280.50" in deposit(market) and market.buyer.name in deposit(market, "1", "BANK-2")
    assert "1290.50" in deposit(market, "9", "BANK-3")
    proof = AuditEvent.objects.filter(name="deposit.confirmed").earliest("id")
    assert (proof.payload["amount"], proof.payload["reference"]) == (128_050, "BANK-1")
    assert proof.buyer_org_id == market.buyer.id


@pytest.mark.parametrize(
    "amount", ["0", "0.00", "-5", "1.005", "1e3", "1,000", "", "NaN", "Infinity", "½", "٣", "10000000000000.01"]
)
def test_what_is_no_amount_is_refused(market, amount):
    with pytest.raises(CommandError):
        deposit(market, amount)
    assert factories.balance(market.buyer, AccountKind.WALLET) == 0


@pytest.mark.parametrize("reference", ["", " ", "x" * 65, "a\x00b", " padded"])
def test_what_is_no_reference_is_refused(market, reference):
    with pytest.raises(CommandError):
        deposit(market, reference=reference)
    assert not Transfer.objects.exists()


def test_a_reference_is_deposited_once(market):
    deposit(market)
    with pytest.raises(CommandError, match="already"):
        deposit(market)
    assert factories.balance(market.buyer, AccountKind.WALLET) == 128_050


def test_whom_it_cannot_be_for(market):
    with pytest.raises(CommandError, match="No organisation"):
        call_command("deposit", "--uscc=91520100000000000X", "--amount=1", "--reference=R")
    with pytest.raises(CommandError, match="wallet"):
        call_command("deposit", f"--uscc={market.vendor.uscc}", "--amount=1", "--reference=R")


def test_only_the_operator_deposits(market):
    bank = Account.objects.get(kind=AccountKind.BANK)
    wanted = {"organization": market.buyer, "bank": bank, "amount": 5, "reference": "R"}
    for membership in (market.purchaser, market.lister, market.vendor_finance, market.auditor):
        with pytest.raises(Forbidden):
            services.deposit(actor=factories.actor_of(membership), **wanted)
    services.deposit(actor=factories.actor_of(market.operator), **wanted)
    with pytest.raises(AlreadyPosted):
        services.deposit(actor=factories.actor_of(market.operator), **wanted)
    with pytest.raises(InvalidInput):
        services.deposit(actor=factories.actor_of(market.operator), **wanted | {"amount": 10**15 + 1})
    assert factories.balance(market.buyer, AccountKind.WALLET) == 5
