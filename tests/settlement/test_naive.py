"""Two sets of books that know nothing of each other agree to the fen: small histories in every run, and a large market,
of 100,000 orders under ``make test-deep``."""

import contextlib
import csv
import dataclasses
import datetime
import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Organization
from accounts.states import Capacity, Role, TaxpayerType
from market.audit.services import event
from market.catalog.models import Offer
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import copy_together
from market.kernel.errors import BusinessError
from market.kernel.identifiers import short_code, uuid7
from market.ledger.models import Account, Transfer
from market.ledger.services import transfer
from market.ledger.states import AccountKind, TransferKind
from market.orders.models import Charge, Order
from market.orders.states import OrderState
from market.settlement import services
from market.settlement.errors import BeyondCaptured, PayoutHeld
from market.settlement.models import Capture, Payout
from market.settlement.states import PayoutHold, PayoutState
from tests import factories
from tests.settlement import lives, naive
from tests.settlement.exported import export
from tests.settlement.test_any_market import perform, steps
from tests.settlement.trades import account_of, market_with_fees

pytestmark = pytest.mark.django_db

taxpayers = st.tuples(st.just("taxpayer"), st.sampled_from(TaxpayerType.values), st.none())


def disagreements() -> list[str]:
    with TemporaryDirectory() as folder:
        return naive.disagreements(export(Path(folder)))


# --- Small histories through the services ---


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(st.one_of(steps, taxpayers), min_size=5, max_size=30))
def test_both_tell_the_same_story(story):
    with transaction.atomic():
        market, made = market_with_fees(funds=5_000_000), []
        for step in story:
            with contextlib.suppress(BusinessError), transaction.atomic():
                if step[0] == "taxpayer":
                    Organization.objects.filter(id=market.vendor.id).update(taxpayer_type=step[1])
                else:
                    perform(market, made, step)
        assert disagreements() == []
        transaction.set_rollback(True)


def test_both_tell_of_a_busy_market():
    lives.busy_market()
    assert disagreements() == []


@pytest.mark.parametrize(
    ("gross", "commission_bps", "vat_bps", "parts"),
    [
        (9_999, 500, 600, (8_933, 500, 566)),
        (10, 500, 600, (9, 0, 1)),
        (1, 500, 600, (1, 0, 0)),
        (10_000, 500, 100, (9_401, 500, 99)),
        (0, 500, 600, (0, 0, 0)),
        (3, 5_000, 10_000, (0, 2, 1)),
    ],
)
def test_the_naive_division_is_that_of_the_document(gross, commission_bps, vat_bps, parts):
    found = naive.division(gross, Fraction(gross * commission_bps, 10_000), vat_bps)
    assert (found["net"], found["commission"], found["vat"]) == parts


