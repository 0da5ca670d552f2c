"""Locks are taken inside a transaction, in key order."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Organization
from market.kernel.locks import lock_in_order


@pytest.mark.django_db(transaction=True)
def test_no_lock_outside_a_transaction():
    with pytest.raises(RuntimeError, match="open transaction"):
        lock_in_order(Organization.objects.all())


@pytest.mark.django_db
def test_locks_are_ordered_by_key_and_let_referencing_rows_in():
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        list(lock_in_order(Organization.objects.order_by("name")))
    statements = " ".join(query["sql"] for query in queries)
    assert 'ORDER BY "accounts_organization"."id" ASC FOR NO KEY UPDATE' in statements
