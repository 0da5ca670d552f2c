"""Submission and decision: complete, independent, once."""

import dataclasses
import threading

import pytest
from django.db import connection

from accounts.errors import OrganizationNotTrading
from accounts.models import Organization
from accounts.states import Capacity, OrganizationState, Role
from market.audit.models import AuditEvent
from market.audit.selectors import events_of
from market.catalog import services
from market.catalog.errors import NotReadyForReview, ReviewerNotIndependent
from market.catalog.models import Product, Review
from market.catalog.states import REVIEW_CHECKLIST, Grade, ProductState, ReviewDecision
from market.kernel import clock
from market.kernel.errors import Forbidden, IllegalTransition, InvalidInput, NotFound
from tests import factories
from tests.catalog.conftest import ALL_CONFIRMED, Stall


def missing_of(stall, product) -> set[str]:
    with pytest.raises(NotReadyForReview) as refusal:
        services.submit_product(actor=stall.actor, product_id=product.id)
    assert Product.objects.get(id=product.id).state == ProductState.DRAFT
    assert not Review.objects.exists()
    return set(refusal.value.errors)


def test_what_is_missing_is_named_all_at_once(stall):
    product = stall.draft()
    assert missing_of(stall, product) == {"/revisions", "/offers"}
    revision = stall.revision(product, publish=False)
    assert missing_of(stall, product) == {"/revisions", "/offers"}
    revision = services.publish_revision(actor=stall.actor, revision_id=revision.id)
    assert missing_of(stall, product) == {"/offers"}
    offer = stall.offer(product)
    services.withdraw_offer(actor=stall.actor, offer_id=offer.id)
    assert missing_of(stall, product) == {"/offers"}
    stall.offer(product)
    services.revoke_revision(actor=stall.actor, revision_id=revision.id, reason="wrong")
    assert missing_of(stall, product) == {"/revisions"}
    stall.revision(product)
    assert services.submit_product(actor=stall.actor, product_id=product.id)


def test_a_grade_raised_later_needs_private_offers(stall):
    product = stall.ready()
    services.edit_product(actor=stall.actor, product_id=product.id, grade=Grade.IMPORTANT)
    assert missing_of(stall, product) == {"/grade"}


@pytest.mark.parametrize("state", [OrganizationState.PENDING, OrganizationState.SUSPENDED])
def test_only_verified_vendors_submit_and_are_listed(stall, state):
    product, review = stall.ready(), stall.submitted()
    Organization.objects.filter(id=stall.vendor.id).update(state=state)
    with pytest.raises(OrganizationNotTrading):
        services.submit_product(actor=stall.actor, product_id=product.id)
    with pytest.raises(OrganizationNotTrading):
        stall.approve(review)
    review.refresh_from_db()
    assert review.decision == ReviewDecision.PENDING
    assert Product.objects.get(id=review.product_id).state == ProductState.IN_REVIEW


def test_submitted_once(stall):
    review = stall.submitted()
    with pytest.raises(IllegalTransition):
        services.submit_product(actor=stall.actor, product_id=review.product_id)
    assert Review.objects.count() == 1


def test_approval_certifies_and_lists(stall):
    review = stall.submitted()
    product = stall.approve(review)
    assert product.certificate_number == f"QS-{clock.business_date().year}-{product.certificate_number[-10:]}"
    assert product.listed_at is not None
    review.refresh_from_db()
    assert (review.decided_by_id, review.checklist) == (stall.operator.user_id, ALL_CONFIRMED)
    proof = events_of(product.id).last()
    assert proof.name == "product.listed"
    assert proof.payload["certificate_number"] == product.certificate_number
    assert proof.payload["review_id"] == str(review.id)
    assert proof.actor_user_id == stall.operator.user_id
    assert proof.on_behalf_of_org_id == stall.vendor.id


def test_certificates_differ(stall):
    assert len({stall.listed().certificate_number for _turn in range(5)}) == 5


def test_every_point_must_be_confirmed(stall):
    review = stall.submitted()
    for name in REVIEW_CHECKLIST:
        for answer in (False, "yes", 1, None):
            with pytest.raises(InvalidInput) as refusal:
                services.decide_review(
                    actor=stall.reviewer,
                    review_id=review.id,
                    decision="approved",
                    checklist=ALL_CONFIRMED | {name: answer},
                )
            assert set(refusal.value.errors) == {f"/checklist/{name}"}
    with pytest.raises(InvalidInput):
        services.decide_review(
            actor=stall.reviewer, review_id=review.id, decision="approved", checklist=ALL_CONFIRMED | {"mood": True}
        )
    assert Product.objects.get().state == ProductState.IN_REVIEW


@pytest.mark.parametrize("reasons", ["", "  ", "x" * 5001])
def test_rejection_says_why(stall, reasons):
    review = stall.submitted()
    with pytest.raises(InvalidInput) as refusal:
        services.decide_review(actor=stall.reviewer, review_id=review.id, decision="rejected", reasons=reasons)
    assert set(refusal.value.errors) == {"/reasons"}
    assert Product.objects.get().state == ProductState.IN_REVIEW


@pytest.mark.parametrize("decision", ["", "maybe", "pending"])
def test_there_are_two_decisions(stall, decision):
    review = stall.submitted()
    with pytest.raises(InvalidInput):
        services.decide_review(actor=stall.reviewer, review_id=review.id, decision=decision, reasons="why")
    assert Review.objects.get().decision == ReviewDecision.PENDING


