"""Every kind of drift is found, and the object that drifted is named."""

import pytest
from django.db import transaction

from market.ledger.models import Account
from market.settlement.services import books, reconcile
from tests.settlement.corruption import corrupt, drifted, sql
from tests.settlement.lives import busy_market


@pytest.fixture(scope="module")
def busy(django_db_setup, django_db_blocker):
    """One busy market for all tests here, in a transaction that never commits."""
    with django_db_blocker.unblock(), transaction.atomic():
        market = busy_market()
        assert drifted() == {}
        yield market
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def undone(busy):
    """Each test's corruption is undone."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


ONE_OF = {
    "wallet": "SELECT id FROM ledger_account WHERE kind = 'wallet' ORDER BY id LIMIT 1",
    "escrow": "SELECT id FROM ledger_account WHERE kind = 'escrow' ORDER BY id LIMIT 1",
    "deposit": "SELECT id FROM ledger_transfer WHERE kind = 'deposit' ORDER BY id LIMIT 1",
    **{
        f"{kind} transfer": f"SELECT id FROM ledger_transfer WHERE kind = '{kind}' ORDER BY id LIMIT 1"
        for kind in ("escrow", "release", "capture_net", "capture_vat")
    },
    "capture": "SELECT id FROM settlement_capture ORDER BY id LIMIT 1",
    "volume": "SELECT id FROM settlement_monthlyvolume ORDER BY id LIMIT 1",
    "correction": "SELECT id FROM ledger_correction WHERE reverses_id IS NOT NULL",
    "captured order": "SELECT order_id FROM settlement_capture ORDER BY id LIMIT 1",
    "unsettled captured order": (
        "SELECT order_id FROM settlement_capture c WHERE NOT EXISTS"
        " (SELECT FROM settlement_batchline l WHERE l.capture_id = c.id) ORDER BY c.id LIMIT 1"
    ),
    "batch": "SELECT id FROM settlement_settlementbatch ORDER BY id LIMIT 1",
    **{
        f"{state} order": f"SELECT id FROM orders_order WHERE state = '{state}' AND amount > 0 ORDER BY id LIMIT 1"
        for state in ("paid", "cancelled", "refunded", "delivery_failed", "delivered", "settled")
    },
    "accepted order": (
        "SELECT id FROM orders_order o WHERE state = 'accepted' AND NOT EXISTS"
        " (SELECT FROM settlement_capture c WHERE c.order_id = o.id)"
    ),
    **{
        f"{state} payout": f"SELECT id FROM settlement_payout WHERE state = '{state}' ORDER BY id LIMIT 1"
        for state in ("pending", "sent", "confirmed", "bounced")
    },
}

COPY_TRANSFER = (
    "INSERT INTO ledger_transfer (id, tx_id, debit_account_id, credit_account_id, amount, currency, kind,"
    " subject_type, subject_id, business_key, posted_at) SELECT gen_random_uuid(), tx_id, debit_account_id,"
    " credit_account_id, amount, currency, kind, subject_type, subject_id, business_key || ':again', posted_at"
    " FROM ledger_transfer"
)

# What is corrupted; how; which checks must name that very object.
CORRUPTIONS = [
    ("wallet", "UPDATE ledger_account SET balance = balance + 1 WHERE id = %(id)s", ["balances"]),
    ("escrow", "UPDATE ledger_account SET balance = balance - 1 WHERE id = %(id)s", ["balances", "escrow"]),
    (
        "wallet",
        "ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_balance_not_negative;"
        "UPDATE ledger_account SET balance = -1 WHERE id = %(id)s",
        ["balances"],
    ),
    ("deposit", "UPDATE ledger_transfer SET amount = amount + 1 WHERE id = %(id)s", ["evidence"]),
    # The books cooked on both sides, so that all sums still hold.
    (
        "deposit",
        "UPDATE ledger_transfer SET amount = amount + 1 WHERE id = %(id)s;"
        "UPDATE ledger_account SET balance = balance + 1"
        " WHERE id = (SELECT credit_account_id FROM ledger_transfer WHERE id = %(id)s)",
        ["evidence"],
    ),
    ("deposit", "DELETE FROM audit_auditevent WHERE subject_id = %(id)s", ["evidence"]),
    ("deposit", "UPDATE ledger_transfer SET kind = 'payout' WHERE id = %(id)s", ["routes"]),
    ("deposit", "UPDATE ledger_transfer SET credit_account_id = gen_random_uuid() WHERE id = %(id)s", ["routes"]),
    ("paid order", "UPDATE orders_order SET amount = amount + 1 WHERE id = %(id)s", ["orders", "evidence"]),
    ("paid order", "DELETE FROM ledger_transfer WHERE subject_id = %(id)s", ["orders"]),
    ("paid order", "UPDATE orders_order SET state = 'cancelled' WHERE id = %(id)s", ["orders"]),
    (
        "paid order",
        "UPDATE orders_order SET state = 'awaiting_funds', funds_due_at = now() WHERE id = %(id)s",
        ["orders"],
    ),
    ("accepted order", "DELETE FROM orders_charge WHERE order_id = %(id)s", ["orders"]),
    ("accepted order", "UPDATE orders_charge SET amount = amount - 1 WHERE order_id = %(id)s", ["orders"]),
    ("settled order", "UPDATE orders_charge SET is_final = false WHERE order_id = %(id)s", ["orders"]),
    ("paid order", "DELETE FROM orders_order WHERE id = %(id)s", ["orders"]),
    ("delivered order", "UPDATE orders_order SET state = 'settled' WHERE id = %(id)s", ["orders", "lines"]),
    ("delivery_failed order", "UPDATE orders_order SET state = 'refunded' WHERE id = %(id)s", ["orders"]),
    ("cancelled order", "UPDATE orders_order SET state = 'paid' WHERE id = %(id)s", ["orders"]),
    ("cancelled order", f"{COPY_TRANSFER} WHERE subject_id = %(id)s AND kind = 'release'", ["orders"]),
    # Money out and in again are both gone: every balance and sum still holds.
    ("cancelled order", "DELETE FROM ledger_transfer WHERE subject_id = %(id)s", ["orders"]),
    ("refunded order", "DELETE FROM ledger_transfer WHERE subject_id = %(id)s AND kind = 'release'", ["orders"]),
    ("accepted order", "UPDATE orders_order SET state = 'settled' WHERE id = %(id)s", ["orders", "lines"]),
    ("unsettled captured order", "UPDATE orders_order SET state = 'settled' WHERE id = %(id)s", ["lines"]),
    ("unsettled captured order", "UPDATE orders_order SET state = 'delivered' WHERE id = %(id)s", ["orders"]),
    ("settled order", "UPDATE orders_order SET state = 'accepted' WHERE id = %(id)s", ["lines"]),
    ("settled order", f"{COPY_TRANSFER} WHERE subject_id = %(id)s AND kind = 'capture_net'", ["orders"]),
    ("settled order", "DELETE FROM settlement_capture WHERE order_id = %(id)s", ["orders", "lines"]),
    (
        "settled order",
        "UPDATE ledger_transfer SET kind = 'release', business_key = business_key || ':moved'"
        " WHERE subject_id = %(id)s AND kind = 'capture_net'",
        ["orders"],
    ),
    (
        "capture",
        "UPDATE settlement_capture SET net = net - 1, commission = commission + 1"
        " WHERE id = %(id)s",
        ["captures"],
    ),
    ("capture", "UPDATE settlement_capture SET gross = gross + 1, net = net + 1 WHERE id = %(id)s", ["captures"]),
    ("capture", "UPDATE settlement_capture SET taxpayer_type = 'small_scale' WHERE id = %(id)s", ["captures"]),
    (
        "capture",
        "UPDATE ledger_transfer SET amount = amount + 1"
        " WHERE tx_id = %(id)s AND kind = 'capture_vat'",
        ["captures"],
    ),
    # Commission and VAT swapped a little in the capture and in its transfers alike.
    (
        "capture",
        "UPDATE settlement_capture SET commission = commission + 2, vat = vat - 2 WHERE id = %(id)s;"
        "UPDATE ledger_transfer SET amount = amount + 2 WHERE tx_id = %(id)s AND kind = 'capture_commission';"
        "UPDATE ledger_transfer SET amount = amount - 2 WHERE tx_id = %(id)s AND kind = 'capture_vat'",
        ["captures"],
    ),
    (
        "capture",
        "UPDATE settlement_capture SET vendor_org_id = (SELECT id FROM accounts_organization"
        " WHERE 'vendor' = ANY(capacities) AND id <> vendor_org_id LIMIT 1) WHERE id = %(id)s",
        ["captures"],
    ),
    # Between the right kinds of accounts, but another's; in another currency; by another act; not as an order's.
    (
        "escrow transfer",
        "UPDATE ledger_transfer SET debit_account_id = (SELECT id FROM ledger_account WHERE kind = 'wallet'"
        " AND id <> debit_account_id LIMIT 1) WHERE id = %(id)s",
        ["parties"],
    ),
    (
        "release transfer",
        "UPDATE ledger_transfer SET credit_account_id = (SELECT id FROM ledger_account WHERE kind = 'wallet'"
        " AND id <> credit_account_id LIMIT 1) WHERE id = %(id)s",
        ["parties"],
    ),
    (
        "capture_net transfer",
        "UPDATE ledger_transfer SET debit_account_id = (SELECT id FROM ledger_account WHERE kind = 'escrow'"
        " AND id <> debit_account_id LIMIT 1) WHERE id = %(id)s",
        ["parties"],
    ),
    ("release transfer", "UPDATE ledger_transfer SET currency = 'USD' WHERE id = %(id)s", ["parties", "routes"]),
    (
        "capture_vat transfer",
        "UPDATE ledger_transfer SET credit_account_id = (SELECT id FROM ledger_account WHERE kind = 'commission'"
        " AND organization_id = (SELECT organization_id FROM ledger_account WHERE id = credit_account_id))"
        " WHERE id = %(id)s",
        ["routes"],
    ),
    (
        "capture",
        "UPDATE ledger_transfer SET tx_id = gen_random_uuid() WHERE tx_id = %(id)s AND kind = 'capture_net'",
        ["captures"],
    ),
    (
        "paid order",
        "UPDATE ledger_transfer SET business_key = business_key || ':2' WHERE subject_id = %(id)s",
        ["orders"],
    ),
    ("paid order", "UPDATE ledger_transfer SET subject_type = 'other' WHERE subject_id = %(id)s", ["orders"]),
    ("paid order", f"{COPY_TRANSFER} WHERE subject_id = %(id)s AND kind = 'escrow'", ["orders"]),
    (
        "paid order",
        "UPDATE ledger_transfer SET subject_id = gen_random_uuid() WHERE subject_id = %(id)s",
        ["orders"],
    ),
    (
        "accepted order",
        "DROP INDEX charge_final_once;"
        "INSERT INTO orders_charge SELECT again.* FROM orders_charge c, jsonb_populate_record(c,"
        " jsonb_build_object('id', gen_random_uuid(), 'part', 'again')) again WHERE c.order_id = %(id)s",
        ["orders"],
    ),
    (
        "accepted order",
        "UPDATE settlement_capture SET charge_id = (SELECT id FROM orders_charge WHERE order_id = %(id)s)"
        " WHERE id = (SELECT id FROM settlement_capture ORDER BY id LIMIT 1)",
        ["orders"],
    ),
    # As if the schedule had only come after what was captured by it.
    (
        "capture",
        "UPDATE settlement_feeschedule SET effective_from = now() + interval '1 day'"
        " WHERE id = (SELECT schedule_id FROM settlement_capture WHERE id = %(id)s)",
        ["captures"],
    ),
    # Numbers that no whole number of 64 bits could be multiplied with.
    (
        "capture",
        "ALTER TABLE settlement_capture DROP CONSTRAINT capture_parts_sum_to_gross;"
        "UPDATE settlement_capture SET vat = 9 * 10^18, net = -9 * 10^18 WHERE id = %(id)s",
        ["captures"],
    ),
    (
        "volume",
        "UPDATE settlement_capture SET volume_before = volume_before + 1"
        " WHERE id = (SELECT c.id FROM settlement_capture c"
        " JOIN settlement_monthlyvolume v USING (vendor_org_id) WHERE v.id = %(id)s LIMIT 1)",
        ["volumes"],
    ),
    ("volume", "UPDATE settlement_monthlyvolume SET gross = gross + 1 WHERE id = %(id)s", ["volumes"]),
    ("correction", "UPDATE ledger_correction SET amount = amount + 1 WHERE id = %(id)s", ["corrections"]),
    ("correction", "DELETE FROM ledger_correction WHERE id = %(id)s", ["corrections"]),
    (
        "paid order",
        "INSERT INTO audit_auditevent SELECT again.* FROM audit_auditevent e, jsonb_populate_record(e,"
        " jsonb_build_object('id', gen_random_uuid(), 'sequence', null)) again"
        " WHERE e.subject_id = %(id)s AND e.name = 'order.placed'",
        ["evidence"],
    ),
    (
        "captured order",
        "UPDATE audit_auditevent SET payload = payload || '{\"net\": 1}'"
        " WHERE subject_id = %(id)s AND name = 'order.captured'",
        ["evidence"],
    ),
    (
        "captured order",
        "DELETE FROM audit_auditevent"
        " WHERE subject_id = %(id)s AND name = 'order.captured'",
        ["evidence"],
    ),
    ("batch", "UPDATE settlement_settlementbatch SET net = net + 1, vat = vat - 1 WHERE id = %(id)s", ["batches"]),
    ("batch", "UPDATE settlement_settlementbatch SET order_count = order_count + 1 WHERE id = %(id)s", ["batches"]),
    (
        "batch",
        "DELETE FROM settlement_batchline WHERE id = (SELECT id FROM settlement_batchline"
        " WHERE batch_id = %(id)s LIMIT 1)",
        ["batches"],
    ),
    (
        "batch",
        "UPDATE settlement_batchline SET batch_id = (SELECT id FROM settlement_settlementbatch"
        " WHERE id <> %(id)s ORDER BY id DESC LIMIT 1) WHERE batch_id = %(id)s",
        ["batches"],
    ),
    (
        "settled order",
        "UPDATE settlement_batchline SET vendor_org_id = gen_random_uuid()"
        " WHERE capture_id IN (SELECT id FROM settlement_capture WHERE order_id = %(id)s)",
        ["lines"],
    ),
    (
        "settled order",
        "UPDATE settlement_settlementbatch SET cutoff = cutoff - interval '1 year'"
        " WHERE id IN (SELECT batch_id FROM settlement_batchline l JOIN settlement_capture c ON c.id = l.capture_id"
        " WHERE c.order_id = %(id)s)",
        ["lines"],
    ),
    ("batch", "DELETE FROM settlement_payout WHERE batch_id = %(id)s", ["payouts"]),
    ("confirmed payout", "UPDATE settlement_payout SET amount = amount + 1 WHERE id = %(id)s", ["payouts"]),
    ("confirmed payout", "DELETE FROM settlement_payout WHERE id = %(id)s", ["payouts"]),
    ("confirmed payout", "DELETE FROM ledger_transfer WHERE subject_id = %(id)s", ["payouts"]),
    ("confirmed payout", f"{COPY_TRANSFER} WHERE subject_id = %(id)s", ["payouts"]),
    (
        "confirmed payout",
        "UPDATE settlement_payout SET state = 'bounced', bounce_reason = 'x' WHERE id = %(id)s",
        ["payouts"],
    ),
    (
        "bounced payout",
        "DELETE FROM ledger_transfer"
        " WHERE subject_id = %(id)s AND kind = 'payout_bounced'",
        ["payouts"],
    ),
    (
        "pending payout",
        "UPDATE settlement_payout SET state = 'sent', hold = '', sent_at = now(), bank_account = '6222'"
        " WHERE id = %(id)s",
        ["payouts"],
    ),
    (
        "pending payout",
        "UPDATE settlement_payout SET vendor_org_id = (SELECT id FROM accounts_organization"
        " WHERE 'vendor' = ANY(capacities) AND id <> vendor_org_id LIMIT 1) WHERE id = %(id)s",
        ["payouts"],
    ),
]  # fmt: skip


# Everything is doubtful: nothing is cleared at a glance.
WITHOUT_A_GLANCE = """
SELECT array_agg(id) AS doubtful
  FROM (SELECT id FROM orders_order UNION SELECT subject_id FROM ledger_transfer WHERE subject_type = 'order') AS known
 WHERE id BETWEEN %(first)s AND %(last)s
