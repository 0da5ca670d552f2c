"""Payments to vendors, ordered or changed by two at once: first what happens without the guards, then that one wins."""

import threading
from functools import partial

import pytest
from django.db import transaction

from accounts.states import Role
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together
from market.kernel.errors import IllegalTransition
from market.ledger.models import Transfer
from market.ledger.states import AccountKind, TransferKind
from market.settlement import services
from market.settlement.errors import PayoutHeld
from market.settlement.models import BatchLine, Capture, Payout, SettlementBatch
from market.settlement.services.payouts import bank_account, leave, new_payout, payables
from market.settlement.states import PayoutState
from tests import factories
from tests.concurrency.guards import without_constraint
from tests.concurrency.together import together
from tests.settlement.lives import completed, give_back
from tests.settlement.trades import market_with_fees

pytestmark = pytest.mark.django_db(transaction=True)
NET = 8_934
ROUNDS = 4


@pytest.fixture
def market(settings) -> factories.Market:
    settings.PAYOUT_APPROVAL_ABOVE = 5_000
    return market_with_fees(funds=1_000_000)


def settle() -> services.SettlementRun:
    return services.run_settlement(actor=SYSTEM, cutoff=clock.now())


def treasurers(market: factories.Market, count: int) -> list:
    members = [factories.member(market.operator.organization, Role.FINANCE) for _number in range(count)]
    return [factories.actor_of(member) for member in members]


def released(market: factories.Market) -> Payout:
    """A payout above the limit that the first person has released."""
    completed(market)
    settle()
    payout = Payout.objects.get(state=PayoutState.PENDING)
    services.release_payout(actor=factories.actor_of(market.operator), payout_id=payout.id)
    return payout


def paid_out() -> list[int]:
    return list(Transfer.objects.filter(kind=TransferKind.PAYOUT).values_list("amount", flat=True))


def payable(market: factories.Market) -> int:
    return factories.balance(market.vendor, AccountKind.PAYABLE)


# --- Two runs of one cutoff -------------------------------------------------------------------------------------------


def test_looking_for_what_is_due_first_pays_it_twice(market):
    completed(market)
    cutoff, meeting = clock.now(), threading.Barrier(2)
    completed(market)  # due with the next cutoff, and what the second payment takes

    def naive() -> None:
        due = Capture.objects.get(captured_at__lt=cutoff, batch_line=None)
        meeting.wait(timeout=30)
        sums = {name: getattr(due, name) for name in ("gross", "net", "commission", "vat")}
        batch = SettlementBatch(vendor_org=market.vendor, cutoff=cutoff, order_count=1, **sums)
        payout = new_payout(batch, batch.net)
        payout.needs_approval = False
        payout.state, payout.bank_account, payout.sent_at = PayoutState.SENT, "6222", clock.now()
        moved = leave(SYSTEM, payout, payables([market.vendor.id])[market.vendor.id, "CNY"], bank_account("CNY"))
        with transaction.atomic():
            insert_together(batch, BatchLine(batch=batch, capture=due, vendor_org_id=market.vendor.id), payout, moved)

    nothing = "TRUNCATE settlement_settlementbatch CASCADE"
    with (
        without_constraint("settlement_settlementbatch", "settlement_batch_once"),
        without_constraint("settlement_batchline", "settlement_batchline_capture_id_key", nothing),
    ):
        assert together([naive] * 2) == [None, None]
        assert paid_out() == [NET, NET] and payable(market) == 0


def test_of_two_runs_of_one_cutoff_one_pays(market, settings):
    settings.PAYOUT_APPROVAL_ABOVE = 10**9
    for number in range(1, ROUNDS + 1):
        completed(market, 2)
        cutoff = clock.now()
        found = together([partial(services.run_settlement, actor=SYSTEM, cutoff=cutoff)] * 3)
        assert sorted((run.batches, run.orders, run.sent) for run in found) == [(0, 0, 0), (0, 0, 0), (1, 2, 1)]
        assert paid_out() == [2 * NET] * number and payable(market) == 0
    assert services.reconcile().is_clean


# --- Approval against edit --------------------------------------------------------------------------------------------


