"""The evidence cannot be changed: not by the ORM, not by SQL, not by an operator."""

import hashlib

import pytest
from django.db import IntegrityError, connection, transaction

from market.audit.models import AuditEvent
from market.audit.selectors import event_names, events_of
from market.audit.services import event
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together, violated_constraint
from market.kernel.identifiers import uuid7

pytestmark = pytest.mark.django_db


@pytest.fixture
def proof() -> AuditEvent:
    made = event("order.placed", actor=SYSTEM, subject=("order", uuid7()), payload={"amount": 100})
    insert_together(made)
    return AuditEvent.objects.get(id=made.id)


def refused(statement: str, *parameters) -> None:
    with pytest.raises(IntegrityError) as failure, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
    assert violated_constraint(failure.value) == "audit_auditevent_is_immutable"


@pytest.mark.parametrize(
    "change", ["name = 'x'", "payload = '{}'", "actor_label = 'somebody else'", "occurred_at = now()", "id = uuidv7()"]
)
def test_raw_update_is_refused(proof, change):
    refused(f"UPDATE audit_auditevent SET {change} WHERE id = %s", proof.id)
    kept = AuditEvent.objects.get(id=proof.id)
    assert {field.attname: getattr(kept, field.attname) for field in kept._meta.concrete_fields} == {
        field.attname: getattr(proof, field.attname) for field in proof._meta.concrete_fields
    }


def test_every_column_is_protected(proof):
    free = {"sequence", "leaf_hash"}
    for field in AuditEvent._meta.concrete_fields:
        if field.column not in free:
            refused(
                f"UPDATE audit_auditevent SET {field.column} = CASE WHEN {field.column} IS NULL THEN %s::text ELSE NULL"
                f" END::{field.db_type(connection)} WHERE id = %s",
                str(uuid7()),
                proof.id,
            )


def test_raw_delete_is_refused(proof):
    refused("DELETE FROM audit_auditevent WHERE id = %s", proof.id)
    assert AuditEvent.objects.filter(id=proof.id).exists()


def test_orm_update_save_and_delete_are_refused(proof):
    for change in (
        lambda: AuditEvent.objects.filter(id=proof.id).update(payload={}),
        lambda: AuditEvent.objects.filter(id=proof.id).delete(),
        lambda: proof.delete(),
        lambda: AuditEvent(id=proof.id, name="x", subject_type="order", subject_id=uuid7()).save(force_update=True),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
    assert AuditEvent.objects.get(id=proof.id).payload == {"amount": 100}


def test_sequence_and_leaf_are_filled_once_and_only_by_themselves(proof):
    rows = AuditEvent.objects.filter(id=proof.id)
    leaf = hashlib.sha256(b"entry").digest()
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(sequence=1, leaf_hash=leaf, name="order.cancelled")
    assert rows.update(sequence=1, leaf_hash=leaf) == 1
    for again in ({"sequence": 2}, {"sequence": None}, {"leaf_hash": hashlib.sha256(b"other").digest()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**again)
    kept = rows.get()
    assert (kept.sequence, bytes(kept.leaf_hash), kept.name) == (1, leaf, "order.placed")


def test_a_sequence_number_is_given_once(proof):
    other = event("order.placed", actor=SYSTEM, subject=("order", uuid7()))
    insert_together(other)
    AuditEvent.objects.filter(id=proof.id).update(sequence=7)
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditEvent.objects.filter(id=other.id).update(sequence=7)


def test_names_are_found_in_order_and_once_each(proof):
    subject = uuid7()
    for name in ("product.listed", "order.placed", "order.accepted", "product.listed"):
        insert_together(event(name, actor=SYSTEM, subject=("order", subject)))
    assert event_names() == ["order.accepted", "order.placed", "product.listed"]
    assert [found.name for found in events_of(subject)] == [
        "product.listed",
        "order.placed",
        "order.accepted",
        "product.listed",
    ]


def test_names_of_no_events():
    assert event_names() == []