"""


def assert_no_drift_was_overlooked(found: dict[str, set[str]]) -> None:
    """What the exact checks find when they are asked about every order, they find also after a glance."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(books, "GLANCE", WITHOUT_A_GLANCE)
        patched.setattr(books, "WHOLE", {})
        closely = drifted()
    of_orders = {"orders", "parties", "captures", "lines"}
    assert {name: keys for name, keys in found.items() if name in of_orders} == {
        name: keys for name, keys in closely.items() if name in of_orders
    }
    # These two also look at transfers that are no order's.
    for name in ("routes", "evidence"):
        assert closely.get(name, set()) <= found.get(name, set())


class TestDrift:
    @pytest.mark.parametrize(("what", "how", "checks"), CORRUPTIONS)
    def test_is_found_and_named(self, what, how, checks):
        ((key,),) = sql(ONE_OF[what].replace("%", "%%"))
        corrupt(how, id=key)
        found = drifted()
        for check in checks:
            assert str(key) in found.get(check, set()), found
        assert_no_drift_was_overlooked(found)

    def test_the_sum_of_all_accounts(self, busy):
        corrupt("UPDATE ledger_account SET balance = balance + 1 WHERE kind = 'wallet'", id=None)
        (finding,) = (finding for finding in reconcile().findings if finding.check.name == "zero_sum")
        assert [(drift.key, drift.expected, drift.found) for drift in finding.drift] == [("CNY", 0, 2)]
        assert str(Account.objects.get(organization=busy.buyer, kind="wallet").id) in drifted()["balances"]

    def test_a_capture_that_went_to_another_vendor(self, busy):
        """All sums hold, but the wrong vendor would be paid."""
        ((moved, amount, wrong),) = sql(
            "SELECT t.id, t.amount, other.id FROM ledger_transfer t JOIN ledger_account mine"
            " ON mine.id = t.credit_account_id JOIN ledger_account other ON other.kind = 'payable'"
            " AND other.id <> mine.id WHERE t.kind = 'capture_net' AND mine.organization_id = %(vendor)s"
            " AND mine.balance >= t.amount LIMIT 1",
            vendor=busy.vendor.id,
        )
        corrupt(
            "UPDATE ledger_account SET balance = balance - %(amount)s"
            " WHERE id = (SELECT credit_account_id FROM ledger_transfer WHERE id = %(id)s);"
            "UPDATE ledger_account SET balance = balance + %(amount)s WHERE id = %(wrong)s;"
            "UPDATE ledger_transfer SET credit_account_id = %(wrong)s WHERE id = %(id)s",
            id=moved,
            amount=amount,
            wrong=wrong,
        )
        found = drifted()
        assert found["parties"] == {str(moved)}
        assert str(wrong) in found["payable"]
        assert set(found) == {"parties", "payable"}

    def test_two_payouts_of_one_batch(self):
        ((batch,),) = sql("SELECT batch_id FROM settlement_payout WHERE state = 'confirmed'")
        corrupt(
            "DROP INDEX payout_one_alive_per_batch;"
            "INSERT INTO settlement_payout (id, batch_id, vendor_org_id, amount, currency, reference, state, hold,"
            " bank_account, bounce_reason, created_at) SELECT settlement_uuid7(), batch_id, vendor_org_id, amount,"
            " currency, 'AGAIN', 'pending', '', '', '', created_at FROM settlement_payout WHERE batch_id = %(id)s",
            id=batch,
        )
        assert drifted() == {"payouts": {str(batch)}}
