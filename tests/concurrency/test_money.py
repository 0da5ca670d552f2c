"""Buyers who spend at the same moment: first what happens without the guard, then that the guard holds."""

import random
import threading
import uuid
from contextlib import ExitStack

import pytest
from django.db import OperationalError, connection, transaction
from psycopg import errors

from accounts.states import Capacity
from market.api.models import IdempotentReply
from market.audit.models import AuditEvent
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together
from market.kernel.identifiers import uuid7
from market.ledger import services as ledger
from market.ledger.errors import InsufficientFunds
from market.ledger.models import Account, Transfer
from market.ledger.selectors import accounts_visible_to
from market.ledger.states import AccountKind, TransferKind
from market.orders import jobs
from market.orders.models import Order
from market.outbox.models import Job
from tests import factories
from tests.concurrency.guards import with_function_changed, without_constraint, without_triggers
from tests.concurrency.together import together
from tests.orders.trades import money, place, post, wish

pytestmark = pytest.mark.django_db(transaction=True)
BUYERS = 50


def statuses(answers: list) -> list[int]:
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    return sorted(answer.status_code for answer in answers)


# --- One request sent many times --------------------------------------------------------------------------------------


def test_looking_for_the_key_first_places_the_order_many_times():
    market, meeting = factories.market(), threading.Barrier(5)

    def naive():
        seen = IdempotentReply.objects.filter(key="k").exists()
        meeting.wait(timeout=30)
        if not seen:
            place(market)

    together([naive] * 5)
    assert Order.objects.count() == 5


def test_fifty_times_the_same_key_is_one_order():
    market = factories.market(funds=1_000_000)
    client, body = factories.api_client(market.purchaser), wish(market)
    # The unique client reference would catch a second order too; here the key has to do it alone.
    with without_constraint("orders_order", "order_client_reference_once"):
        answers = together([lambda: post(client, "orders", body, key="k")] * BUYERS)
    assert set(statuses(answers)) <= {201, 409}
    made = [answer for answer in answers if answer.status_code == 201]
    assert len([answer for answer in made if "Idempotency-Replayed" not in answer]) == 1
    assert len({answer.json()["id"] for answer in made}) == 1
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"request_in_flight"}
    assert Order.objects.count() == 1 and money(market) == (990_000, 10_000)
    assert Transfer.objects.filter(kind=TransferKind.ESCROW).count() == 1
    assert Job.objects.filter(kind=jobs.DELIVER).count() == 1
    assert AuditEvent.objects.filter(name="order.placed").count() == 1


def test_fifty_keys_for_one_client_reference_are_one_order():
    market = factories.market(funds=1_000_000)
    client, body = factories.api_client(market.purchaser), wish(market)
    answers = together([lambda: post(client, "orders", body)] * BUYERS)
    assert statuses(answers) == [201] + [409] * (BUYERS - 1)
    (order,) = Order.objects.all()
    assert {answer.json()["order"] for answer in answers if answer.status_code == 409} == {str(order.id)}
    assert money(market) == (990_000, 10_000)
    assert IdempotentReply.objects.count() == 1


def test_waiting_for_funds_or_not_one_client_reference_is_one_order():
    """Who may wait locks the wallet first, who pays at once takes the reference first: they meet in a circle."""
    market = factories.market(funds=1_000_000)
    client = factories.api_client(market.purchaser)
    for _round in range(3):
        body, before = wish(market), Order.objects.count()
        bodies = [body | {"wait_for_funds": number % 2 == 0} for number in range(8)]
        answers = together([lambda body=body: post(client, "orders", body) for body in bodies])
        assert statuses(answers) == [201] + [409] * 7
        assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {
            "client_reference_taken",
            "contended",
        }
        assert Order.objects.count() == before + 1
    assert money(market) == (970_000, 30_000)


# --- Many requests, too little money ----------------------------------------------------------------------------------


def test_looking_at_the_balance_first_spends_money_that_is_not_there():
    market, meeting = factories.market(funds=50_000), threading.Barrier(20)
    wallet = Account.objects.get(organization=market.buyer, kind=AccountKind.WALLET)

    def naive():
        holds = Account.objects.get(id=wallet.id).balance
        meeting.wait(timeout=30)
        if holds >= 10_000:
            place(market)

    repair = "ALTER TABLE ledger_account DISABLE TRIGGER USER; UPDATE ledger_account SET balance = 0"
    repair += " WHERE balance < 0; ALTER TABLE ledger_account ENABLE TRIGGER USER"
    with ExitStack() as guards_off:
        check = "ledger_account_balance_not_negative"
        guards_off.enter_context(without_constraint("ledger_account", check, repair))
        allowed = "account.balance + locked.amount >= 0 OR"
        guards_off.enter_context(with_function_changed("ledger_move_balances", allowed, "true OR"))
        together([naive] * 20)
        assert Order.objects.count() == 20
        wallet.refresh_from_db()
        assert wallet.balance == 50_000 - 20 * 10_000


