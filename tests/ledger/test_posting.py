"""What PostgreSQL itself refuses and does when transfers are inserted, whoever inserts them."""

import uuid

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.states import Capacity
from market.kernel.database import insert_together, violated_constraint
from market.kernel.identifiers import uuid7
from market.ledger import services
from market.ledger.errors import AlreadyPosted, InsufficientFunds
from market.ledger.models import Account, Transfer
from market.ledger.states import GUARDED, AccountKind, TransferKind
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> factories.Market:
    return factories.market(funds=1_000)


def account(organization, kind: str) -> Account:
    return Account.objects.get(organization=organization, kind=kind)


def move(debit: Account, credit: Account, amount: int, **changes) -> Transfer:
    wanted = {
        "debit": debit.id,
        "credit": credit.id,
        "amount": amount,
        "kind": TransferKind.ESCROW,
        "subject": ("order", uuid7()),
        "business_key": f"test:{uuid.uuid4()}",
    }
    return services.transfer(**wanted | changes)


def post(*transfers: Transfer) -> None:
    with services.posting(), transaction.atomic():
        insert_together(transfers)


def refused(sql: str, parameters: list | None = None) -> str:
    """Run raw SQL that must be refused; the name of what refused it."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
    return violated_constraint(refusal.value)


def test_many_legs_in_one_statement_move_each_account_once(market):
    wallet, escrow = account(market.buyer, AccountKind.WALLET), account(market.buyer, AccountKind.ESCROW)
    payable, vat = account(market.vendor, AccountKind.PAYABLE), account(market.vendor, AccountKind.VAT)
    post(move(wallet, escrow, 600), move(escrow, payable, 500), move(escrow, vat, 40))
    for row in (wallet, escrow, payable, vat):
        row.refresh_from_db()
    assert [row.balance for row in (wallet, escrow, payable, vat)] == [400, 60, 500, None]
    assert (wallet.version, escrow.version) == (2, 1)


def test_money_may_pass_through_an_account_in_one_statement(market):
    """Only what an account holds in the end counts, in whatever order the legs are written."""
    wallet, escrow = account(market.buyer, AccountKind.WALLET), account(market.buyer, AccountKind.ESCROW)
    payable = account(market.vendor, AccountKind.PAYABLE)
    post(move(escrow, payable, 1_000), move(wallet, escrow, 1_000))
    assert factories.balance(market.vendor, AccountKind.PAYABLE) == 1_000


def test_raw_sql_moves_balances_like_everybody(market):
    wallet, escrow = account(market.buyer, AccountKind.WALLET), account(market.buyer, AccountKind.ESCROW)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_transfer (id, tx_id, debit_account_id, credit_account_id, amount, currency, kind,"
            " subject_type, subject_id, business_key, posted_at)"
            " SELECT gen_random_uuid(), gen_random_uuid(), %s, %s, 10, 'CNY', 'escrow', 'order', gen_random_uuid(),"
            " 'raw:' || n, now() FROM generate_series(1, 50) AS n",
            [wallet.id, escrow.id],
        )
    assert factories.balance(market.buyer, AccountKind.WALLET) == 500
    assert factories.balance(market.buyer, AccountKind.ESCROW) == 500


def test_a_shortage_refuses_all_and_names_needed_and_available(market):
    wallet, escrow = account(market.buyer, AccountKind.WALLET), account(market.buyer, AccountKind.ESCROW)
    before = Transfer.objects.count()
    with pytest.raises(InsufficientFunds) as refusal:
        post(move(wallet, escrow, 600), move(wallet, escrow, 401))
    assert refusal.value.extra == {"needed": 1_001, "available": 1_000}
    assert Transfer.objects.count() == before
    assert factories.balance(market.buyer, AccountKind.WALLET) == 1_000


def test_the_check_stands_behind_the_trigger(market):
    """With the trigger's own refusal taken out, the constraint still refuses, and the service still understands it."""
    wallet, escrow = account(market.buyer, AccountKind.WALLET), account(market.buyer, AccountKind.ESCROW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('ledger_move_balances'::regproc)")
        (definition,) = cursor.fetchone()
        blind = definition.replace("account.balance + locked.amount >= 0 OR", "true OR")
        assert blind != definition
        cursor.execute(blind)
    with pytest.raises(InsufficientFunds):
        post(move(wallet, escrow, 1_001))
    assert factories.balance(market.buyer, AccountKind.WALLET) == 1_000


def test_an_unguarded_account_may_go_anywhere(market):
    bank, vat = Account.objects.get(kind=AccountKind.BANK), account(market.vendor, AccountKind.VAT)
    post(move(vat, bank, 10**15))
    vat.refresh_from_db()
    assert vat.balance is None


def test_a_business_key_is_used_once(market):
    wallet, escrow = account(market.buyer, AccountKind.WALLET), account(market.buyer, AccountKind.ESCROW)
    post(move(wallet, escrow, 1, business_key="order:1:escrow"))
    with pytest.raises(AlreadyPosted):
        post(move(wallet, escrow, 2, business_key="order:1:escrow"))
    assert factories.balance(market.buyer, AccountKind.ESCROW) == 1


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"amount": 0}, "ledger_transfer_amount_positive"),
        ({"amount": -5}, "ledger_transfer_amount_positive"),
        ({"amount": 10**15 + 1}, "ledger_transfer_amount_positive"),
        ({"currency": "USD"}, "ledger_transfer_debit_account"),
    ],
)
def test_what_is_no_movement_of_money_is_refused(market, changes, constraint):
    wallet, escrow = account(market.buyer, AccountKind.WALLET), account(market.buyer, AccountKind.ESCROW)
    with pytest.raises(IntegrityError) as refusal:
        post(move(wallet, escrow, **{"amount": 1} | changes))
    assert violated_constraint(refusal.value) == constraint