def changed_cell(table: str, column: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    """Alter one cell of the first line of a file."""

    def alter(folder: Path) -> None:
        file = folder / f"{table}.csv"
        with file.open(newline="") as before:
            rows = list(csv.DictReader(before))
        rows[0][column] = change(rows[0][column])
        _write(file, rows)

    return alter


def dropped(table: str) -> Callable[[Path], None]:
    """Leave the first line of a file out."""

    def alter(folder: Path) -> None:
        file = folder / f"{table}.csv"
        with file.open(newline="") as before:
            rows = list(csv.DictReader(before))
        _write(file, rows[1:], list(rows[0]))

    return alter


def _write(file: Path, rows: list[dict[str, str]], header: list[str] | None = None) -> None:
    with file.open("w", newline="") as after:
        writer = csv.DictWriter(after, header or list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def more(text: str) -> str:
    return str(int(text) + 1)


FAULTS = {
    "a part of a capture": changed_cell("captures", "vat", more),
    "a capture's gross": changed_cell("captures", "gross", more),
    "a transfer's amount": changed_cell("transfers", "amount", more),
    "a transfer left out": dropped("transfers"),
    "a batch's sum": changed_cell("batches", "net", more),
    "a batch's count": changed_cell("batches", "order_count", more),
    "a line left out": dropped("lines"),
    "a payout's amount": changed_cell("payouts", "amount", more),
    "a payout left out": dropped("payouts"),
    "a charge's amount": changed_cell("charges", "amount", more),
    "an order's amount": changed_cell("orders", "amount", more),
    "what a batch carries over": changed_cell("batches", "carried", more),
    "a part of a refund": changed_cell("refunds", "vat", more),
    "what was advanced": changed_cell("refunds", "advanced", more),
    "a refund left out": dropped("refunds"),
    "a repayment left out": dropped("repayments"),
    "how long it is owed": changed_cell("ages", "0-30", more),
    "a deposit left out": dropped("deposits"),
    "the commission": changed_cell("schedules", "commission_bps", more),
    "what was captured before": changed_cell("captures", "volume_before", more),
    "a month's volume": changed_cell("volumes", "gross", more),
}


def test_the_naive_books_notice_each_fault(tmp_path):
    market = lives.busy_market()
    lives.settle()
    lives.give_back(market, Capture.objects.filter(vendor_org=market.vendor).earliest("id").order_id)
    assert naive.disagreements(export(tmp_path / "right")) == []
    for number, (name, alter) in enumerate(FAULTS.items()):
        folder = export(tmp_path / str(number))
        alter(folder)
        assert naive.disagreements(folder), name


# --- A large market in bulk ---

BEGINNING = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
DAYS_APART = datetime.timedelta(days=4)
ROUNDS, VENDORS, BUYERS = 10, 20, 5
FATES = ("accepted", "cancelled", "refunded", "partial", "open")
WEIGHTS = (76, 8, 6, 6, 4)


@dataclasses.dataclass
class Bulk:
    """Rows of many orders, to be copied into the database together."""

    orders: list[Order]
    charges: list[Charge]
    transfers: list
    events: list

    def insert(self) -> None:
        for rows in (self.orders, self.charges, self.transfers, self.events):
            copy_together(rows)


def orders_of(
    chance: random.Random, buyer: factories.Membership, offers: Sequence[Offer], revisions: dict, count: int
) -> Bulk:
    """So many orders of one buyer with random offers, amounts and fates, as the services would have left them."""
    bulk = Bulk([], [], [], [])
    wallet, escrow = (account_of(buyer.organization, kind).id for kind in (AccountKind.WALLET, AccountKind.ESCROW))
    states = {"cancelled": OrderState.CANCELLED, "refunded": OrderState.REFUNDED, "open": OrderState.DELIVERED}
    for _number in range(count):
        offer, fate, key = chance.choice(offers), chance.choices(FATES, WEIGHTS)[0], uuid7()
        amount = chance.choice((chance.randint(1, 40), chance.randint(1, 100_000), chance.randint(1, 5_000_000)))
        back = amount if fate in ("cancelled", "refunded") else 0
        if fate == "partial":
            back = chance.randint(0, amount - 1)
        order = Order(
            id=key,
            number=f"N{short_code(key, 13)}{len(bulk.orders)}",
            buyer_org=buyer.organization,
            vendor_org_id=offer.vendor_org_id,
            product_id=offer.product_id,
            offer=offer,
            revision_id=revisions[offer.id],
            placed_by=buyer.user,
            quantity=1,
            amount=amount,
            purpose="test",
            client_reference=str(key),
            terms_sha256="0" * 64,
            state=states.get(fate, OrderState.ACCEPTED),
            delivered_at=clock.now(),
            acceptance_due_at=clock.now(),
        )
        bulk.orders.append(order)
        way = {"subject": ("order", key), "currency": order.currency}
        bulk.transfers.append(
            transfer(debit=wallet, credit=escrow, amount=amount, kind=TransferKind.ESCROW,
                     business_key=f"order:{key}:escrow", **way)
        )  # fmt: skip
        if back:
            bulk.transfers.append(
                transfer(debit=escrow, credit=wallet, amount=back, kind=TransferKind.RELEASE,
                         business_key=f"order:{key}:release", **way)
            )  # fmt: skip
        if fate in ("accepted", "partial"):
            part = "whole" if fate == "accepted" else "dispute"
            bulk.charges.append(
                Charge(order=order, vendor_org_id=offer.vendor_org_id, part=part, amount=amount - back, is_final=True)
            )
        bulk.events.append(event("order.placed", actor=SYSTEM, subject=("order", key), payload={"amount": amount}))
    return bulk


class Ticking:
    """A clock on which every act has a second of its own, as the naive books need it to know what came first."""

    def __init__(self) -> None:
        self.now = BEGINNING

    def __call__(self, act: Callable, **arguments):
        """Do ``act``, a second later than the last."""
        self.now += datetime.timedelta(seconds=1)
        with clock.frozen_at(self.now):
            return act(**arguments)


def bank_says(chance: random.Random, do: Ticking) -> None:
    """Most payments arrive, some come back; of what waits for another try most is sent again, if that can be, and some
    is given up."""
    waiting = Payout.objects.filter(state=PayoutState.PENDING).exclude(hold=PayoutHold.NO_BANK_ACCOUNT)
    for key in waiting.order_by("id").values_list("id", flat=True):
        if chance.random() < 0.7:
            with contextlib.suppress(PayoutHeld):  # refunds took back what it would pay
                do(services.send_payout, actor=SYSTEM, payout_id=key)
        elif chance.random() < 0.5:
            do(services.void_payout, actor=SYSTEM, payout_id=key, reason="Paid with the next batch.")
    for key in Payout.objects.filter(state=PayoutState.SENT).values_list("id", flat=True):
        if chance.random() < 0.2:
            do(services.bounce_payout, actor=SYSTEM, payout_id=key, reason="AC04 closed account")
        elif chance.random() < 0.8:
            do(services.confirm_payout, actor=SYSTEM, payout_id=key)


def give_back(chance: random.Random, do: Ticking, sold: Sequence, count: int) -> None:
    """So many refunds of orders captured at some time, whole or in part; some are asked for too much."""
    for number, order_id in enumerate(chance.choices(sold, k=count)):
        amount = chance.choice((None, 1, chance.randint(1, 50_000)))
        with contextlib.suppress(BeyondCaptured):
            do(
                services.refund_captured,
                actor=SYSTEM,
                order_id=order_id,
                amount=amount,
                reference=f"{do.now}:{number}",
                reason="A file was empty.",
            )


def offer_of_another(chance: random.Random, number: int) -> Offer:
    """What one more vendor sells; the first of them has no bank account."""
    account = "" if number == 0 else f"6222021{number:09d}"
    vendor = factories.organization(
        Capacity.VENDOR, taxpayer_type=chance.choice(TaxpayerType.values), bank_account=account
    )
    product = factories.product(vendor, sector=chance.choice("JM"))
    factories.revision(product)
    return factories.offer(product)


def tiers_of(chance: random.Random) -> list[tuple[int, int]]:
    """Up to three tiers that a month of this market passes through."""
    volumes = sorted(chance.sample((50_000, 1_000_000, 7_654_321, 40_000_000, 10**9), chance.randint(0, 3)))
    return [(volume, chance.randint(0, 2_000)) for volume in volumes]


def is_deep(config: pytest.Config) -> bool:
    return config.getoption("--hypothesis-profile") == "deep"


def test_both_agree_over_a_large_market(request, settings):
    settings.PAYOUT_APPROVAL_ABOVE = 10**12  # so much passes here that everything would wait for two persons
    count = 100_000 if is_deep(request.config) else 1_000
    chance = random.Random(20_260_302)
    do = Ticking()
    with clock.frozen_at(BEGINNING):
        market = market_with_fees(500, funds=0)
        buyers = [factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER) for _ in range(BUYERS)]
        for buyer in buyers:
            factories.fund(buyer.organization, 10**13)
        offers = [market.offer, *(offer_of_another(chance, number) for number in range(VENDORS - 1))]
    revisions = {offer.id: offer.product.revisions.get().id for offer in offers}
    vendors = [offer.vendor_org_id for offer in offers]
    waiting: list = []
    for number in range(ROUNDS):
        do.now = BEGINNING + DAYS_APART * number
        for buyer in buyers:
            bulk = do(partial(orders_of, chance, buyer, offers, revisions, count // ROUNDS // BUYERS))
            with transaction.atomic():
                bulk.insert()
            waiting += [charge.id for charge in bulk.charges]
        # As autovacuum would: it cannot see what is not committed, and plans are made for the rows of the last round.
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE ledger_transfer, ledger_account, orders_order, orders_charge, settlement_capture")
        # Some charges wait for another day, and meet other fees and another taxpayer type there.
        chance.shuffle(waiting)
        late = waiting[: len(waiting) // 10]
        do(services.capture_many, charge_ids=waiting[len(late) :])
        do(services.repay_receivables, vendor_ids=vendors)
        waiting = late
        sold = list(Capture.objects.order_by("id").values_list("order_id", flat=True))
        give_back(chance, do, sold, count // ROUNDS // 40)
        cutoff = do.now - datetime.timedelta(hours=chance.choice((0, 1, 30)))
        do(services.run_settlement, actor=SYSTEM, cutoff=cutoff)
        give_back(chance, do, sold, count // ROUNDS // 40)
        bank_says(chance, do)
        if chance.random() < 0.6:
            do(
                services.create_fee_schedule,
                actor=SYSTEM,
                commission_bps=chance.randint(0, 3_000),
                vat_general_bps=chance.randint(0, 1_700),
                vat_small_scale_bps=chance.randint(0, 500),
                tiers=tiers_of(chance),
                special_rates=[
                    services.SpecialRate(
                        vendor_id=chance.choice(vendors), commission_bps=chance.randint(0, 900), tiers=tiers_of(chance)
                    ),
                    services.SpecialRate(sector="M", commission_bps=chance.randint(0, 900), tiers=tiers_of(chance)),
                ][: chance.randint(0, 2)],
                effective_from=do.now + datetime.timedelta(hours=chance.choice((1, 12, 40))),
            )
        turned = chance.choice(vendors)
        Organization.objects.filter(id=turned).update(taxpayer_type=chance.choice(TaxpayerType.values))
    assert Order.objects.count() == count
    assert {PayoutState.BOUNCED, PayoutState.VOID} <= set(Payout.objects.values_list("state", flat=True))
    assert Account.objects.filter(kind=AccountKind.PAYABLE, balance__gt=0).exists()
    assert Transfer.objects.filter(kind=TransferKind.REPAYMENT).exists()
    with clock.frozen_at(do.now):
        assert disagreements() == []
        assert services.reconcile().is_clean
