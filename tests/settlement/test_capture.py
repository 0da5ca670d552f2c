"""Capture: an accepted order's escrow is divided once, whole, with its evidence."""

import threading
import uuid

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Organization
from accounts.states import TaxpayerType
from market.audit.models import AuditEvent
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together
from market.ledger.models import Account, Transfer
from market.ledger.states import AccountKind, TransferKind
from market.orders import jobs
from market.orders.models import Charge, Order
from market.orders.services.charging import back_to_wallet, charge
from market.orders.states import OrderState
from market.outbox import services as outbox
from market.outbox.models import Job
from market.outbox.states import JobState
from market.settlement.errors import NoFeeSchedule, NotCapturable
from market.settlement.models import Capture, SettlementBatch
from market.settlement.services import capture_many, create_fee_schedule, reconcile
from tests import factories
from tests.settlement import lives
from tests.settlement.trades import accepted_orders, capture_orders, collected, market_with_fees


def charge_of(order_id: uuid.UUID) -> uuid.UUID:
    return Charge.objects.get(order=order_id).id


def parts_of(order_id: uuid.UUID) -> tuple[int, int, int]:
    return Capture.objects.values_list("net", "commission", "vat").get(order_id=order_id)


@pytest.mark.django_db
class TestCapture:
    def test_divides_the_escrow(self):
        market = market_with_fees()
        (order_id,) = accepted_orders(market, [10_000])
        assert capture_orders([order_id]) == 1
        assert parts_of(order_id) == (8_934, 500, 566)
        assert factories.balance(market.buyer, AccountKind.ESCROW) == 0
        assert factories.balance(market.vendor, AccountKind.PAYABLE) == 8_934
        assert collected(market.vendor, AccountKind.COMMISSION) == 500
        assert collected(market.vendor, AccountKind.VAT) == 566
        moved = Transfer.objects.filter(tx_id=Capture.objects.get().id).order_by("business_key")
        assert [leg.business_key for leg in moved] == [
            f"order:{order_id}:capture:whole:{part}" for part in ("commission", "net", "vat")
        ]

    def test_leaves_evidence_of_what_divided_it(self):
        market = market_with_fees()
        (order_id,) = accepted_orders(market, [10_000])
        capture_orders([order_id])
        proof = AuditEvent.objects.get(name="order.captured", subject_id=order_id)
        assert proof.payload == {
            "charge": str(Charge.objects.get().id),
            "part": "whole",
            "gross": 10_000,
            "net": 8_934,
            "commission": 500,
            "vat": 566,
            "currency": "CNY",
            "fee_schedule_version": 1,
            "taxpayer_type": "general",
            "sector": market.offer.product.sector,
            "volume_before": 0,
        }
        assert (proof.buyer_org_id, proof.vendor_org_id) == (market.buyer.id, market.vendor.id)

    def test_the_vendors_taxpayer_type_decides_the_rate(self):
        market = market_with_fees()
        Organization.objects.filter(id=market.vendor.id).update(taxpayer_type=TaxpayerType.SMALL_SCALE)
        (order_id,) = accepted_orders(market, [10_000])
        capture_orders([order_id])
        assert parts_of(order_id) == (9_401, 500, 99)

    def test_the_schedule_in_force_at_capture_decides(self):
        market = market_with_fees()
        first, second = accepted_orders(market, [10_000, 10_000])
        capture_orders([first])
        create_fee_schedule(actor=SYSTEM, commission_bps=100)
        capture_orders([second])
        assert [capture.schedule.version for capture in Capture.objects.order_by("id")] == [1, 2]
        assert parts_of(second)[1] == 100

    def test_legs_of_nothing_are_not_posted(self):
        market = market_with_fees(commission_bps=0)
        (order_id,) = accepted_orders(market, [1])
        capture_orders([order_id])
        assert parts_of(order_id) == (1, 0, 0)
        assert [leg.kind for leg in Transfer.objects.filter(tx_id=Capture.objects.get().id)] == [
            TransferKind.CAPTURE_NET
        ]

    def test_again_does_nothing(self):
        market = market_with_fees()
        (order_id,) = accepted_orders(market, [10_000])
        capture_orders([order_id])
        before = (Transfer.objects.count(), AuditEvent.objects.count())
        assert capture_orders([order_id]) == 0
        assert (Transfer.objects.count(), AuditEvent.objects.count()) == before

    def test_a_free_order_is_settled_at_once(self):
        market = market_with_fees()
        (order_id,) = accepted_orders(market, [0])
        assert capture_orders([order_id]) == 0
        assert Order.objects.get().state == OrderState.SETTLED
        assert not Capture.objects.exists()
        assert capture_orders([order_id]) == 0

    def test_many_of_all_sorts_in_one_call(self):
        amounts = [0, 1, 2, 3, 99, 100, 101, 9_999] * 80
        market = market_with_fees(funds=sum(amounts))
        order_ids = accepted_orders(market, amounts)
        capture_orders(order_ids[:7])
        assert capture_orders(order_ids) == len([amount for amount in amounts if amount]) - 6
        assert sum(Capture.objects.values_list("gross", flat=True)) == sum(amounts)
        assert factories.balance(market.buyer, AccountKind.ESCROW) == 0
        assert not Order.objects.filter(amount=0).exclude(state=OrderState.SETTLED).exists()


