"""Money that goes back after it was captured: proportions, receivables, races."""

import datetime
import threading

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.audit.models import AuditEvent
from market.kernel import clock, money
from market.kernel.actors import SYSTEM
from market.kernel.errors import BusinessError, Forbidden, InvalidInput, NotFound
from market.kernel.identifiers import uuid7
from market.ledger.models import Transfer
from market.orders.models import Order
from market.orders.selectors import money_of, timeline
from market.settlement.errors import AlreadyRefunded, BeyondCaptured, PayoutHeld
from market.settlement.models import Capture, Payout, Refund, SettlementBatch
from market.settlement.selectors import receivables_by_age
from market.settlement.services import (
    bounce_payout,
    refund_captured,
    repay_receivables,
    run_settlement,
    send_payout,
    void_payout,
)
from market.settlement.services.holds import refresh_holds
from market.settlement.states import PayoutHold
from tests import factories
from tests.concurrency.guards import with_function_changed, without_constraint
from tests.concurrency.together import together
from tests.settlement.corruption import corrupt, drifted, sql
from tests.settlement.lives import completed, settle
from tests.settlement.trades import accepted_orders, capture_orders, collected, market_with_fees

pytestmark = pytest.mark.django_db
# A capture of 100.00 at 5 % and 6 %.
NET, COMMISSION, VAT = 8_934, 500, 566


def refund(market, order_id, amount=None, reference="R1", **more) -> Refund:
    actor = factories.actor_of(market.operator)
    return refund_captured(
        actor=actor, order_id=order_id, amount=amount, reference=reference, reason="The files are wrong.", **more
    )


def balances(market) -> dict[str, int]:
    kept = {kind: factories.balance(market.vendor, kind) for kind in ("payable", "receivable")}
    taken = {kind: collected(market.vendor, kind) for kind in ("commission", "vat")}
    return kept | taken | {"wallet": factories.balance(market.buyer, "wallet")}


def nothing_changed(before: tuple) -> bool:
    return before == (Refund.objects.count(), Transfer.objects.count(), AuditEvent.objects.count())


def counts() -> tuple:
    return Refund.objects.count(), Transfer.objects.count(), AuditEvent.objects.count()


class TestWhole:
    def test_everything_goes_back_to_where_it_came_from(self):
        market = market_with_fees()
        (order_id,) = completed(market)
        taken = {"commission": COMMISSION, "vat": VAT}
        assert balances(market) == {"payable": NET, "receivable": 0, "wallet": 90_000} | taken
        made = refund(market, order_id)
        assert (made.amount, made.net, made.commission, made.vat, made.advanced) == (10_000, NET, COMMISSION, VAT, 0)
        assert balances(market) == {"payable": 0, "receivable": 0, "commission": 0, "vat": 0, "wallet": 100_000}
        proof = AuditEvent.objects.get(name="order.refunded_after_capture")
        assert (proof.payload["amount"], proof.payload["reference"]) == (10_000, "R1")
        assert drifted() == {}

    def test_the_order_tells(self):
        market = market_with_fees()
        (order_id,) = completed(market)
        refund(market, order_id, 4_000)
        order = Order.objects.get(id=order_id)
        told = money_of(order)
        assert (told["escrowed"], told["captured"], told["refunded"], told["held"]) == (10_000, 10_000, 4_000, 0)
        names = [moment.name for moment in timeline(factories.actor_of(market.purchaser), order)]
        assert names[-4:].count("order.refunded_after_capture") == 1
        assert {"money.refund_net", "money.refund_commission", "money.refund_vat"} <= set(names)
        body = factories.api_client(market.purchaser).get(f"/api/v1/orders/{order_id}").json()
        assert body["money"]["refunded"] == 4_000

    def test_a_batch_pays_what_is_left(self):
        market = market_with_fees(funds=1_000_000)
        first, second = completed(market, 2)
        refund(market, first)
        settle()
        batch, payout = SettlementBatch.objects.get(), Payout.objects.get()
        assert (batch.net, batch.carried, payout.amount, payout.state) == (2 * NET, -NET, NET, "sent")
        assert balances(market)["payable"] == 0 and drifted() == {}

    def test_a_batch_that_pays_nothing_is_carried_over(self):
        market = market_with_fees(funds=1_000_000)
        (first,) = completed(market)
        settle()
        completed(market)
        refund(market, first, reference="R1")
        settle()
        assert SettlementBatch.objects.first().carried == -NET and Payout.objects.count() == 1
        completed(market, 1)
        settle()
        assert Payout.objects.first().amount == NET and SettlementBatch.objects.first().carried == 0
        assert balances(market)["payable"] == 0 and drifted() == {}


