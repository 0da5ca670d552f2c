"""Payments to vendors: sent once, confirmed or returned by the bank, and paid again under another reference."""

import re
import threading

import pytest
from django.db import IntegrityError, connections

from accounts.models import Organization
from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.errors import Forbidden, IllegalTransition, InvalidInput, NotFound
from market.kernel.identifiers import uuid7
from market.ledger.errors import AlreadyPosted
from market.ledger.models import Transfer
from market.ledger.states import AccountKind, TransferKind
from market.settlement.errors import PayoutHeld
from market.settlement.models import Payout
from market.settlement.services import bounce_payout, confirm_payout, reconcile, run_settlement, send_payout
from market.settlement.states import PayoutHold, PayoutState
from tests import factories
from tests.settlement.trades import accepted_orders, capture_orders, collected, market_with_fees

REASON = "AC01 the account number does not exist"


def payout_of(market: factories.Market, *, bank_account: str = "6222000000000001") -> Payout:
    """A payout of 89.34 yuan: sent, or pending when the vendor has no bank account."""
    Organization.objects.filter(id=market.vendor.id).update(bank_account=bank_account)
    capture_orders(accepted_orders(market, [10_000]))
    run_settlement(actor=SYSTEM, cutoff=clock.now())
    return Payout.objects.get(vendor_org=market.vendor)


def payable(market: factories.Market) -> int:
    return factories.balance(market.vendor, AccountKind.PAYABLE)


@pytest.mark.django_db
class TestSend:
    def test_a_held_payout_leaves_once_the_account_is_there(self):
        market = market_with_fees()
        payout = payout_of(market, bank_account="")
        with pytest.raises(PayoutHeld, match="no bank account"):
            send_payout(actor=SYSTEM, payout_id=payout.id)
        assert payable(market) == 8_934
        Organization.objects.filter(id=market.vendor.id).update(bank_account="6222999")
        send_payout(actor=SYSTEM, payout_id=payout.id)
        payout.refresh_from_db()
        assert (payout.state, payout.hold, payout.bank_account) == (PayoutState.SENT, "", "6222999")
        assert payable(market) == 0
        proof = AuditEvent.objects.get(name="payout.sent", subject_id=payout.id)
        assert proof.payload["bank_account"] == "•••• 2999"

    def test_a_sent_payout_is_not_sent_again(self):
        market = market_with_fees()
        payout = payout_of(market)
        before = Transfer.objects.count()
        with pytest.raises(IllegalTransition):
            send_payout(actor=SYSTEM, payout_id=payout.id)
        assert Transfer.objects.count() == before

    def test_a_reference_fits_a_payment_message(self):
        """ISO 20022 allows 35 characters for an end-to-end identification."""
        assert re.fullmatch(r"QS\d{8}[A-Z2-7]{13}", payout_of(market_with_fees()).reference)


@pytest.mark.django_db
class TestConfirm:
    def test_ends_the_payout_and_moves_no_money(self):
        market = market_with_fees()
        payout = payout_of(market)
        before = Transfer.objects.count()
        confirm_payout(actor=SYSTEM, payout_id=payout.id)
        payout.refresh_from_db()
        assert payout.state == PayoutState.CONFIRMED
        assert payout.ended_at is not None
        assert Transfer.objects.count() == before
        assert AuditEvent.objects.filter(name="payout.confirmed", subject_id=payout.id).count() == 1

    def test_neither_before_it_is_sent_nor_twice(self):
        market = market_with_fees()
        payout = payout_of(market, bank_account="")
        with pytest.raises(IllegalTransition):
            confirm_payout(actor=SYSTEM, payout_id=payout.id)
        Organization.objects.filter(id=market.vendor.id).update(bank_account="6222999")
        send_payout(actor=SYSTEM, payout_id=payout.id)
        confirm_payout(actor=SYSTEM, payout_id=payout.id)
        with pytest.raises(IllegalTransition):
            confirm_payout(actor=SYSTEM, payout_id=payout.id)
        assert payable(market) == 0

    def test_a_confirmed_payment_may_come_back_days_later(self):
        market = market_with_fees()
        payout = payout_of(market)
        confirm_payout(actor=SYSTEM, payout_id=payout.id)
        again = bounce_payout(actor=SYSTEM, payout_id=payout.id, reason=REASON)
        assert payable(market) == 8_934 and again.state == PayoutState.PENDING
        with pytest.raises(IllegalTransition):
            bounce_payout(actor=SYSTEM, payout_id=payout.id, reason=REASON)
        assert payable(market) == 8_934 and reconcile().is_clean