def test_a_balance_written_by_readers_loses_updates():
    """Why a trigger moves balances: 20 read-modify-writes of 1 fen each, and almost all are lost."""
    market, meeting = factories.market(), threading.Barrier(20)
    wallet = Account.objects.get(organization=market.buyer, kind=AccountKind.WALLET)

    def naive():
        holds = Account.objects.get(id=wallet.id).balance
        meeting.wait(timeout=30)
        Account.objects.filter(id=wallet.id).update(balance=holds - 1)

    with without_triggers("ledger_account"):
        together([naive] * 20)
        wallet.refresh_from_db()
        assert wallet.balance > 100_000 - 20


def test_fifty_orders_with_money_for_ten_are_ten():
    market = factories.market(funds=100_000)
    client = factories.api_client(market.purchaser)
    bodies = [wish(market) for _buyer in range(BUYERS)]
    answers = together([lambda body=body: post(client, "orders", body) for body in bodies])
    assert statuses(answers) == [201] * 10 + [409] * 40
    for answer in answers:
        if answer.status_code == 409:
            problem = answer.json()
            assert (problem["code"], problem["needed"]) == ("insufficient_funds", 10_000)
            assert 0 <= problem["available"] < 10_000
    assert Order.objects.count() == 10 and money(market) == (0, 100_000)
    assert Transfer.objects.filter(kind=TransferKind.ESCROW).count() == 10
    assert IdempotentReply.objects.count() == 10
    assert Job.objects.filter(kind=jobs.DELIVER).count() == 10


# --- Locks ------------------------------------------------------------------------------------------------------------


def test_locking_accounts_in_any_order_deadlocks():
    market, meeting = factories.market(), threading.Barrier(2)
    pair = list(Account.objects.filter(organization=market.buyer).order_by("id"))

    def naive(first: Account, second: Account):
        with transaction.atomic():
            Account.objects.select_for_update(no_key=True).get(id=first.id)
            meeting.wait(timeout=30)
            Account.objects.select_for_update(no_key=True).get(id=second.id)

    results = together([lambda: naive(*pair), lambda: naive(*reversed(pair))])
    (victim,) = [result for result in results if result is not None]
    assert isinstance(victim, OperationalError) and isinstance(victim.__cause__, errors.DeadlockDetected)


def test_postings_in_all_directions_never_deadlock_and_lose_nothing():
    organizations = [factories.organization(Capacity.BUYER) for _number in range(4)]
    factories.market()
    for organization in organizations:
        factories.fund(organization, 1_000)
    accounts = list(Account.objects.filter(organization__in=organizations).values_list("id", flat=True))

    def trader(seed: int):
        chance = random.Random(seed)
        for _act in range(40):
            legs = [
                ledger.transfer(
                    debit=debit,
                    credit=credit,
                    amount=chance.randint(1, 400),
                    kind=TransferKind.ESCROW,
                    subject=("test", uuid7()),
                    business_key=f"race:{uuid.uuid4()}",
                )
                for debit, credit in (chance.sample(accounts, 2) for _leg in range(chance.randint(1, 3)))
            ]
            try:
                with ledger.posting(), transaction.atomic():
                    insert_together(legs)
            except InsufficientFunds:
                continue

    assert together([lambda seed=seed: trader(seed) for seed in range(10)]) == [None] * 10
    assert Transfer.objects.filter(subject_type="test").count() > 100
    stated = {account.id: account.amount for account in accounts_visible_to(SYSTEM)}
    assert sum(stated.values()) == 0 and sum(stated[account] for account in accounts) == 4_000
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM ledger_account AS account WHERE balance IS NOT NULL AND (balance < 0 OR balance <>
                (SELECT coalesce(sum(amount), 0) FROM ledger_transfer WHERE credit_account_id = account.id)
              - (SELECT coalesce(sum(amount), 0) FROM ledger_transfer WHERE debit_account_id = account.id))
            """
        )
        assert cursor.fetchone()[0] == 0