def test_without_compare_and_set_a_payout_that_was_given_up_is_paid_and_due_again(market):
    payout, meeting, is_sent = released(market), threading.Barrier(2), threading.Event()
    (second,) = treasurers(market, 1)

    def approve() -> None:
        seen = Payout.objects.get(id=payout.id)
        meeting.wait(timeout=30)
        assert seen.state == PayoutState.PENDING
        moved = leave(second, seen, payables([market.vendor.id])[market.vendor.id, "CNY"], bank_account("CNY"))
        insert_together(moved)
        is_sent.set()

    def give_up() -> None:
        seen = Payout.objects.get(id=payout.id)
        meeting.wait(timeout=30)
        is_sent.wait(timeout=30)
        if seen.state == PayoutState.PENDING:
            change = {"state": PayoutState.VOID, "hold": "", "bounce_reason": "Wrong.", "ended_at": clock.now()}
            Payout.objects.filter(id=payout.id).update(**change)

    assert together([approve, give_up]) == [None, None]
    assert paid_out() == [NET] and payable(market) == 0
    completed(market)
    settle()
    assert SettlementBatch.objects.latest("id").carried == NET, "what has left is to be paid once more"


def test_an_approval_against_giving_up(market):
    (second,) = treasurers(market, 1)
    for number in range(ROUNDS):
        payout, before = released(market), len(paid_out())
        calls = [
            partial(services.approve_payout, actor=second, payout_id=payout.id),
            partial(services.void_payout, actor=SYSTEM, payout_id=payout.id, reason="Wrong."),
        ]
        results = together(calls if number % 2 else calls[::-1])
        assert sorted(type(result).__name__ for result in results) == ["IllegalTransition", "NoneType"], results
        payout.refresh_from_db()
        assert payout.state in (PayoutState.SENT, PayoutState.VOID)
        assert len(paid_out()) - before == (payout.state == PayoutState.SENT)
    assert services.reconcile().is_clean


def test_an_approval_against_a_refund_that_takes_the_money_back(market):
    (second,) = treasurers(market, 1)
    for _round in range(ROUNDS):
        payout = released(market)
        order_id = Capture.objects.latest("id").order_id
        approved, given_back = together(
            [
                partial(services.approve_payout, actor=second, payout_id=payout.id),
                partial(give_back, market, order_id),
            ]
        )
        assert given_back is None, given_back
        payout.refresh_from_db()
        if payout.state == PayoutState.PENDING:
            assert type(approved).__name__ in ("PayoutHeld", "InsufficientFunds"), approved
            assert payout.approved_by is None, "a refused approval has changed nothing"
            with pytest.raises(PayoutHeld):
                services.approve_payout(actor=second, payout_id=payout.id)
            services.void_payout(actor=SYSTEM, payout_id=payout.id, reason="Refunds took it back.")
        else:
            assert approved is None
        assert payable(market) == 0
        assert services.reconcile().is_clean


# --- Two approvals ----------------------------------------------------------------------------------------------------


def test_without_the_business_key_two_approvals_pay_twice(market):
    payout, meeting = released(market), threading.Barrier(2)
    completed(market)  # what the second payment takes

    def naive(actor) -> None:
        seen = Payout.objects.get(id=payout.id)
        moved = leave(actor, seen, payables([market.vendor.id])[market.vendor.id, "CNY"], bank_account("CNY"))
        meeting.wait(timeout=30)
        if seen.approved_by is None:
            insert_together(moved)

    repair = (
        "ALTER TABLE ledger_transfer DISABLE TRIGGER USER; UPDATE ledger_transfer SET business_key = id::text;"
        "ALTER TABLE ledger_transfer ENABLE TRIGGER USER"
    )
    with without_constraint("ledger_transfer", "ledger_transfer_business_key_key", repair):
        assert together([partial(naive, actor) for actor in treasurers(market, 2)]) == [None, None]
        assert paid_out() == [NET, NET] and payable(market) == 0


def test_of_many_approvals_one_pays(market):
    actors = treasurers(market, 3)
    for number in range(1, ROUNDS + 1):
        payout = released(market)
        results = together([partial(services.approve_payout, actor=actor, payout_id=payout.id) for actor in actors])
        lost = [result for result in results if isinstance(result, IllegalTransition)]
        assert len(lost) == 2 and results.count(None) == 1, results
        assert paid_out() == [NET] * number and payable(market) == 0
    assert services.reconcile().is_clean