@pytest.mark.django_db
class TestBounce:
    def test_the_money_is_payable_again_and_another_payout_waits(self):
        market = market_with_fees()
        payout = payout_of(market)
        again = bounce_payout(actor=SYSTEM, payout_id=payout.id, reason=REASON)
        payout.refresh_from_db()
        assert (payout.state, payout.bounce_reason) == (PayoutState.BOUNCED, REASON)
        assert payable(market) == 8_934
        assert Transfer.objects.get(kind=TransferKind.PAYOUT_BOUNCED).amount == 8_934
        again.refresh_from_db()
        assert (again.state, again.hold, again.amount) == (PayoutState.PENDING, PayoutHold.CAME_BACK, 8_934)
        assert again.batch_id == payout.batch_id
        assert again.reference != payout.reference
        proof = AuditEvent.objects.get(name="payout.bounced")
        assert (proof.payload["reason"], proof.payload["next"]) == (REASON, again.reference)

    def test_it_can_be_paid_again_and_again(self):
        market = market_with_fees()
        payout = payout_of(market)
        bank = market.operator.organization
        paid = collected(bank, AccountKind.BANK)
        for _time in range(3):
            again = bounce_payout(actor=SYSTEM, payout_id=payout.id, reason=REASON)
            assert collected(bank, AccountKind.BANK) == paid - 8_934
            send_payout(actor=SYSTEM, payout_id=again.id)
            assert (payable(market), collected(bank, AccountKind.BANK)) == (0, paid)
            payout = again
        assert Payout.objects.filter(state=PayoutState.BOUNCED).count() == 3

    @pytest.mark.parametrize("reason", ["", "  ", "x" * 2001])
    def test_a_reason_is_needed(self, reason):
        payout = payout_of(market_with_fees())
        with pytest.raises(InvalidInput):
            bounce_payout(actor=SYSTEM, payout_id=payout.id, reason=reason)
        assert Payout.objects.get().state == PayoutState.SENT


@pytest.mark.django_db
class TestWhoMay:
    def test_only_the_exchanges_treasurers(self):
        market = market_with_fees()
        payout = payout_of(market)
        for membership in (market.lister, market.vendor_finance, market.purchaser, market.auditor):
            actor = factories.actor_of(membership)
            with pytest.raises(Forbidden):
                send_payout(actor=actor, payout_id=payout.id)
            with pytest.raises(Forbidden):
                confirm_payout(actor=actor, payout_id=payout.id)
            with pytest.raises(Forbidden):
                bounce_payout(actor=actor, payout_id=payout.id, reason=REASON)
        assert Payout.objects.get().state == PayoutState.SENT
        confirm_payout(actor=factories.actor_of(market.operator), payout_id=payout.id)
        assert AuditEvent.objects.get(name="payout.confirmed").actor_label == market.operator.user.email

    def test_an_unknown_payout(self):
        for act in (send_payout, confirm_payout):
            with pytest.raises(NotFound):
                act(actor=SYSTEM, payout_id=uuid7())
        with pytest.raises(NotFound):
            bounce_payout(actor=SYSTEM, payout_id=uuid7(), reason=REASON)


@pytest.mark.django_db(transaction=True)
class TestRace:
    def at_once(self, act, count: int = 5) -> list[str]:
        barrier, outcomes = threading.Barrier(count), []

        def run() -> None:
            try:
                barrier.wait(10)
                act()
                outcomes.append("done")
            except (IllegalTransition, AlreadyPosted, IntegrityError) as error:
                outcomes.append(type(error).__name__)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=run) for _number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(outcomes)

    def test_without_the_compare_and_set_the_losers_reach_the_ledger(self, monkeypatch):
        """The business key then still refuses them: money comes back once."""
        market = market_with_fees()
        payout = payout_of(market)

        def set_only(queryset, moves, target, **changes):
            queryset.update(state=target, **changes)

        monkeypatch.setattr("market.settlement.services.payouts.move_state", set_only)
        outcomes = self.at_once(lambda: bounce_payout(actor=SYSTEM, payout_id=payout.id, reason=REASON))
        assert outcomes.count("done") == 1
        assert "IllegalTransition" not in outcomes
        assert payable(market) == 8_934

    def test_with_it_one_bounces_and_the_others_are_told(self):
        market = market_with_fees()
        payout = payout_of(market)
        outcomes = self.at_once(lambda: bounce_payout(actor=SYSTEM, payout_id=payout.id, reason=REASON))
        assert outcomes == ["IllegalTransition"] * 4 + ["done"]
        assert Payout.objects.count() == 2
        assert payable(market) == 8_934
