"""What PostgreSQL itself refuses about orders and contracts, whoever asks."""

import itertools
import json

import pytest
from django.db import IntegrityError, connection, transaction

from market.kernel.database import violated_constraint
from market.orders.models import Order, OrderTerms
from market.orders.states import ORDER_MOVES, OrderState
from tests import factories
from tests.orders.trades import place

pytestmark = pytest.mark.django_db


def refused(sql: str) -> str:
    """Run raw SQL that must be refused and change nothing; the name of what refused it."""
    before = list(Order.objects.order_by("id").values()), list(OrderTerms.objects.order_by("id").values())
    with pytest.raises(IntegrityError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert before == (list(Order.objects.order_by("id").values()), list(OrderTerms.objects.order_by("id").values()))
    return violated_constraint(refusal.value)


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE orders_orderterms SET document = '{}'", "orders_orderterms_is_immutable"),
        ("UPDATE orders_orderterms SET sha256 = repeat('0', 64)", "orders_orderterms_is_immutable"),
        ("DELETE FROM orders_orderterms", "orders_orderterms_is_immutable"),
        ("UPDATE orders_order SET amount = 1", "orders_order_is_immutable"),
        ("UPDATE orders_order SET quantity = quantity + 1", "orders_order_is_immutable"),
        ("UPDATE orders_order SET buyer_org_id = vendor_org_id", "orders_order_is_immutable"),
        ("UPDATE orders_order SET terms_sha256 = repeat('0', 64)", "orders_order_follows_terms"),
        ("UPDATE orders_order SET purpose = 'x'", "orders_order_follows_terms"),
        ("UPDATE orders_order SET client_reference = 'x'", "orders_order_is_immutable"),
        ("UPDATE orders_order SET placed_at = now()", "orders_order_is_immutable"),
        ("DELETE FROM orders_order", "orders_order_is_immutable"),
        ("UPDATE orders_order SET state = 'sold'", "orders_order_state_moves"),
        ("UPDATE orders_order SET state = 'settled', closed_at = now()", "orders_order_state_moves"),
        ("UPDATE orders_order SET state = 'delivery_failed'", "order_failed_has_deadline"),
    ],
)
def test_a_contract_stands(sql, constraint):
    place(factories.market())
    assert refused(sql) == constraint


COPY = """
    INSERT INTO orders_order
    SELECT (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid(), 'number', 'N', 'client_reference', 'R')
            || '{changes}'::jsonb)).* FROM orders_order AS o LIMIT 1
"""


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ('{"amount": -1}', "order_amount"),
        ('{"amount": 1000000000000001}', "order_amount"),
        ('{"quantity": 0}', "order_amount"),
        ('{"terms_sha256": "ABC"}', "order_terms_sha256"),
        ('{"state": "sold"}', "order_state_known"),
        ('{"state": "delivered"}', "order_delivered_has_deadline"),
    ],
)
def test_an_order_that_makes_no_sense_is_not_written(changes, constraint):
    place(factories.market())
    assert refused(COPY.replace("{changes}", changes)) == constraint


def test_the_database_knows_the_same_moves_as_the_services():
    place(factories.market())
    names = ("approval", "funds", "acceptance", "refund")
    due = {f"{name}_due_at": "2030-01-01T00:00:00Z" for name in names} | {"delivered_at": "2030-01-01T00:00:00Z"}
    for source, target in itertools.permutations(OrderState.values, 2):
        changes = json.dumps(due | {"state": source, "number": "M", "client_reference": "M"})
        move = f"{COPY.replace('{changes}', changes)}; UPDATE orders_order SET state = '{target}' WHERE number = 'M'"
        if target in ORDER_MOVES.legal_moves(source):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(move)
                assert Order.objects.get(number="M").state == target
                transaction.set_rollback(True)
        else:
            assert refused(move) == "orders_order_state_moves", (source, target)


def test_the_copy_itself_would_be_fine():
    place(factories.market())
    with connection.cursor() as cursor:
        cursor.execute(COPY.replace("{changes}", "{}"))
    assert Order.objects.count() == 2


def test_numbers_references_and_parties():
    order = place(factories.market())
    for changes, constraint in (
        (f'{{"number": "{order.number}"}}', "orders_order_number_key"),
        (f'{{"client_reference": "{order.client_reference}"}}', "order_client_reference_once"),
        (f'{{"buyer_org_id": "{order.vendor_org_id}"}}', "order_not_with_oneself"),
    ):
        assert refused(COPY.replace("{changes}", changes)).startswith(constraint)