def test_a_rejected_product_is_mended_and_comes_again(stall):
    review = stall.submitted()
    services.decide_review(actor=stall.reviewer, review_id=review.id, decision="rejected", reasons="no source")
    services.edit_product(actor=stall.actor, product_id=review.product_id, description="With its source.")
    second = services.submit_product(actor=stall.actor, product_id=review.product_id)
    services.decide_review(actor=stall.reviewer, review_id=second.id, decision="rejected", reasons="no licence")
    third = services.submit_product(actor=stall.actor, product_id=review.product_id)
    assert stall.approve(third).state == ProductState.LISTED
    assert list(Review.objects.order_by("id").values_list("decision", flat=True)) == [
        "rejected",
        "rejected",
        "approved",
    ]


def test_who_may_decide(stall):
    review = stall.submitted()
    exchange = stall.operator.organization
    owner_of_exchange = factories.actor_of(factories.member(exchange, Role.OWNER))
    pretender = dataclasses.replace(stall.reviewer, capacities=frozenset({Capacity.BUYER}))
    for actor in (stall.actor, owner_of_exchange, pretender):
        with pytest.raises(Forbidden):
            services.decide_review(actor=actor, review_id=review.id, decision="approved", checklist=ALL_CONFIRMED)
    with pytest.raises(NotFound):
        services.decide_review(
            actor=stall.reviewer, review_id=review.product_id, decision="approved", checklist=ALL_CONFIRMED
        )
    assert Product.objects.get().state == ProductState.IN_REVIEW


@pytest.mark.parametrize("is_active", [True, False])
def test_nobody_decides_who_ever_belonged_to_the_vendor(stall, is_active):
    review = stall.submitted()
    (membership,) = factories.accounts.add_members(
        actor=factories.SYSTEM, members=[(stall.operator.user, stall.vendor, Role.FINANCE)]
    )
    type(membership).objects.filter(id=membership.id).update(is_active=is_active)
    for decision in ("approved", "rejected"):
        with pytest.raises(ReviewerNotIndependent):
            services.decide_review(
                actor=stall.reviewer,
                review_id=review.id,
                decision=decision,
                reasons="why not",
                checklist=ALL_CONFIRMED,
            )
    assert Product.objects.get().state == ProductState.IN_REVIEW


def test_what_was_missing_at_the_decision_is_found_then(stall):
    review = stall.submitted()
    offer = review.product.offers.get()
    services.withdraw_offer(actor=stall.actor, offer_id=offer.id)
    with pytest.raises(NotReadyForReview):
        stall.approve(review)
    assert Review.objects.get().decision == ReviewDecision.PENDING
    services.decide_review(actor=stall.reviewer, review_id=review.id, decision="rejected", reasons="offer withdrawn")


def at_once(*acts) -> list[str]:
    """Run the acts in threads that start together; what each came to."""
    barrier = threading.Barrier(len(acts))
    outcomes = [""] * len(acts)

    def run(index, act):
        try:
            barrier.wait()
            act()
            outcomes[index] = "done"
        except Exception as error:
            outcomes[index] = type(error).__name__
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.fixture
def committed_stall(transactional_db) -> Stall:
    exchange, vendor = factories.organization(Capacity.OPERATOR), factories.organization(Capacity.VENDOR)
    return Stall(factories.member(vendor, Role.LISTER), factories.member(exchange, Role.OPERATOR))


def test_two_operators_decide_at_the_same_moment(committed_stall):
    stall = committed_stall
    colleague = factories.actor_of(factories.member(stall.operator.organization, Role.OPERATOR))
    for _turn in range(5):
        review = stall.submitted()
        outcomes = at_once(
            lambda review=review: stall.approve(review),
            lambda review=review: services.decide_review(
                actor=colleague, review_id=review.id, decision="rejected", reasons="no source"
            ),
        )
        assert sorted(outcomes) == ["IllegalTransition", "done"]
        decided = AuditEvent.objects.filter(
            subject_id=review.product_id, name__in=["product.listed", "product.rejected"]
        )
        product = Product.objects.get(id=review.product_id)
        assert [event.name for event in decided] == [f"product.{product.state}"]
        review.refresh_from_db()
        assert review.decision == ("approved" if product.state == "listed" else "rejected")


def test_submitted_while_the_only_offer_is_withdrawn(committed_stall):
    stall = committed_stall
    for _turn in range(5):
        product = stall.ready()
        offer = product.offers.get()
        outcomes = at_once(
            lambda product=product: services.submit_product(actor=stall.actor, product_id=product.id),
            lambda offer=offer: services.withdraw_offer(actor=stall.actor, offer_id=offer.id),
        )
        state = Product.objects.get(id=product.id).state
        assert outcomes in (["done", "done"], ["NotReadyForReview", "done"])
        assert state == (ProductState.IN_REVIEW if outcomes[0] == "done" else ProductState.DRAFT)


def test_two_revisions_are_started_at_once(committed_stall):
    stall = committed_stall
    product = stall.draft()
    start = lambda: services.start_revision(actor=stall.actor, product_id=product.id)  # noqa: E731
    assert sorted(at_once(start, start)) == ["DraftExists", "done"]
    assert product.revisions.count() == 1
