"""What must add up, as SQL that derives it again from the rows themselves. Read-only; used by ``reconcile``.

Each check names one query that counts what was looked at and one that yields nothing but drift, as rows of
(kind of object, key, readable name, fact, expected, found). Amounts are fen.
"""

import dataclasses

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from market.ledger.states import CORRECTABLE
from market.orders.states import HOLDS_ESCROW
from market.settlement.book_checks import CORRECTIONS, RECEIVABLES, REFUNDS, SNAPSHOTS
from market.settlement.capture_checks import CAPTURES, VOLUMES
from market.settlement.meter_checks import USE
from market.settlement.order_checks import ESCROW, LINES, ORDERS, PARTIES


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold: ``looked_at`` counts the objects, ``drift`` finds those for which it does not."""

    name: str
    claim: str | Promise
    looked_at: str
    drift: str


PARAMETERS = {
    "holds_escrow": [state.value for state in HOLDS_ESCROW],
    "correctable": [kind.value for kind in CORRECTABLE],
}

ZERO_SUM = """
SELECT 'currency', currency, currency, 'sum of all accounts', 0, sum(amount)
  FROM (
        SELECT currency, balance AS amount FROM ledger_account WHERE balance IS NOT NULL
        UNION ALL
        SELECT account.currency, leg.amount
          FROM (
                SELECT debit_account_id AS account_id, -amount AS amount FROM ledger_transfer
                UNION ALL
                SELECT credit_account_id, amount FROM ledger_transfer
               ) AS leg
          JOIN ledger_account AS account ON account.id = leg.account_id
         WHERE account.balance IS NULL
       ) AS everything
 GROUP BY currency
HAVING sum(amount) <> 0
"""

BALANCES = """
SELECT 'account', account.id::text, owner.name || ' ' || account.kind, fact.name, fact.expected, fact.found
  FROM ledger_account AS account
  JOIN accounts_organization AS owner ON owner.id = account.organization_id
  LEFT JOIN (
        SELECT account_id, sum(amount) AS amount
          FROM (
                SELECT debit_account_id AS account_id, -amount AS amount FROM ledger_transfer
                UNION ALL
                SELECT credit_account_id, amount FROM ledger_transfer
               ) AS leg
         GROUP BY account_id
       ) AS moved ON moved.account_id = account.id
 CROSS JOIN LATERAL (
        VALUES ('balance', coalesce(moved.amount, 0), account.balance::numeric),
               ('shortage', 0,
                greatest(CASE account.kind WHEN 'receivable' THEN 1 ELSE -1 END * account.balance, 0)::numeric)
       ) AS fact (name, expected, found)
 WHERE account.balance IS NOT NULL AND fact.expected <> fact.found
"""

ROUTES = """
SELECT 'transfer', posted.id::text, posted.business_key,
       posted.kind || ' from ' || coalesce(debit.kind, 'nowhere') || ' to ' || coalesce(credit.kind, 'nowhere'),
       0, posted.amount
  FROM ledger_transfer AS posted
  LEFT JOIN ledger_account AS debit ON (debit.id, debit.currency) = (posted.debit_account_id, posted.currency)
  LEFT JOIN ledger_account AS credit ON (credit.id, credit.currency) = (posted.credit_account_id, posted.currency)
  LEFT JOIN (
        VALUES ('deposit', 'bank', 'wallet'),
               ('deposit', 'provider', 'wallet'),
               ('provider_paid', 'bank', 'provider'),
               ('provider_fee', 'provider_fees', 'provider'),
               ('escrow', 'wallet', 'escrow'),
               ('release', 'escrow', 'wallet'),
               ('capture_net', 'escrow', 'payable'),
               ('capture_commission', 'escrow', 'commission'),
               ('capture_vat', 'escrow', 'vat'),
               ('payout', 'payable', 'bank'),
               ('payout_bounced', 'bank', 'payable'),
               ('refund_net', 'payable', 'wallet'),
               ('refund_commission', 'commission', 'wallet'),
               ('refund_vat', 'vat', 'wallet'),
               ('refund_advance', 'receivable', 'wallet'),
               ('repayment', 'payable', 'receivable')
       ) AS route (kind, debit, credit)
    ON (route.kind, route.debit, route.credit) = (posted.kind, debit.kind, credit.kind)
 WHERE route.kind IS NULL
   AND (posted.kind = 'correction' AND debit.kind = ANY(%(correctable)s) AND credit.kind = ANY(%(correctable)s))
       IS NOT TRUE
