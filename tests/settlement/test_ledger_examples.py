"""docs/ledger.md, executed: each step through the real services, each transfer and balance compared."""

import re
from pathlib import Path

import pytest

from accounts.models import Organization
from accounts.states import TaxpayerType
from market.banking import providers
from market.banking import services as banking
from market.banking.models import BankLine
from market.banking.selectors import exchange_account
from market.kernel.actors import SYSTEM
from market.kernel.money import from_text
from market.ledger.models import Transfer
from market.ledger.services import propose_adjustment, propose_reversal
from market.settlement.models import Payout
from market.settlement.services import (
    bounce_payout,
    confirm_payout,
    reconcile,
    refund_captured,
    repay_receivables,
    send_payout,
)
from market.settlement.states import PayoutState
from tests import factories
from tests.banking import another_provider
from tests.banking.messages import Entry
from tests.banking.money import imported
from tests.settlement import lives
from tests.settlement.trades import account_of, capture_orders, market_with_fees

DOCUMENT = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text()
GIVEN = re.compile(r"^Given: commission (\d+) bps, (general|small-scale) taxpayer\.$", re.MULTILINE)
TABLE = re.compile(r"((?:^\|[^\n]*\n)+)", re.MULTILINE)


def rows_of(table: str) -> list[list[str]]:
    """The cells of each row below the head."""
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]


def examples() -> list:
    found = []
    for section in re.split(r"^## ", DOCUMENT, flags=re.MULTILINE)[1:]:
        given = GIVEN.search(section)
        if given:
            steps, accounts = TABLE.findall(section)
            title = section.splitlines()[0]
            found.append(pytest.param(int(given[1]), given[2], rows_of(steps), rows_of(accounts), id=title))
    return found


def fen(text: str) -> int:
    return -from_text(text[1:]) if text.startswith("-") else from_text(text)


class Story:
    """One example being told: a method for each act that a step may name."""

    def __init__(self, commission_bps: int, taxpayer: str) -> None:
        self.market = market_with_fees(commission_bps, funds=0)
        self.vendors = Organization.objects.filter(id=self.market.vendor.id)
        self.vendors.update(taxpayer_type=TaxpayerType(taxpayer.replace("-", "_")))
        self.order_id = None

    def perform(self, step: str) -> None:
        if act := re.fullmatch(r"deposit ([\d.]+)", step):
            factories.fund(self.market.buyer, fen(act[1]))
        elif act := re.fullmatch(r"pay online ([\d.]+)", step):
            self.fund_online(fen(act[1]))
        elif act := re.fullmatch(r"provider pays ([\d.]+), keeps ([\d.]+)", step):
            self.pay_over(fen(act[1]), fen(act[2]))
        elif act := re.fullmatch(r"place ([\d.]+)", step):
            offer = factories.offer(self.market.offer.product, fen(act[1]))
            self.order_id = lives.place(self.market, offer.id)
        elif act := re.fullmatch(r"decide (\w+)(?: ([\d.]+))?", step):
            lives.decide(self.market, self.order_id, act[1], fen(act[2]) if act[2] else None)
        elif step in ("deliver", "fail", "refund", "cancel", "accept", "dispute", "answer"):
            getattr(lives, step)(self.market, self.order_id)
        elif step == "capture":
            capture_orders([self.order_id])
        elif act := re.fullmatch(r"give back ?([\d.]*)", step):
            refund_captured(
                actor=SYSTEM,
                order_id=self.order_id,
                amount=fen(act[1]) if act[1] else None,
                reference=f"R-{step}",
                reason="The files are wrong.",
            )
        elif step == "reverse the last deposit":
            last = Transfer.objects.filter(kind="deposit").latest("id")
            lives.correct(self.market, propose_reversal, transfer_id=last.id)
        elif act := re.fullmatch(r"adjust ([\d.]+) (\w+) (\w+)", step):
            debit, credit = (account_of(self.market.vendor, kind).id for kind in act.groups()[1:])
            lives.correct(self.market, propose_adjustment, debit_id=debit, credit_id=credit, amount=fen(act[1]))
        elif step == "repay":
            repay_receivables(vendor_ids=[self.market.vendor.id])
        elif step == "settle":
            lives.settle()
        elif step == "confirm":
            confirm_payout(actor=SYSTEM, payout_id=Payout.objects.get(state=PayoutState.SENT).id)
        elif step == "bounce":
            payout = Payout.objects.get(state=PayoutState.SENT)
            bounce_payout(actor=SYSTEM, payout_id=payout.id, reason="AC04 closed account")
        elif step == "send":
            send_payout(actor=SYSTEM, payout_id=Payout.objects.get(state=PayoutState.PENDING).id)
        elif step == "lose bank account":
            self.vendors.update(bank_account="")
        elif step == "register bank account":
            self.vendors.update(bank_account="6222021234567890123")
        else:
            raise AssertionError(f"nobody knows how to {step}")

    def fund_online(self, amount: int) -> None:
        """The provider says that the buyer has paid."""
        buyer = factories.actor_of(self.market.purchaser)
        intent = banking.start_payment(actor=buyer, amount=amount)
        banking.take_notification(**another_provider.paid(intent.reference, amount, str(intent.id)))

    def pay_over(self, amount: int, fees: int) -> None:
        """The provider's money is on the bank's statement, and a treasurer says whose it is."""
        imported([Entry(amount, "Payout of the provider")], account=exchange_account())
        banking.assign_to_provider(
            actor=SYSTEM, line_id=BankLine.objects.get().id, fees=fees, reason="By the provider's report."
        )