@pytest.mark.django_db
class TestRefused:
    @pytest.mark.parametrize("state", [OrderState.PAID, OrderState.CANCELLED, OrderState.REFUNDED])
    def test_an_order_that_is_not_accepted(self, state):
        market = market_with_fees()
        accepted, other = *accepted_orders(market, [100]), *accepted_orders(market, [100], state=state)
        with pytest.raises(NotCapturable, match=f"{charge_of(other)}: its order is {state}"):
            capture_orders([accepted, other])
        assert not Capture.objects.exists()
        assert factories.balance(market.buyer, AccountKind.ESCROW) == 200

    def test_an_unknown_order(self):
        market_with_fees()
        with pytest.raises(NotCapturable, match="unknown"):
            capture_many(charge_ids=[uuid.uuid4()])

    def test_without_a_fee_schedule(self):
        (order_id,) = accepted_orders(factories.market(), [100])
        with pytest.raises(NoFeeSchedule, match="manage.py fee_schedule"):
            capture_orders([order_id])
        assert not Capture.objects.exists()

    def test_without_the_vendors_accounts(self):
        market = market_with_fees()
        (order_id,) = accepted_orders(market, [100])
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("DELETE FROM ledger_account WHERE kind = 'vat'")
            cursor.execute("SET LOCAL session_replication_role = origin")
        with pytest.raises(NotCapturable, match="no account"):
            capture_orders([order_id])
        assert not Capture.objects.exists()

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE settlement_capture SET net = net + 1, vat = vat - 1",
            "DELETE FROM settlement_capture",
        ],
    )
    def test_the_database_keeps_captures_as_they_are(self, statement):
        market = market_with_fees()
        capture_orders(accepted_orders(market, [10_000]))
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert Capture.objects.values_list("net", "commission", "vat").get() == (8_934, 500, 566)


@pytest.mark.django_db(transaction=True)
class TestHandler:
    def job_of(self, order_id: uuid.UUID) -> Job:
        with transaction.atomic():
            made = outbox.job(jobs.CAPTURE, key=str(charge_of(order_id)), subject_id=charge_of(order_id))
            made.save(force_insert=True)
        return made

    def test_few_round_trips(self):
        market = market_with_fees()
        (order_id,) = accepted_orders(market, [10_000])
        job = self.job_of(order_id)
        with CaptureQueriesContext(connection) as queries:
            outbox.perform(job.id)
        # Claim, BEGIN, capture, does the vendor owe anything, finish, COMMIT.
        assert len(queries) == 6, [query["sql"][:80] for query in queries]
        assert Job.objects.get(id=job.id).state == JobState.DONE
        assert Capture.objects.get().order_id == order_id

    def test_a_failure_changes_nothing_and_is_tried_again(self):
        market = factories.market()
        (order_id,) = accepted_orders(market, [10_000])
        job = self.job_of(order_id)
        outbox.perform(job.id)
        job.refresh_from_db()
        assert (job.state, job.attempts) == (JobState.PENDING, 1)
        assert "No fee schedule" in job.last_error or "fee_schedule" in job.last_error
        assert not Capture.objects.exists()
        create_fee_schedule(actor=SYSTEM, commission_bps=500)
        Job.objects.filter(id=job.id).update(due_at=job.created_at)
        outbox.perform(job.id)
        assert Capture.objects.get().gross == 10_000

    def test_of_many_at_once_one_captures(self):
        market = market_with_fees()
        (order_id,) = accepted_orders(market, [10_000])
        barrier, outcomes = threading.Barrier(6), []

        def capture() -> None:
            try:
                with transaction.atomic():
                    barrier.wait(10)
                    outcomes.append(capture_orders([order_id]))
            except Exception as error:  # whatever the database answers to the losers
                outcomes.append(type(error).__name__)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=capture) for _number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes.count(1) == 1
        assert set(outcomes) <= {1, 0, "IntegrityError", "AlreadyPosted"}
        assert Capture.objects.count() == 1
        assert factories.balance(market.vendor, AccountKind.PAYABLE) == 8_934


