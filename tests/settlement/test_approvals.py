"""Payout rules: too little is carried over, too much takes two persons."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from accounts.states import Role
from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.errors import Forbidden, IllegalTransition, SamePerson
from market.ledger.states import AccountKind
from market.settlement.errors import PayoutHeld
from market.settlement.models import Payout, SettlementBatch
from market.settlement.services import (
    approve_payout,
    bounce_payout,
    reconcile,
    release_payout,
    run_settlement,
    send_payout,
)
from market.settlement.states import PayoutHold, PayoutState
from tests import factories
from tests.concurrency.together import together
from tests.settlement.trades import accepted_orders, capture_orders, market_with_fees
from tests.tables import changed, fingerprint

LIMIT = 5_000


@pytest.fixture
def market(settings) -> factories.Market:
    settings.PAYOUT_APPROVAL_ABOVE = LIMIT
    return market_with_fees()


@pytest.fixture
def second(market):
    return factories.actor_of(factories.member(market.operator.organization, Role.FINANCE))


def settle(market: factories.Market, *amounts: int) -> None:
    capture_orders(accepted_orders(market, list(amounts)))
    run_settlement(actor=SYSTEM, cutoff=clock.now())


def large_payout(market: factories.Market) -> Payout:
    settle(market, 10_000)
    return Payout.objects.get()


@pytest.mark.django_db
class TestMinimum:
    def test_too_little_is_carried_over_until_it_is_enough(self, market, settings):
        settings.PAYOUT_MINIMUM = 4_000
        settle(market, 2_000)
        assert not SettlementBatch.objects.exists() and not Payout.objects.exists()
        assert factories.balance(market.vendor, AccountKind.PAYABLE) == 1_787
        settle(market, 3_000)
        assert Payout.objects.get().amount == 1_787 + 2_680
        assert SettlementBatch.objects.get().order_count == 2
        assert reconcile().is_clean

    def test_exactly_the_least_is_enough(self, market, settings):
        settings.PAYOUT_MINIMUM = 1_787
        settle(market, 2_000)
        assert Payout.objects.get().amount == 1_787


@pytest.mark.django_db
class TestTwoPersons:
    def test_up_to_the_limit_it_goes_by_itself(self, market, settings):
        settings.PAYOUT_APPROVAL_ABOVE = 8_934
        payout = large_payout(market)
        assert (payout.state, payout.needs_approval) == (PayoutState.SENT, False)

    def test_above_it_one_releases_and_another_approves(self, market, second):
        payout, first = large_payout(market), factories.actor_of(market.operator)
        assert (payout.state, payout.hold, payout.needs_approval) == ("pending", PayoutHold.NEEDS_APPROVAL, True)
        with pytest.raises(PayoutHeld, match="two persons"):
            send_payout(actor=first, payout_id=payout.id)
        release_payout(actor=first, payout_id=payout.id)
        with pytest.raises(PayoutHeld):
            send_payout(actor=second, payout_id=payout.id)
        approve_payout(actor=second, payout_id=payout.id)
        payout.refresh_from_db()
        assert (payout.state, payout.hold) == (PayoutState.SENT, "")
        assert (payout.released_by_id, payout.approved_by_id) == (first.user_id, second.user_id)
        names = AuditEvent.objects.filter(subject_id=payout.id).order_by("id").values_list("name", "actor_user_id")
        assert list(names) == [
            ("payout.released", first.user_id),
            ("payout.approved", second.user_id),
            ("payout.sent", second.user_id),
        ]
        assert reconcile().is_clean

    def test_never_the_same_one(self, market):
        payout, first = large_payout(market), factories.actor_of(market.operator)
        before = fingerprint()
        with pytest.raises(SamePerson):
            approve_payout(actor=first, payout_id=payout.id)  # nobody has released it
        assert changed(before) == []
        release_payout(actor=first, payout_id=payout.id)
        # The same person in another role is the same person.
        other_hat = factories.accounts.add_members(
            actor=SYSTEM, members=[(market.operator.user, market.operator.organization, Role.FINANCE)]
        )[0]
        before = fingerprint()
        for actor in (first, factories.actor_of(other_hat)):
            with pytest.raises(SamePerson):
                approve_payout(actor=actor, payout_id=payout.id)
        assert changed(before) == []

    def test_only_treasurers_in_person(self, market):
        payout = large_payout(market)
        before = fingerprint()
        for actor in (SYSTEM, *map(factories.actor_of, (market.vendor_finance, market.purchaser, market.auditor))):
            for act in (release_payout, approve_payout):
                with pytest.raises(Forbidden):
                    act(actor=actor, payout_id=payout.id)
        assert changed(before) == []

    def test_released_or_sent_it_is_not_released_again(self, market, second):
        payout, first = large_payout(market), factories.actor_of(market.operator)
        release_payout(actor=first, payout_id=payout.id)
        with pytest.raises(IllegalTransition):
            release_payout(actor=second, payout_id=payout.id)
        approve_payout(actor=second, payout_id=payout.id)
        for act in (release_payout, approve_payout):
            with pytest.raises(IllegalTransition):
                act(actor=second, payout_id=payout.id)

    def test_what_else_keeps_it_keeps_the_approval_back_too(self, market, second):
        payout, first = large_payout(market), factories.actor_of(market.operator)
        release_payout(actor=first, payout_id=payout.id)
        type(market.vendor).objects.filter(id=market.vendor.id).update(bank_account="")
        before = fingerprint()
        with pytest.raises(PayoutHeld, match="no bank account"):
            approve_payout(actor=second, payout_id=payout.id)
        assert changed(before) == []

    def test_what_came_back_takes_two_persons_again(self, market, second):
        payout, first = large_payout(market), factories.actor_of(market.operator)
        release_payout(actor=first, payout_id=payout.id)
        approve_payout(actor=second, payout_id=payout.id)
        again = bounce_payout(actor=first, payout_id=payout.id, reason="AC04")
        with pytest.raises(PayoutHeld):
            send_payout(actor=first, payout_id=again.id)
        release_payout(actor=second, payout_id=again.id)
        approve_payout(actor=first, payout_id=again.id)
        assert Payout.objects.get(id=again.id).state == PayoutState.SENT

    @pytest.mark.parametrize(
        ("sql", "constraint"),
        [
            ("approved_by_id = released_by_id", "payout_approved_by_another"),
            ("state = 'sent', hold = '', sent_at = now(), bank_account = '1'", "payout_leaves_approved"),
            ("needs_approval = false", "settlement_payout_is_immutable"),
            ("released_by_id = NULL", "settlement_payout_is_immutable"),
        ],
    )
    def test_the_database_refuses(self, market, sql, constraint):
        payout = large_payout(market)
        release_payout(actor=factories.actor_of(market.operator), payout_id=payout.id)
        with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE settlement_payout SET {sql}")
        assert refused.value.__cause__.diag.constraint_name == constraint

    def test_in_the_workspace(self, client, market):
        payout = large_payout(market)
        other = factories.member(market.operator.organization, Role.FINANCE)

        def page(user) -> str:
            client.force_login(user)
            return client.get(reverse("operator:settlement_payout_change", args=[payout.id])).content.decode()

        def url(name: str) -> str:
            return reverse("operator:settlement_payout_act", args=[payout.id, name])

        shown = page(market.operator.user)
        assert url("release") in shown and url("send") not in shown and url("approve") not in shown
        assert client.post(url("release"), {"confirmed": "yes"}).status_code == 302
        assert url("approve") not in page(market.operator.user)
        assert client.post(url("approve"), {"confirmed": "yes"}).status_code == 404
        assert url("approve") in page(other.user)
        assert client.post(url("approve"), {"confirmed": "yes"}).status_code == 302
        payout.refresh_from_db()
        assert payout.state == PayoutState.SENT


@pytest.mark.django_db(transaction=True)
def test_two_approvals_at_once_send_it_once(market):
    payout, first = large_payout(market), factories.actor_of(market.operator)
    release_payout(actor=first, payout_id=payout.id)
    others = [factories.actor_of(factories.member(market.operator.organization, Role.FINANCE)) for _ in range(3)]
    outcomes = together([lambda actor=actor: approve_payout(actor=actor, payout_id=payout.id) for actor in others])
    assert sorted(type(each).__name__ for each in outcomes) == ["IllegalTransition", "IllegalTransition", "NoneType"]
    assert factories.balance(market.vendor, AccountKind.PAYABLE) == 0 and reconcile().is_clean