def acts_of(steps: list[list[str]]) -> list[tuple[str, list[tuple[str, str, int]]]]:
    """Each act with the transfers that it must make; a row without a step belongs to the act above it."""
    acts: list[tuple[str, list[tuple[str, str, int]]]] = []
    for step, debit, credit, amount in steps:
        if step:
            acts.append((step, []))
        if amount:
            acts[-1][1].append((debit, credit, fen(amount)))
    return acts


@pytest.mark.django_db
@pytest.mark.parametrize(("commission_bps", "taxpayer", "steps", "accounts"), examples())
def test_example_of_the_document(commission_bps, taxpayer, steps, accounts, settings, monkeypatch):
    settings.PAYMENT_PROVIDERS = [another_provider.NAME]
    monkeypatch.setattr(providers, "ADAPTERS", another_provider.ADAPTERS)
    story = Story(commission_bps, taxpayer)
    seen: set = set()
    for step, expected in acts_of(steps):
        story.perform(step)
        made = Transfer.objects.exclude(id__in=seen).select_related("debit_account", "credit_account")
        moved = [(leg.debit_account.kind, leg.credit_account.kind, leg.amount) for leg in made]
        assert sorted(moved) == sorted(expected), step
        seen.update(leg.id for leg in made)
    assert t_accounts() == {name: tuple(map(fen, row)) for name, *row in accounts}
    assert sum(left for _debit, _credit, left in t_accounts().values()) == 0
    assert reconcile().is_clean


def t_accounts() -> dict[str, tuple[int, int, int]]:
    """Kind of account -> what was debited, what was credited, and credit less debit."""
    sides: dict[str, list[int]] = {}
    for transfer in Transfer.objects.select_related("debit_account", "credit_account"):
        sides.setdefault(transfer.debit_account.kind, [0, 0])[0] += transfer.amount
        sides.setdefault(transfer.credit_account.kind, [0, 0])[1] += transfer.amount
    return {kind: (debit, credit, credit - debit) for kind, (debit, credit) in sides.items()}


def test_the_document_shows_every_kind_of_transfer():
    """A new way for money to move needs an example."""
    titles = [parameter.id for parameter in examples()]
    routes = {(row[1], row[2]) for parameter in examples() for row in parameter.values[2] if row[3]}
    assert len(titles) == DOCUMENT.count("\nGiven: ") == 18
    assert routes == {
        ("bank", "wallet"),
        ("wallet", "escrow"),
        ("escrow", "wallet"),
        ("escrow", "payable"),
        ("escrow", "commission"),
        ("escrow", "vat"),
        ("payable", "bank"),
        ("bank", "payable"),
        ("payable", "wallet"),
        ("commission", "wallet"),
        ("vat", "wallet"),
        ("receivable", "wallet"),
        ("payable", "receivable"),
        ("wallet", "bank"),
        ("commission", "payable"),
        ("provider", "wallet"),
        ("bank", "provider"),
        ("provider_fees", "provider"),
    }
