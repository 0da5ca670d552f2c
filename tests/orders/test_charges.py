"""What is charged at acceptance, and what PostgreSQL itself refuses about charges and about money out of escrow."""

import pytest
from django.db import IntegrityError, connection, transaction

from market.kernel import clock
from market.kernel.database import insert_together, violated_constraint
from market.kernel.errors import NotFound
from market.ledger.errors import BeyondEscrow
from market.ledger.models import Transfer
from market.ledger.services import posting, transfer
from market.ledger.states import TransferKind
from market.orders import jobs, services
from market.orders.models import Charge, Order
from market.orders.selectors import is_running, money_of, timeline
from market.orders.services.charging import back_to_wallet, charge
from market.outbox.models import Job
from tests import factories
from tests.orders.trades import buyer, delivered, money, place

pytestmark = pytest.mark.django_db
SUBSCRIPTION = {"price_model": "subscription", "months": 3}


def accepted(market: factories.Market, **changes) -> Order:
    return services.accept(actor=buyer(market), order_id=delivered(market, **changes).id)


def refused(sql: str, **parameters) -> str:
    """Run raw SQL that must be refused and change nothing; the name of what refused it."""
    before = list(Charge.objects.order_by("id").values()), list(Transfer.objects.order_by("id").values())
    with pytest.raises(IntegrityError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
    assert before == (list(Charge.objects.order_by("id").values()), list(Transfer.objects.order_by("id").values()))
    return violated_constraint(refusal.value)


class TestAcceptance:
    def test_a_plain_order_is_charged_whole(self):
        market = factories.market()
        made = accepted(market).charges.get()
        assert (made.part, made.amount, made.currency, made.is_final) == ("whole", 10_000, "CNY", True)
        assert made.vendor_org_id == market.vendor.id
        capture = Job.objects.get(kind=jobs.CAPTURE)
        assert (capture.key, capture.subject_id) == (str(made.id), made.id)
        assert not Job.objects.filter(kind=jobs.BEGIN).exists()

    def test_a_free_order_is_charged_nothing(self):
        market = factories.market()
        free = factories.offer(market.offer.product, 0)
        assert accepted(market, offer_id=free.id).charges.get().amount == 0

    @pytest.mark.parametrize("by_itself", [False, True])
    def test_what_runs_begins_instead(self, by_itself):
        market = factories.market()
        offer = factories.offer(market.offer.product, 1_000, **SUBSCRIPTION)
        order = delivered(market, offer_id=offer.id)
        assert is_running(order)
        if by_itself:
            with clock.frozen_at(order.acceptance_due_at):
                assert services.accept_overdue() == 1
        else:
            services.accept(actor=buyer(market), order_id=order.id)
        begin = Job.objects.get(kind=jobs.BEGIN)
        assert (begin.key, begin.subject_id) == (str(order.id), order.id)
        assert not Charge.objects.exists() and not Job.objects.filter(kind=jobs.CAPTURE).exists()
        assert money_of(order)["held"] == 3_000

    def test_costs_no_statement_more(self, django_assert_num_queries):
        market = factories.market()
        order = delivered(market)
        # Savepoint, lock, move, insert of everything, release.
        with django_assert_num_queries(5):
            services.accept(actor=buyer(market), order_id=order.id)


COPY = """
INSERT INTO orders_charge
SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid()) || '{changes}'::jsonb)).*
  FROM orders_charge AS c LIMIT 1
"""


class TestChargeInTheDatabase:
    @pytest.mark.parametrize(
        ("sql", "constraint"),
        [
            ("UPDATE orders_charge SET amount = amount - 1", "orders_charge_is_immutable"),
            ("UPDATE orders_charge SET is_final = false", "orders_charge_is_immutable"),
            ("DELETE FROM orders_charge", "orders_charge_is_immutable"),
            (COPY.format(changes="{}"), "charge_part_once"),
            (COPY.format(changes='{"part": "2027-03"}'), "charge_final_once"),
            (COPY.format(changes='{"part": "2027-03", "is_final": false, "amount": -1}'), "charge_amount"),
            (COPY.format(changes='{"part": "", "is_final": false}'), "charge_amount"),
        ],
    )
    def test_refuses(self, sql, constraint):
        accepted(factories.market())
        assert refused(sql) == constraint

    def test_lets_parts_follow_each_other(self):
        accepted(factories.market())
        with connection.cursor() as cursor:
            cursor.execute(COPY.format(changes='{"part": "2027-03", "is_final": false}'))
        assert Charge.objects.count() == 2


LEG = """
INSERT INTO ledger_transfer (id, tx_id, debit_account_id, credit_account_id, amount, currency, kind, subject_type,
                             subject_id, business_key, posted_at)
SELECT gen_random_uuid(), gen_random_uuid(), credit_account_id, %(credit)s, %(amount)s, currency, %(kind)s,
       subject_type, subject_id, %(key)s, now()
  FROM ledger_transfer WHERE subject_id = %(order)s AND kind = 'escrow'
"""


class TestEscrowBounds:
    """Other open orders keep the buyer's escrow full, so that the balance alone would let each of these pass."""

    @pytest.fixture
    def market(self) -> factories.Market:
        market = factories.market(funds=1_000_000)
        place(market, quantity=5)
        return market

    def leg(self, market, order, kind: str, amount: int) -> dict:
        to = "wallet" if kind == "release" else kind.removeprefix("capture_").replace("net", "payable")
        owner = market.buyer if kind == "release" else market.vendor
        credit = owner.accounts.get(kind=to).id
        return {"order": order.id, "kind": kind, "amount": amount, "credit": credit, "key": f"{kind}:{amount}"}

    @pytest.mark.parametrize("kind", ["release", "capture_net", "capture_commission", "capture_vat"])
    def test_more_than_was_paid(self, market, kind):
        order = place(market)
        wanted = self.leg(market, order, kind, 10_001)
        assert refused(LEG, **wanted) == "ledger_transfer_within_escrow"

    @pytest.mark.parametrize("first", ["release", "capture_net"])
    @pytest.mark.parametrize("second", ["release", "capture_vat"])
    def test_together_more_than_was_paid(self, market, first, second):
        order = place(market)
        with connection.cursor() as cursor:
            cursor.execute(LEG, self.leg(market, order, first, 6_000))
            cursor.execute(LEG, self.leg(market, order, second, 4_000))
        assert money_of(order)["held"] == 0
        assert refused(LEG, **self.leg(market, order, second, 1)) == "ledger_transfer_within_escrow"

    def test_services_hear_of_it_in_words(self, market):
        order = place(market)
        with pytest.raises(BeyondEscrow), posting(), transaction.atomic():
            insert_together(back_to_wallet(order, part="dispute", amount=10_001))
        assert money_of(order)["returned"] == 0


def fed(order: Order, number: int, amount: int) -> Transfer:
    placed = Transfer.objects.get(business_key=f"order:{order.id}:escrow")
    return transfer(
        debit=placed.debit_account_id,
        credit=placed.credit_account_id,
        amount=amount,
        kind=TransferKind.ESCROW,
        subject=("order", order.id),
        business_key=f"order:{order.id}:escrow:{number}",
    )


def test_money_and_history_of_an_order_fed_more_than_once():
    market = factories.market()
    order = place(market)
    insert_together(fed(order, 2, 700), fed(order, 3, 300))
    insert_together(back_to_wallet(order, part="2027-03", amount=10_400))
    insert_together(charge(order, part="2027-03", amount=600, is_final=False))
    sums = money_of(order)
    assert (sums["escrowed"], sums["returned"], sums["captured"], sums["held"]) == (11_000, 10_400, 0, 600)
    assert money(market) == (100_000 - 600, 600)
    moved = [moment.amount for moment in timeline(buyer(market), order) if moment.amount]
    assert moved == [10_000, 700, 300, 10_400]
    with pytest.raises(IntegrityError, match="business_key"), transaction.atomic():
        insert_together(back_to_wallet(order, part="2027-03", amount=1))


def test_nothing_returns_of_an_order_that_paid_nothing():
    market = factories.market()
    order = place(market, offer_id=factories.offer(market.offer.product, 0).id)
    with pytest.raises(NotFound):
        back_to_wallet(order, part="dispute", amount=1)