def test_an_account_pays_not_itself_and_not_nobody(market):
    wallet = account(market.buyer, AccountKind.WALLET)
    with pytest.raises(IntegrityError) as refusal:
        post(move(wallet, wallet, 1))
    assert violated_constraint(refusal.value) == "ledger_transfer_moves"
    with pytest.raises(IntegrityError) as refusal:
        post(move(wallet, Account(id=uuid7()), 1))
    assert violated_constraint(refusal.value) == "ledger_transfer_credit_account"


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE ledger_transfer SET amount = amount + 1", "ledger_transfer_is_immutable"),
        ("UPDATE ledger_transfer SET business_key = 'x'", "ledger_transfer_is_immutable"),
        ("DELETE FROM ledger_transfer", "ledger_transfer_is_immutable"),
        ("UPDATE ledger_account SET balance = balance + 1", "ledger_account_is_guarded"),
        ("UPDATE ledger_account SET version = 0", "ledger_account_is_guarded"),
        ("UPDATE ledger_account SET kind = 'bank', balance = NULL", "ledger_account_is_guarded"),
        ("UPDATE ledger_account SET organization_id = gen_random_uuid()", "ledger_account_is_guarded"),
        ("DELETE FROM ledger_account", "ledger_account_is_guarded"),
    ],
)
def test_evidence_and_balances_are_out_of_reach(market, sql, constraint):
    before = list(Account.objects.order_by("id").values()), list(Transfer.objects.order_by("id").values())
    assert refused(sql) == constraint
    assert before == (list(Account.objects.order_by("id").values()), list(Transfer.objects.order_by("id").values()))


@pytest.mark.parametrize(
    "column", [field.column for field in Account._meta.concrete_fields if field.name not in ("balance", "version")]
)
def test_a_trigger_moves_balances_and_nothing_else(market, column):
    with connection.cursor() as cursor:
        cursor.execute(f"""
            CREATE FUNCTION pg_temp.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN UPDATE ledger_account SET {column} = NULL WHERE kind = 'wallet'; RETURN NULL; END $$;
            CREATE TRIGGER meddle AFTER UPDATE ON accounts_organization EXECUTE FUNCTION pg_temp.meddle();
        """)
    assert refused("UPDATE accounts_organization SET name = name") == "ledger_account_is_guarded"


def test_an_account_cannot_be_born_rich(market):
    sql = (
        "INSERT INTO ledger_account (id, organization_id, kind, currency, balance, version, created_at)"
        " VALUES (gen_random_uuid(), %s, 'wallet', 'USD', 5, 0, now())"
    )
    assert refused(sql, [market.buyer.id]) == "ledger_account_is_guarded"


def test_accounts_are_opened_once_by_capacity():
    made = factories.organization(Capacity.BUYER, Capacity.VENDOR)
    services.open_accounts(organizations=[made])
    accounts = Account.objects.filter(organization=made)
    assert sorted(accounts.values_list("kind", flat=True)) == [
        "commission",
        "escrow",
        "payable",
        "receivable",
        "vat",
        "wallet",
    ]
    for row in accounts:
        assert row.balance == (0 if row.kind in GUARDED else None)


def test_money_goes_back_the_way_it_came(market):
    wallet, escrow = account(market.buyer, AccountKind.WALLET), account(market.buyer, AccountKind.ESCROW)
    there = move(wallet, escrow, 300)
    post(there)
    back = services.reversal(there, kind=TransferKind.RELEASE, business_key="back")
    post(back)
    assert (back.debit_account_id, back.credit_account_id, back.amount) == (escrow.id, wallet.id, 300)
    assert back.subject_id == there.subject_id
    assert factories.balance(market.buyer, AccountKind.WALLET) == 1_000
