"""Many models in one statement."""

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from accounts.errors import AlreadyRegistered
from market.audit.models import AuditEvent
from market.kernel import clock
from market.kernel.conditions import unlocked
from market.kernel.database import insert_together
from market.kernel.identifiers import uuid7
from market.ledger.states import AccountKind
from market.outbox.models import Job
from tests import factories


@pytest.mark.django_db
def test_market_stands_and_money_is_where_it_should_be():
    made = factories.market(funds=1234)
    assert factories.balance(made.buyer, AccountKind.WALLET) == 1234
    assert AuditEvent.objects.filter(name="deposit.confirmed", on_behalf_of_org_id=made.buyer.id).count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_refused_row_refuses_all():
    made = factories.organization("buyer")
    before = AuditEvent.objects.count()
    with pytest.raises(AlreadyRegistered):
        factories.organization("vendor", uscc=made.uscc)
    assert AuditEvent.objects.count() == before


@pytest.mark.django_db
def test_the_second_act_of_a_kind_is_written_as_the_first():
    """From the second time on the statement's text is remembered and only the values are new."""
    statements, written = [], []
    for number, payload in enumerate([{"a": [1, "数"]}, {}, {"b": None}]):
        event = AuditEvent(name=f"n{number}", actor_label="x", subject_type="t", subject_id=uuid7(), payload=payload)
        job = Job(kind="k", key=str(number), subject_id=event.subject_id, lease_until=clock.now() if number else None)
        with CaptureQueriesContext(connection) as queries:
            insert_together(event, job)
        statements.append(len(queries))
        written += [event, job]
    assert statements == [1, 1, 1]
    for row in written:
        stored = type(row).objects.get(id=row.id)
        for field in row._meta.concrete_fields:
            assert getattr(stored, field.attname) == getattr(row, field.attname)
        assert not row._state.adding


@pytest.mark.django_db
def test_a_value_that_the_database_computes_is_not_taken_for_a_plain_one():
    for due_at in (clock.now(), Now(), clock.now()):
        job = Job(kind="k", key=str(uuid7()), subject_id=uuid7(), due_at=due_at)
        insert_together(job)
        assert abs((Job.objects.get(id=job.id).due_at - clock.now()).total_seconds()) < 60


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("due_at", [clock.now(), Now()], ids=["plain values", "a value that the database computes"])
def test_under_a_lock_that_another_has_nothing_is_written(due_at):
    other = connection.copy()
    job = Job(kind="k", key=str(uuid7()), subject_id=uuid7(), due_at=due_at)
    try:
        with other.cursor() as cursor, transaction.atomic():
            cursor.execute("SELECT pg_advisory_lock(7)")
            assert not insert_together(job, given=unlocked(7))
            assert job._state.adding and not Job.objects.exists()
            cursor.execute("SELECT pg_advisory_unlock(7)")
            assert insert_together(job, given=unlocked(7))
    finally:
        other.close()
    assert Job.objects.get().id == job.id
