"""Two decisions on one purpose at the same moment: first what happens without compare-and-set, then that one wins."""

import dataclasses
import threading
from functools import partial

import pytest
from django.db import transaction

from accounts.states import Role
from market.audit.models import AuditEvent
from market.catalog.errors import ApprovalAsked
from market.catalog.models import PurposeApproval
from market.catalog.services import approvals as service
from market.catalog.states import ApprovalState
from market.kernel import clock
from market.kernel.database import insert_together
from market.kernel.errors import IllegalTransition
from tests import factories
from tests.catalog.purposes import approved, asked, exchange_says, guarded_product, vendor_says
from tests.concurrency.guards import without_constraint, without_triggers
from tests.concurrency.together import together

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 6


def decisions(approval: PurposeApproval) -> list[str]:
    names = ("purpose.approved", "purpose.rejected", "purpose.withdrawn")
    return list(AuditEvent.objects.filter(subject_id=approval.id, name__in=names).values_list("name", flat=True))


def test_without_compare_and_set_a_purpose_is_approved_and_rejected():
    market, meeting = factories.market(), threading.Barrier(2)
    approval = asked(market, guarded_product(market))
    vendor_says(market, approval)
    actor = factories.actor_of(market.operator)

    def naive(target: str, **changes):
        seen = PurposeApproval.objects.get(id=approval.id)
        meeting.wait(timeout=30)
        if seen.state == ApprovalState.VENDOR_APPROVED:
            with transaction.atomic():
                PurposeApproval.objects.filter(id=approval.id).update(state=target, **changes)
                insert_together(service._event(f"purpose.{target}", actor, seen))

    now = clock.now()
    with (
        without_triggers("catalog_purposeapproval"),
        without_constraint(
            "catalog_purposeapproval",
            "purpose_closed_when",
            "ALTER TABLE catalog_purposeapproval DISABLE TRIGGER USER;"
            "UPDATE catalog_purposeapproval SET closed_at = CASE state WHEN 'rejected' THEN now() END;"
            "ALTER TABLE catalog_purposeapproval ENABLE TRIGGER USER",
        ),
    ):
        results = together(
            [
                partial(naive, "approved", operator_decided_at=now),
                partial(naive, "rejected", operator_decided_at=now, operator_reason="No.", closed_at=now),
            ]
        )
    assert results == [None, None]
    assert sorted(decisions(approval)) == ["purpose.approved", "purpose.rejected"]


def test_of_two_decisions_one_wins():
    market = factories.market()
    colleague = factories.member(market.operator.organization, Role.OPERATOR)
    other = dataclasses.replace(market, operator=colleague)
    for number in range(ROUNDS):
        approval = asked(market, guarded_product(market))
        vendor_says(market, approval)
        calls = [
            partial(exchange_says, market, approval),
            partial(exchange_says, other, approval, "rejected", "Too wide."),
        ]
        results = together(calls if number % 2 else calls[::-1])
        assert [type(result) for result in results if isinstance(result, Exception)] == [IllegalTransition], results
        (won,) = decisions(approval)
        approval.refresh_from_db()
        assert won == f"purpose.{approval.state}"
        assert (approval.operator_reason == "Too wide.") == (approval.state == ApprovalState.REJECTED)


def test_a_withdrawal_against_an_approval_leaves_it_withdrawn():
    market = factories.market()
    buyer = factories.actor_of(market.purchaser)
    for _number in range(ROUNDS):
        approval = asked(market, guarded_product(market))
        vendor_says(market, approval)
        withdraw = partial(service.withdraw_purpose_approval, actor=buyer, approval_id=approval.id)
        withdrawn, decided = together([withdraw, partial(exchange_says, market, approval)])
        assert not isinstance(withdrawn, Exception), withdrawn
        assert isinstance(decided, PurposeApproval | IllegalTransition), decided
        approval.refresh_from_db()
        assert approval.state == ApprovalState.WITHDRAWN


def test_the_same_purpose_asked_for_many_times_is_one():
    market = factories.market()
    product = guarded_product(market)
    results = together([partial(asked, market, product)] * 8)
    assert len([result for result in results if isinstance(result, PurposeApproval)]) == 1
    assert len([result for result in results if isinstance(result, ApprovalAsked)]) == 7
    assert PurposeApproval.objects.count() == 1


def test_many_beats_expire_each_purpose_once():
    market = factories.market()
    rows = [approved(market, guarded_product(market)) for _number in range(5)]

    def later() -> int:
        with clock.frozen_at(max(row.expires_at for row in rows)):
            return service.expire_purpose_approvals()

    assert sum(together([later] * 4)) == 5
    assert AuditEvent.objects.filter(name="purpose.expired").count() == 5