class TestParts:
    def test_parts_add_up_whatever_the_order(self):
        market = market_with_fees()
        (order_id,) = completed(market)
        amounts = (1, 1, 3_333, 2, 6_660, 3)
        for number, amount in enumerate(amounts):
            made = refund(market, order_id, amount, reference=f"R{number}")
            assert made.number == number + 1 and made.net + made.commission + made.vat == amount
        assert sum(amounts) == 10_000
        assert balances(market) == {"payable": 0, "receivable": 0, "commission": 0, "vat": 0, "wallet": 100_000}
        assert drifted() == {}

    @given(
        captured=st.lists(st.integers(0, 10**12), min_size=3, max_size=3).filter(lambda parts: sum(parts) > 0),
        shares=st.lists(st.integers(1, 1_000), min_size=1, max_size=8),
    )
    def test_what_remains_is_never_overdrawn_and_nothing_is_left(self, captured, shares):
        """The arithmetic alone: split what remains, as the service does, until all of it has gone back."""
        remains = list(captured)
        for amount in money.split(sum(captured), shares):
            if amount:
                parts = money.split(amount, remains)
                assert all(0 <= part <= rest for part, rest in zip(parts, remains, strict=True))
                exact = [amount * rest / sum(remains) for rest in remains]
                assert all(abs(part - share) < 1.01 for part, share in zip(parts, exact, strict=True))
                remains = [rest - part for part, rest in zip(parts, remains, strict=True)]
        assert remains == [0, 0, 0]

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        amounts=st.lists(st.integers(1, 1_000_000), min_size=1, max_size=3),
        acts=st.lists(
            st.tuples(
                st.sampled_from(["refund", "settle", "capture", "repay"]), st.integers(0, 5), st.integers(1, 900_000)
            ),
            max_size=14,
        ),
    )
    def test_any_story_adds_up(self, amounts, acts):
        with transaction.atomic():
            market = market_with_fees(funds=100_000_000)
            orders = accepted_orders(market, amounts)
            capture_orders(orders)
            for number, (act, which, amount) in enumerate(acts):
                try:
                    with transaction.atomic():
                        if act == "refund":
                            refund(market, orders[which % len(orders)], amount, reference=f"R{number}")
                        elif act == "settle":
                            settle()
                        elif act == "capture":
                            orders += accepted_orders(market, [amount])
                            capture_orders(orders[-1:])
                        else:
                            repay_receivables(vendor_ids=[market.vendor.id])
                except BusinessError:
                    continue
            assert drifted() == {}
            transaction.set_rollback(True)


class TestRefused:
    def test_more_than_remains(self):
        market = market_with_fees()
        (order_id,) = completed(market)
        refund(market, order_id, 9_000)
        before = counts()
        with pytest.raises(BeyondCaptured) as refusal:
            refund(market, order_id, 1_001, reference="R2")
        assert refusal.value.extra["remains"] == 1_000
        for amount in (0, -5):
            with pytest.raises(BeyondCaptured):
                refund(market, order_id, amount, reference="R2")
        assert nothing_changed(before) and drifted() == {}

    def test_the_same_reference_twice(self):
        market = market_with_fees()
        (order_id,) = completed(market)
        refund(market, order_id, 100)
        before = counts()
        with pytest.raises(AlreadyRefunded):
            refund(market, order_id, 100)
        assert nothing_changed(before)

    def test_what_was_not_captured(self):
        market = market_with_fees()
        order_id = accepted_orders(market, [5_000])[0]
        for key, error in ((order_id, BeyondCaptured), (uuid7(), NotFound)):
            with pytest.raises(error):
                refund(market, key)
        assert not Refund.objects.exists()

    def test_who_may_not(self):
        market = market_with_fees()
        (order_id,) = completed(market)
        for member in (market.purchaser, market.lister, market.vendor_finance, market.auditor):
            with pytest.raises(Forbidden):
                refund_captured(
                    actor=factories.actor_of(member), order_id=order_id, reference="R", reason="Please.", amount=1
                )
        for texts in ({"reason": " ", "reference": "R"}, {"reason": "Fine.", "reference": ""}):
            with pytest.raises(InvalidInput):
                refund_captured(actor=SYSTEM, order_id=order_id, amount=1, **texts)
        assert not Refund.objects.exists()

    def test_the_database_refuses_more_than_was_captured(self):
        market = market_with_fees()
        (order_id,) = completed(market)
        refund(market, order_id, 9_999)
        copy = (
            "INSERT INTO settlement_refund SELECT (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid(),"
            " 'number', {number}, 'reference', 'X'))).* FROM settlement_refund r"
        )
        for number in (1, 2, 3):
            with pytest.raises(IntegrityError), transaction.atomic():
                sql(copy.format(number=number))
        for statement in ("UPDATE settlement_refund SET amount = 1", "DELETE FROM settlement_refund"):
            with pytest.raises(IntegrityError), transaction.atomic():
                sql(statement)
        assert Refund.objects.count() == 1