"""

BATCHES = """
SELECT 'batch', batch.id::text, vendor.name || ' ' || to_char(batch.cutoff AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD'),
       fact.name, fact.expected, fact.found
  FROM settlement_settlementbatch AS batch
  JOIN accounts_organization AS vendor ON vendor.id = batch.vendor_org_id
  LEFT JOIN (
        SELECT line.batch_id, count(*) AS orders, sum(capture.gross) AS gross, sum(capture.net) AS net,
               sum(capture.commission) AS commission, sum(capture.vat) AS vat
          FROM settlement_batchline AS line
          JOIN settlement_capture AS capture ON capture.id = line.capture_id
         GROUP BY line.batch_id
       ) AS lines ON lines.batch_id = batch.id
 CROSS JOIN LATERAL (
        VALUES ('orders', coalesce(lines.orders, 0)::numeric, batch.order_count::numeric),
               ('gross', coalesce(lines.gross, 0), batch.gross),
               ('net', coalesce(lines.net, 0), batch.net),
               ('commission', coalesce(lines.commission, 0), batch.commission),
               ('VAT', coalesce(lines.vat, 0), batch.vat)
       ) AS fact (name, expected, found)
 WHERE fact.expected <> fact.found
"""

PAYOUTS = """
SELECT 'payout', coalesce(payout.id, moved.payout_id)::text, coalesce(payout.reference, 'no such payout'),
       fact.name, fact.expected, fact.found
  FROM settlement_payout AS payout
  FULL JOIN (
        SELECT posted.subject_id AS payout_id,
               coalesce(sum(posted.amount) FILTER (WHERE posted.kind = 'payout'), 0) AS sent,
               coalesce(sum(posted.amount) FILTER (WHERE posted.kind = 'payout_bounced'), 0) AS came_back,
               min(account.organization_id::text) AS vendor_from,
               max(account.organization_id::text) AS vendor_to
          FROM ledger_transfer AS posted
          JOIN ledger_account AS account
            ON account.id
             = CASE posted.kind WHEN 'payout' THEN posted.debit_account_id ELSE posted.credit_account_id END
         WHERE posted.subject_type = 'payout'
         GROUP BY posted.subject_id
       ) AS moved ON moved.payout_id = payout.id
  LEFT JOIN settlement_settlementbatch AS batch ON batch.id = payout.batch_id
 CROSS JOIN LATERAL (
        VALUES ('net of its batch and what it carried', coalesce(batch.net + batch.carried, 0),
                coalesce(payout.amount, 0)),
               ('sent', CASE WHEN payout.state IN ('sent', 'confirmed', 'bounced') THEN payout.amount ELSE 0 END,
                coalesce(moved.sent, 0)),
               ('came back', CASE WHEN payout.state = 'bounced' THEN payout.amount ELSE 0 END,
                coalesce(moved.came_back, 0)),
               ('for another vendor or in another currency', 0,
                (payout.vendor_org_id <> batch.vendor_org_id
                 OR payout.currency <> batch.currency
                 OR coalesce(moved.vendor_from, payout.vendor_org_id::text) <> payout.vendor_org_id::text
                 OR coalesce(moved.vendor_to, payout.vendor_org_id::text) <> payout.vendor_org_id::text)::int)
       ) AS fact (name, expected, found)
 WHERE fact.expected <> fact.found
UNION ALL
SELECT 'batch', batch.id::text, vendor.name || ' ' || to_char(batch.cutoff AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD'),
       'payouts that live',
       (batch.net + batch.carried > 0 AND NOT bool_or(coalesce(payout.state = 'void', false)))::int,
       count(payout.id) FILTER (WHERE payout.state <> 'void')
  FROM settlement_settlementbatch AS batch
  JOIN accounts_organization AS vendor ON vendor.id = batch.vendor_org_id
  LEFT JOIN settlement_payout AS payout ON payout.batch_id = batch.id AND payout.state <> 'bounced'
 GROUP BY batch.id, vendor.name
HAVING count(payout.id) FILTER (WHERE payout.state <> 'void')
    <> (batch.net + batch.carried > 0 AND NOT bool_or(coalesce(payout.state = 'void', false)))::int
"""

PAYABLE = """
SELECT 'account', account.id::text, vendor.name || ' payable', 'captured, not taken back and not paid out',
       coalesce(earned.amount, 0) - coalesce(paid.amount, 0) - coalesce(taken.amount, 0), coalesce(account.balance, 0)
  FROM (SELECT vendor_org_id, currency, sum(net) AS amount FROM settlement_capture GROUP BY vendor_org_id, currency)
    AS earned
  FULL JOIN (
        SELECT vendor_org_id, currency, sum(amount) AS amount
          FROM settlement_payout
         WHERE state IN ('sent', 'confirmed')
         GROUP BY vendor_org_id, currency
       ) AS paid USING (vendor_org_id, currency)
  FULL JOIN (
        SELECT vendor_org_id, currency, sum(amount) AS amount
          FROM (
                SELECT vendor_org_id, currency, net - advanced AS amount FROM settlement_refund
                UNION ALL
                SELECT account.organization_id, posted.currency, posted.amount
                  FROM ledger_account AS account
                  JOIN ledger_transfer AS posted ON posted.credit_account_id = account.id
                 WHERE account.kind = 'receivable'
                UNION ALL
                SELECT account.organization_id, account.currency,
                       CASE account.id WHEN correction.debit_account_id THEN correction.amount
                                       ELSE -correction.amount END
                  FROM ledger_correction AS correction
                  JOIN ledger_account AS account
                    ON account.id IN (correction.debit_account_id, correction.credit_account_id)
                 WHERE account.kind = 'payable' AND correction.state = 'approved'
               ) AS back
         GROUP BY vendor_org_id, currency
       ) AS taken USING (vendor_org_id, currency)
  FULL JOIN (SELECT *, organization_id AS vendor_org_id FROM ledger_account WHERE kind = 'payable') AS account
      USING (vendor_org_id, currency)
  JOIN accounts_organization AS vendor ON vendor.id = vendor_org_id
 WHERE coalesce(earned.amount, 0) - coalesce(paid.amount, 0) - coalesce(taken.amount, 0) <> coalesce(account.balance, 0)
"""

EVIDENCE = """
SELECT act.kind, act.id::text, act.label, act.fact, act.expected, act.found
  FROM (
        SELECT 'transfer' AS kind, posted.id, posted.business_key AS label, 'deposit by its evidence' AS fact,
               coalesce(sum((proof.payload ->> 'amount')::bigint), 0) AS expected, posted.amount AS found
          FROM ledger_transfer AS posted
          LEFT JOIN audit_auditevent AS proof ON proof.subject_id = posted.id AND proof.name = 'deposit.confirmed'
         WHERE posted.kind = 'deposit'
         GROUP BY posted.id
        UNION ALL
        SELECT 'order', sale.id, sale.number, 'price by its evidence',
               coalesce(sum((proof.payload ->> 'amount')::bigint), 0), sale.amount
          FROM orders_order AS sale
          LEFT JOIN audit_auditevent AS proof ON proof.subject_id = sale.id AND proof.name = 'order.placed'
         GROUP BY sale.id
        UNION ALL
        SELECT 'order', capture.order_id, capture.order_id::text, 'net by its evidence',
               coalesce(max(proof.net), 0), sum(capture.net)
          FROM settlement_capture AS capture
          LEFT JOIN (
                SELECT subject_id, sum((payload ->> 'net')::bigint) AS net
                  FROM audit_auditevent
                 WHERE name = 'order.captured'
                 GROUP BY subject_id
               ) AS proof ON proof.subject_id = capture.order_id
         GROUP BY capture.order_id
       ) AS act
 WHERE act.expected <> act.found
"""

CHECKS = (
    Check(
        "zero_sum",
        _("All accounts of a currency add up to nothing"),
        "SELECT count(*) FROM ledger_account",
        ZERO_SUM,
    ),
    Check(
        "balances",
        _("A guarded balance is the sum of its transfers, and not below zero"),
        "SELECT count(*) FROM ledger_account WHERE balance IS NOT NULL",
        BALANCES,
    ),
    Check(
        "snapshots",
        _("A balance kept at the end of a day is the sum of the transfers before"),
        "SELECT count(*) FROM ledger_balancesnapshot",
        SNAPSHOTS,
    ),
    Check("routes", _("Money takes the way its kind allows"), "SELECT count(*) FROM ledger_transfer", ROUTES),
    Check(
        "escrow",
        _("A buyer's escrow is the money of its open orders"),
        "SELECT count(*) FROM ledger_account WHERE kind = 'escrow'",
        ESCROW,
    ),
    Check(
        "orders",
        _("Of each order, escrowed is released, captured or held; each charge is captured once"),
        "SELECT count(*) FROM orders_order",
        ORDERS,
    ),
    Check(
        "parties",
        _("An order's money moves between its own parties"),
        "SELECT count(*) FROM ledger_transfer WHERE subject_type = 'order'",
        PARTIES,
    ),
    Check(
        "use",
        _("What metered use has drawn is what its records, statements and prepayments say"),
        "SELECT (SELECT count(*) FROM billing_meter) + (SELECT count(*) FROM billing_statement)",
        USE,
    ),
    Check(
        "captures",
        _("A capture is what its charge, fee schedule and transfers say"),
        "SELECT count(*) FROM settlement_capture",
        CAPTURES,
    ),
    Check(
        "volumes",
        _("A vendor's month is the sum of its captures, each counted from where the one before ended"),
        "SELECT count(*) FROM settlement_monthlyvolume",
        VOLUMES,
    ),
    Check("batches", _("A batch is the sum of its lines"), "SELECT count(*) FROM settlement_settlementbatch", BATCHES),
    Check(
        "lines",
        _("A settled order stands in one batch, of its vendor and before its cutoff"),
        "SELECT count(*) FROM settlement_batchline",
        LINES,
    ),
    Check(
        "payouts",
        _("A batch is paid once, and its payouts are what their transfers say"),
        "SELECT count(*) FROM settlement_payout",
        PAYOUTS,
    ),
    Check(
        "payable",
        _("A vendor's payable is what it earned, kept and was not paid"),
        "SELECT count(*) FROM ledger_account WHERE kind = 'payable'",
        PAYABLE,
    ),
    Check(
        "refunds",
        _("A refund after capture is what its transfers and evidence say, within what was captured"),
        "SELECT count(*) FROM settlement_refund",
        REFUNDS,
    ),
    Check(
        "receivables",
        _("A vendor owes what was advanced for it and not repaid"),
        "SELECT count(*) FROM ledger_account WHERE kind = 'receivable'",
        RECEIVABLES,
    ),
    Check(
        "corrections",
        _("A correction that two persons agreed on is posted once, and no other"),
        "SELECT count(*) FROM ledger_correction",
        CORRECTIONS,
    ),
    Check(
        "evidence",
        _("Deposits, prices and captures are what the audit events say"),
        "SELECT (SELECT count(*) FROM ledger_transfer WHERE kind = 'deposit')"
        " + (SELECT count(*) FROM orders_order) + (SELECT count(*) FROM settlement_capture)",
        EVIDENCE,
    ),
)
