"""From a paid order to the right to download: what is checked, what is left behind, and every way it can fail."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from market.audit.models import AuditEvent
from market.catalog.models import Revision
from market.catalog.services import revoke_revision
from market.delivery.models import Delivery, Entitlement
from market.delivery.states import DeliveryState
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.ledger.states import AccountKind
from market.orders import services as orders
from market.orders.models import OrderTerms
from market.orders.states import OrderState
from market.outbox import services as outbox
from market.outbox.states import JobState
from tests import factories
from tests.delivery.trade import asset_of, deliver, held_file, job_of, place, stored_path

pytestmark = pytest.mark.django_db


@pytest.fixture
def market(db) -> factories.Market:
    return factories.market()


def state_of(order) -> str:
    order.refresh_from_db()
    return order.state


def events(subject_id) -> list[str]:
    return list(AuditEvent.objects.filter(subject_id=subject_id).order_by("id").values_list("name", flat=True))


def test_handed_over(market):
    factories.revision(market.offer.product, {"数据/b.csv": b"b\n", "a.csv": b"a\n"})
    order = place(market)
    assert deliver(order).state == JobState.DONE
    assert state_of(order) == OrderState.DELIVERED
    delivery, entitlement = Delivery.objects.get(order=order), Entitlement.objects.get(order=order)
    assert (delivery.state, delivery.attempts, delivery.number) == (DeliveryState.HANDED_OVER, 1, 1)
    assert [(line["path"], line["bytes"]) for line in delivery.manifest] == [("a.csv", 2), ("数据/b.csv", 2)]
    assert entitlement.buyer_org == market.buyer
    assert (entitlement.vendor_org_id, entitlement.revision_id) == (market.vendor.id, order.revision_id)
    assert events(delivery.id) == ["delivery.handed_over"]
    assert events(entitlement.id) == ["entitlement.granted"]


def test_what_was_checked_is_what_the_terms_promised(market):
    factories.revision(market.offer.product, {"b.csv": b"b\n", "a.csv": b"a\n", "数据.csv": b"c\n"})
    order = place(market)
    deliver(order)
    promised = json.loads(OrderTerms.objects.get(order=order).document)["revision"]["manifest_sha256"]
    handed = AuditEvent.objects.get(name="delivery.handed_over").payload
    assert handed["manifest_sha256"] == promised
    assert (handed["files"], handed["bytes"]) == (3, 6)


def test_the_right_ends_with_the_term_of_the_contract(market):
    offer = factories.offer(market.offer.product, 5_000, price_model="subscription", months=3)
    order = place(market, offer)
    deliver(order)
    entitlement = Entitlement.objects.get(order=order)
    assert entitlement.valid_until == clock.business_midnight(order.term_ends_on)


def test_performed_twice_hands_over_once(market):
    order = place(market)
    deliver(order)
    before = AuditEvent.objects.count()
    deliver(order)
    assert AuditEvent.objects.count() == before
    assert Entitlement.objects.count() == Delivery.objects.count() == 1


def corrupt(path):
    path.write_bytes(factories.CONTENT.replace(b"21", b"22"))


def truncate(path):
    path.write_bytes(factories.CONTENT[:-1])


def lengthen(path):
    path.write_bytes(factories.CONTENT + b"!")


def remove(path):
    path.unlink()


@pytest.mark.parametrize("damage", [corrupt, truncate, lengthen, remove])
def test_damaged_file_is_never_handed_over(market, damage):
    order = place(market)
    damage(stored_path(asset_of(order)))
    dead = deliver(order)
    expected = "is missing from the store." if damage is remove else "in the store is not what was published."
    reason = f"observations.csv {expected}"
    assert (dead.state, dead.attempts, dead.last_error) == (JobState.DEAD, 1, reason)
    assert state_of(order) == OrderState.DELIVERY_FAILED
    assert order.failure_reason == reason
    delivery = Delivery.objects.get(order=order)
    assert (delivery.state, delivery.failure_reason, delivery.manifest) == (DeliveryState.FAILED, reason, [])
    assert events(delivery.id) == ["delivery.failed"]
    assert not Entitlement.objects.exists()
    assert factories.balance(market.buyer, AccountKind.ESCROW) == order.amount, "the money waits in escrow"


def test_operator_retries_after_the_file_is_back(market):
    order = place(market)
    path = stored_path(asset_of(order))
    remove(path)
    deliver(order)
    path.write_bytes(factories.CONTENT)
    orders.retry_delivery(actor=factories.actor_of(market.operator), order_id=order.id)
    assert deliver(order, number=2).state == JobState.DONE
    assert state_of(order) == OrderState.DELIVERED
    states = Delivery.objects.filter(order=order).order_by("number").values_list("number", "state")
    assert list(states) == [(1, DeliveryState.FAILED), (2, DeliveryState.HANDED_OVER)]
    outbox.retry(actor=SYSTEM, job_id=job_of(order).id)
    assert deliver(order).state == JobState.DONE, "the first job finds nothing left to do"
    assert Entitlement.objects.filter(order=order).count() == 1
    assert state_of(order) == OrderState.DELIVERED


def test_store_that_cannot_be_read_now_is_asked_again_and_its_paths_are_not_told(market):
    order = place(market)
    path = stored_path(asset_of(order))
    path.unlink()
    path.mkdir()
    job = deliver(order)
    assert (job.state, state_of(order)) == (JobState.PENDING, OrderState.DELIVERING)
    assert "IsADirectoryError" in job.last_error
    while job.state == JobState.PENDING:
        job = deliver(order)
    assert (job.state, job.attempts) == (JobState.DEAD, 8)
    assert state_of(order) == OrderState.DELIVERY_FAILED
    assert order.failure_reason == "The files could not be read. The operator has been told."
    assert Delivery.objects.get(order=order).attempts == 8


def test_worker_that_died_at_every_attempt_fails_the_order(market):
    order = place(market)
    job = job_of(order)
    for _attempt in range(8):
        claimed = outbox.claim(job.id)
        type(job).objects.filter(id=job.id).update(lease_until=claimed.lease_until - timedelta(hours=1))
    assert deliver(order).state == JobState.DEAD
    assert state_of(order) == OrderState.DELIVERY_FAILED
    assert Delivery.objects.get(order=order).state == DeliveryState.FAILED


def test_order_cancelled_before_delivery_began(market):
    order = place(market)
    orders.cancel(actor=factories.actor_of(market.purchaser), order_id=order.id)
    assert deliver(order).state == JobState.DONE
    delivery = Delivery.objects.get(order=order)
    assert delivery.state == DeliveryState.ABANDONED
    assert events(delivery.id) == ["delivery.abandoned"]
    assert state_of(order) == OrderState.CANCELLED
    assert not Entitlement.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_order_cancelled_while_its_files_are_being_checked(market):
    order = place(market)
    with held_file(asset_of(order)) as pipe:
        worker = threading.Thread(target=run_and_disconnect, args=[job_of(order).id])
        worker.start()
        with pipe.open("wb") as writer:  # opens when the worker has the file open
            assert state_of(order) == OrderState.DELIVERING
            orders.cancel(actor=factories.actor_of(market.purchaser), order_id=order.id)
            writer.write(factories.CONTENT)
        worker.join(timeout=10)
    assert job_of(order).state == JobState.DONE
    assert Delivery.objects.get(order=order).state == DeliveryState.ABANDONED
    assert state_of(order) == OrderState.CANCELLED
    assert not Entitlement.objects.exists()
    assert factories.balance(market.buyer, AccountKind.WALLET) == 100_000


def run_and_disconnect(job_id) -> None:
    try:
        outbox.perform(job_id)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_lease_is_renewed_while_a_large_file_is_read(market, settings, wait_until):
    settings.OUTBOX_LEASE_SECONDS = 1
    order = place(market)
    with held_file(asset_of(order)) as pipe:
        worker = threading.Thread(target=run_and_disconnect, args=[job_of(order).id])
        worker.start()
        with pipe.open("wb", buffering=0) as writer:
            first_lease = job_of(order).lease_until

            def renewed_twice() -> bool:
                writer.write(b"x" * 65_536)
                return job_of(order).lease_until > first_lease + timedelta(seconds=1)

            wait_until(renewed_twice, "two renewals")
            assert job_of(order).fence == 1
        worker.join(timeout=10)
    assert job_of(order).state == JobState.DEAD, "bytes of x are not what was published"


@pytest.mark.django_db(transaction=True)
def test_worker_that_lost_its_lease_stops_reading(market, settings):
    """Without renewal it would read to the end of a file of any size for nothing."""
    settings.OUTBOX_LEASE_SECONDS = 0
    order = place(market)
    with held_file(asset_of(order)) as pipe:
        worker = threading.Thread(target=run_and_disconnect, args=[job_of(order).id])
        worker.start()
        with pipe.open("wb", buffering=0) as writer:
            assert outbox.claim(job_of(order).id).fence == 2
            with pytest.raises(BrokenPipeError):
                for _block in range(10_000):
                    writer.write(b"x" * 65_536)
        worker.join(timeout=10)
    assert job_of(order).state == JobState.RUNNING
    assert Delivery.objects.get(order=order).state == DeliveryState.RUNNING


def test_revision_revoked_after_the_order_is_still_delivered(market):
    order = place(market)
    actor = factories.actor_of(market.lister)
    revoke_revision(actor=actor, revision_id=order.revision_id, reason="A column was mislabelled.")
    deliver(order)
    assert Revision.objects.get(id=order.revision_id).state == "revoked"
    assert state_of(order) == OrderState.DELIVERED


def test_constraints_hold_against_raw_sql(market):
    order = place(market)
    deliver(order)
    for statement in (
        "UPDATE delivery_delivery SET manifest = '[]'",
        "UPDATE delivery_delivery SET state = 'running', finished_at = NULL",
        "DELETE FROM delivery_delivery",
        "UPDATE delivery_entitlement SET valid_until = now() + interval '1 day'",
        "UPDATE delivery_entitlement SET buyer_org_id = vendor_org_id",
        "UPDATE delivery_entitlement SET revoked_at = now()",
        "DELETE FROM delivery_entitlement",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    with pytest.raises(IntegrityError, match="delivery_handed_over_once"), transaction.atomic():
        Delivery.objects.create(
            order=order,
            number=2,
            job_id=job_of(order).id,
            buyer_org_id=market.buyer.id,
            vendor_org_id=market.vendor.id,
            state=DeliveryState.HANDED_OVER,
            finished_at=clock.now(),
        )