class TestReceivable:
    def paid_out(self, count: int = 1):
        market = market_with_fees(funds=1_000_000)
        orders = completed(market, count)
        settle()
        assert balances(market)["payable"] == 0
        return market, orders

    def test_the_buyer_gets_the_money_and_the_vendor_owes_it(self):
        market, (order_id,) = self.paid_out()
        made = refund(market, order_id)
        assert (made.net, made.advanced) == (NET, NET)
        assert balances(market) == {"payable": 0, "receivable": -NET, "commission": 0, "vat": 0, "wallet": 1_000_000}
        assert receivables_by_age() == {market.vendor.id: {"0-30": NET, "31-60": 0, "61-90": 0, "90+": 0}}
        assert drifted() == {}

    def test_later_captures_repay_first(self):
        market, (order_id,) = self.paid_out()
        refund(market, order_id)
        completed(market, 1)
        # With the capture it was repaid, as its job does; nothing is left to repay.
        assert repay_receivables(vendor_ids=[market.vendor.id]) == 0
        assert balances(market)["receivable"] == balances(market)["payable"] == 0
        settle()
        assert Payout.objects.count() == 1 and SettlementBatch.objects.first().carried == -NET
        assert receivables_by_age() == {} and drifted() == {}

    def test_a_run_repays_what_nobody_repaid_before_it_pays(self):
        market, (order_id,) = self.paid_out()
        refund(market, order_id)
        completed(market, 2)
        settle()
        assert Payout.objects.first().amount == NET
        assert balances(market)["receivable"] == balances(market)["payable"] == 0
        assert AuditEvent.objects.get(name="receivable.repaid").payload["still_owed"] == 0
        assert drifted() == {}

    def test_the_oldest_advance_is_repaid_first(self):
        market = market_with_fees(funds=1_000_000)
        orders = completed(market, 3)
        settle()
        now = clock.now()
        for days, order_id in zip((100, 70, 5), orders, strict=True):
            with clock.frozen_at(now - datetime.timedelta(days=days)):
                refund(market, order_id)
        owed = {"0-30": NET, "31-60": 0, "61-90": NET, "90+": NET}
        assert receivables_by_age(market.vendor.id) == {market.vendor.id: owed}
        completed(market, 1)
        repay_receivables(vendor_ids=[market.vendor.id])
        assert receivables_by_age(market.vendor.id)[market.vendor.id] == owed | {"90+": 0}
        assert drifted() == {}

    def test_the_database_lets_nobody_repay_more_than_is_owed(self):
        market, (order_id,) = self.paid_out()
        refund(market, order_id, 1_000)
        completed(market, 1)
        with pytest.raises(IntegrityError, match="receivable_not_positive"), transaction.atomic():
            _too_much_repaid(market)

    def test_drift_is_found(self):
        market, (order_id,) = self.paid_out()
        made = refund(market, order_id, 5_000)
        with transaction.atomic():
            corrupt("UPDATE settlement_refund SET advanced = advanced - 1 WHERE id = %(id)s", id=made.id)
            assert {"refunds", "receivables"} <= set(drifted()) and str(made.id) in drifted()["refunds"]
            transaction.set_rollback(True)


def _too_much_repaid(market) -> None:
    account = {row.kind: row for row in market.vendor.accounts.all()}
    transfer = Transfer(
        tx_id=uuid7(),
        debit_account=account["payable"],
        credit_account=account["receivable"],
        amount=5_000,
        kind="repayment",
        subject_type="test",
        subject_id=uuid7(),
        business_key="test",
    )
    transfer.save(force_insert=True)