@pytest.mark.django_db
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amounts=st.lists(st.integers(1, 10**9), min_size=1, max_size=8),
    commission_bps=st.integers(0, 3_000),
)
def test_for_any_amounts_no_fen_is_lost(amounts, commission_bps):
    with transaction.atomic():
        market = market_with_fees(commission_bps, funds=sum(amounts))
        capture_orders(accepted_orders(market, amounts))
        received = factories.balance(market.vendor, AccountKind.PAYABLE)
        received += sum(collected(market.vendor, kind) for kind in (AccountKind.COMMISSION, AccountKind.VAT))
        assert received == sum(amounts)
        assert factories.balance(market.buyer, AccountKind.ESCROW) == 0
        assert all(balance is None or balance >= 0 for balance in Account.objects.values_list("balance", flat=True))
        transaction.set_rollback(True)


@pytest.mark.django_db
class TestParts:
    """A contract that runs: charged part by part, the last part ends the trade."""

    def running(self, *amounts: int, last: int) -> tuple[factories.Market, uuid.UUID, list[uuid.UUID]]:
        market = market_with_fees()
        offer = factories.offer(market.offer.product, 1_000, price_model="subscription", months=12)
        order_id = lives.place(market, offer.id)
        lives.deliver(market, order_id)
        lives.accept(market, order_id)
        order = Order.objects.get(id=order_id)
        rest = order.amount - sum(amounts) - last
        parts = [
            charge(order, part=f"{number}", amount=amount, is_final=False) for number, amount in enumerate(amounts)
        ]
        parts.append(charge(order, part="last", amount=last, is_final=True))
        insert_together(parts, back_to_wallet(order, part="end", amount=rest) if rest else None)
        return market, order_id, [part.id for part in parts]

    def test_each_part_is_captured_once_and_the_last_one_settles(self):
        market, order_id, charges = self.running(1_000, 2_500, last=1_500)
        for charge_id in charges[:2]:
            assert capture_many(charge_ids=[charge_id]) == 1
            assert capture_many(charge_ids=[charge_id]) == 0
        lives.settle()
        assert Order.objects.get(id=order_id).state == OrderState.ACCEPTED
        assert reconcile().is_clean
        assert capture_many(charge_ids=charges) == 1
        assert Order.objects.get(id=order_id).state == OrderState.ACCEPTED
        lives.settle()
        assert Order.objects.get(id=order_id).state == OrderState.SETTLED
        assert sorted(Capture.objects.values_list("gross", flat=True)) == [1_000, 1_500, 2_500]
        assert factories.balance(market.buyer, AccountKind.ESCROW) == 0
        assert reconcile().is_clean

    def test_parts_of_one_order_in_one_chunk(self):
        market, order_id, charges = self.running(1_000, 2_500, last=8_500)
        assert capture_many(charge_ids=charges) == 3
        lives.settle()
        assert Order.objects.get(id=order_id).state == OrderState.SETTLED
        assert SettlementBatch.objects.get().order_count == 3
        assert reconcile().is_clean

    def test_an_end_of_nothing_waits_for_the_other_parts(self):
        market, order_id, charges = self.running(1_000, last=0)
        with pytest.raises(NotCapturable, match="other charges are not captured"):
            capture_many(charge_ids=charges[1:])
        assert Order.objects.get(id=order_id).state == OrderState.ACCEPTED
        capture_many(charge_ids=charges[:1])
        assert capture_many(charge_ids=charges[1:]) == 0
        assert Order.objects.get(id=order_id).state == OrderState.SETTLED
        lives.settle()
        assert reconcile().is_clean

    def test_in_the_database_a_charge_is_captured_once(self):
        _market, _order_id, charges = self.running(1_000, last=0)
        capture_many(charge_ids=charges[:1])
        copy = (
            "INSERT INTO settlement_capture SELECT (jsonb_populate_record(c, jsonb_build_object("
            "'id', gen_random_uuid()))).* FROM settlement_capture AS c"
        )
        with pytest.raises(IntegrityError, match="charge_id"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(copy)
        assert Capture.objects.count() == 1
