"""Many rows of one model by COPY, the same as by INSERT."""

import uuid

import pytest
from django.db import IntegrityError, transaction

from market.audit.models import AuditEvent
from market.audit.services import event
from market.kernel.actors import SYSTEM
from market.kernel.database import copy_together
from tests import factories


def _events(number: int) -> list[AuditEvent]:
    payload = {"text": 'tab\t, newline\n, backslash \\ , "quotes", 汉字', "amount": 10**15, "nothing": None}
    return [event("test.copied", actor=SYSTEM, subject=("test", uuid.uuid4()), payload=payload) for _ in range(number)]


@pytest.mark.django_db
def test_rows_come_back_as_they_went_in():
    rows = _events(3)
    copy_together(iter(rows))
    stored = {row.id: row for row in AuditEvent.objects.filter(name="test.copied")}
    names = [field.attname for field in AuditEvent._meta.concrete_fields]
    assert len(stored) == 3
    for row in rows:
        assert [getattr(row, name) for name in names] == [getattr(stored[row.id], name) for name in names]
        assert not row._state.adding


@pytest.mark.django_db
def test_nothing_to_copy_is_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        copy_together([])


@pytest.mark.django_db
def test_one_refused_row_refuses_all():
    made = factories.organization("buyer")
    before = AuditEvent.objects.count()
    rows = _events(2)
    rows[1].id = AuditEvent.objects.filter(subject_id=made.id).get().id
    with pytest.raises(IntegrityError), transaction.atomic():
        copy_together(rows)
    assert AuditEvent.objects.count() == before