class TestPending:
    def test_a_waiting_payout_whose_money_was_taken_back_is_given_up(self):
        market = market_with_fees(funds=1_000_000)
        orders = completed(market, 2)
        type(market.vendor).objects.filter(id=market.vendor.id).update(bank_account="")
        settle()
        type(market.vendor).objects.filter(id=market.vendor.id).update(bank_account="6222021234567890123")
        refund(market, orders[0])
        payout = Payout.objects.get()
        with pytest.raises(PayoutHeld) as refusal:
            send_payout(actor=SYSTEM, payout_id=payout.id)
        assert refusal.value.extra["hold"] == "clawed_back" and drifted() == {}
        refresh_holds()
        payout.refresh_from_db()
        assert payout.hold == PayoutHold.CLAWED_BACK
        void_payout(actor=SYSTEM, payout_id=payout.id, reason="Refunded meanwhile.")
        completed(market, 1)
        settle()
        batch = SettlementBatch.objects.first()
        assert (batch.net, batch.carried, Payout.objects.first().amount) == (NET, NET, 2 * NET)
        assert balances(market)["payable"] == 0 and drifted() == {}

    def test_captures_that_are_not_due_yet_do_not_pay_for_it(self):
        """The payable is full again with money that is not past T+N: the payout waits until its own batch has it."""
        market = market_with_fees(funds=1_000_000)
        vendor = type(market.vendor).objects.filter(id=market.vendor.id)
        orders = completed(market, 2)
        vendor.update(bank_account="")
        settle()
        vendor.update(bank_account="6222021234567890123")
        refund(market, orders[0])
        completed(market, 1)
        payout = Payout.objects.get()
        assert balances(market)["payable"] == payout.amount
        with pytest.raises(PayoutHeld, match="took back"):
            send_payout(actor=SYSTEM, payout_id=payout.id)
        settle()
        payout.refresh_from_db()
        assert (payout.state, payout.hold, SettlementBatch.objects.first().payouts.count()) == ("pending", "", 0)
        send_payout(actor=SYSTEM, payout_id=payout.id)
        assert balances(market)["payable"] == 0 and drifted() == {}

    def test_what_is_left_of_it_is_paid_also_to_a_vendor_who_sells_nothing_more(self):
        market = market_with_fees(funds=1_000_000)
        orders = completed(market, 2)
        type(market.vendor).objects.filter(id=market.vendor.id).update(bank_account="")
        settle()
        type(market.vendor).objects.filter(id=market.vendor.id).update(bank_account="6222021234567890123")
        refund(market, orders[0])
        void_payout(actor=SYSTEM, payout_id=Payout.objects.get().id, reason="Refunded meanwhile.")
        settle()
        batch = SettlementBatch.objects.first()
        assert (batch.order_count, batch.net, batch.carried, batch.payouts.get().amount) == (0, 0, NET, NET)
        assert balances(market)["payable"] == 0 and drifted() == {}
        settle()
        assert SettlementBatch.objects.count() == 2

    def test_the_least_payout_looks_at_what_would_be_paid(self, settings):
        market = market_with_fees(funds=1_000_000)
        settings.PAYOUT_MINIMUM = NET + 1
        orders = completed(market, 1)
        settle()
        assert not SettlementBatch.objects.exists()
        completed(market, 1)
        settle()
        assert Payout.objects.get().amount == 2 * NET
        refund(market, orders[0])
        completed(market, 2)
        settle()
        batch = SettlementBatch.objects.first()
        assert SettlementBatch.objects.count() == 1, (batch.net, batch.carried)
        assert drifted() == {}

    def test_a_bounced_payment_is_sent_again_as_it_was(self):
        market = market_with_fees(funds=1_000_000)
        orders = completed(market, 2)
        refund(market, orders[0], 1_000)
        settle()
        again = bounce_payout(actor=SYSTEM, payout_id=Payout.objects.get().id, reason="AC04")
        send_payout(actor=SYSTEM, payout_id=again.id)
        assert balances(market)["payable"] == 0 and drifted() == {}


class TestDoors:
    def ask(self, member, body: dict, key: str = "k"):
        client = factories.api_client(member)
        return client.post("/api/v1/settlement/refunds", body, headers={"Idempotency-Key": key})

    def test_over_http_once(self):
        market = market_with_fees()
        (order_id,) = completed(market)
        body = {"order": str(order_id), "amount": 4_000, "reference": "CASE-1", "reason": "The files are wrong."}
        made, again = (self.ask(market.operator, body) for _time in range(2))
        assert (made.status_code, again.status_code) == (201, 201) and again["Idempotency-Replayed"]
        assert made.json() == again.json() and made.json()["net"] == 3_574
        assert Refund.objects.count() == 1
        assert self.ask(market.operator, body, "another").json()["code"] == "already_refunded"
        refused = self.ask(market.operator, body | {"amount": 6_001, "reference": "CASE-2"}, "third")
        assert (refused.status_code, refused.json()["code"], refused.json()["remains"]) == (
            409,
            "beyond_captured",
            6_000,
        )
        for member in (market.vendor_finance, market.auditor, market.operator):
            (shown,) = factories.api_client(member).get("/api/v1/settlement/refunds").json()["results"]
            assert shown["id"] == made.json()["id"]
        stranger = factories.member(factories.organization("vendor"), "finance")
        assert factories.api_client(stranger).get("/api/v1/settlement/refunds").json()["results"] == []

    def test_in_the_workspace(self, client):
        market = market_with_fees(funds=1_000_000)
        (order_id,) = completed(market)
        settle()
        page = f"/admin/settlement/capture/{Capture.objects.get().id}/acts/refund/"
        client.force_login(market.operator.user)
        for amount in ("1.234", "-1", "200.00"):
            refused = client.post(page, {"amount": amount, "reference": "R", "reason": "Wrong.", "confirmed": "yes"})
            assert refused.status_code == 200
        assert not Refund.objects.exists()
        done = client.post(page, {"amount": "", "reference": "R", "reason": "Wrong.", "confirmed": "yes"})
        assert done.status_code == 302 and Refund.objects.get().amount == 10_000
        assert "Owed by vendors, by days" in client.get("/admin/").content.decode()
        client.force_login(market.vendor_finance.user)
        owing = client.get("/vendor/").content.decode()
        assert "What you owe, by days" in owing and "89.34" in owing
        client.force_login(factories.member(factories.organization("vendor"), "finance").user)
        assert "What you owe" not in client.get("/vendor/").content.decode()


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_looking_at_the_payable_first_takes_money_that_has_left(self):
        """Without the guard: a payout and a clawback that both saw the money, and both take it."""
        market, meeting = market_with_fees(funds=1_000_000), threading.Barrier(2)
        (order_id,) = completed(market)

        def naive(kind: str, credit: str) -> None:
            held = factories.balance(market.vendor, "payable")
            meeting.wait(timeout=30)
            account = {row.kind: row for row in market.vendor.accounts.all()}
            to = {row.kind: row for row in (*market.buyer.accounts.all(), *market.operator.organization.accounts.all())}
            Transfer(
                tx_id=uuid7(),
                debit_account=account["payable"],
                credit_account=to[credit],
                amount=held,
                kind=kind,
                subject_type="test",
                subject_id=order_id,
                business_key=f"test:{kind}",
            ).save(force_insert=True)

        check = "ledger_account_balance_not_negative"
        repair = "ALTER TABLE ledger_account DISABLE TRIGGER USER; UPDATE ledger_account SET balance = 0"
        repair += " WHERE balance < 0; ALTER TABLE ledger_account ENABLE TRIGGER USER"
        allowed = "account.balance + locked.amount >= 0 OR"
        with (
            without_constraint("ledger_account", check, repair),
            with_function_changed("ledger_move_balances", allowed, "true OR"),
        ):
            together([lambda: naive("payout", "bank"), lambda: naive("refund_net", "wallet")])
            assert factories.balance(market.vendor, "payable") == -NET

    def test_payout_against_clawback(self):
        market = market_with_fees(funds=1_000_000)
        for number in range(4):
            (order_id,) = completed(market)
            cutoff = clock.now()
            results = together(
                [
                    lambda cutoff=cutoff: run_settlement(actor=SYSTEM, cutoff=cutoff),
                    lambda order_id=order_id, number=number: refund(market, order_id, reference=f"R{number}"),
                ]
            )
            assert not [result for result in results if isinstance(result, Exception)], results
            # Paid and then owed, or taken back and not paid: never both for nothing.
            told = balances(market)
            assert told["payable"] >= 0 and told["wallet"] == 1_000_000
            assert drifted() == {}

    def test_ten_refunds_at_once_return_what_there_was(self):
        market = market_with_fees()
        (order_id,) = completed(market)
        results = together([lambda n=n: refund(market, order_id, 3_000, reference=f"R{n}") for n in range(10)])
        refused = [result for result in results if isinstance(result, Exception)]
        assert len(refused) == 7 and all(isinstance(error, BeyondCaptured) for error in refused), refused
        assert balances(market)["wallet"] == 99_000 and drifted() == {}
        assert Capture.objects.count() == 1
