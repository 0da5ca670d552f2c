"""What becomes of money: divided, batched, paid, returned by the bank, given back to the buyer."""

import dataclasses
import datetime
import hashlib
import io
import itertools
import json
from typing import Any

from django.db import connection, transaction

from accounts.models import Organization
from market.banking import services as banking
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together
from market.ledger.models import Account
from market.ledger.states import AccountKind
from market.orders import jobs
from market.orders.models import Charge
from market.orders.services.charging import capture_job
from market.settlement import services
from market.settlement.models import Payout
from tests import factories
from tests.banking.messages import Entry, document, one_statement
from tests.machine.acts import DAY, SLIPS
from tests.machine.exchange.orders import Orders
from tests.machine.model.money import payout_name
from tests.settlement.trades import accepted_orders

# One question, for it is asked after every step.
MONEY = """
WITH transfers AS (
    SELECT subject_id, kind, sum(amount) AS amount
      FROM ledger_transfer
     WHERE subject_id IN (SELECT id FROM orders_order WHERE buyer_org_id = %(buyer)s)
     GROUP BY subject_id, kind
)
SELECT jsonb_build_object(
    'balances', (
        SELECT jsonb_object_agg(kind, balance) FROM ledger_account
         WHERE organization_id IN (%(buyer)s, %(vendor)s) AND balance IS NOT NULL),
    'orders', (
        SELECT jsonb_object_agg(id, kinds)
          FROM (SELECT subject_id AS id, jsonb_object_agg(kind, amount) AS kinds FROM transfers GROUP BY id) AS orders),
    'kinds', (
        SELECT jsonb_object_agg(kind, amount)
          FROM (SELECT kind, sum(amount) AS amount FROM transfers GROUP BY kind) AS kinds),
    'batches', (
        SELECT jsonb_agg(jsonb_build_array(cutoff, order_count, net, carried)) FROM settlement_settlementbatch
         WHERE vendor_org_id = %(vendor)s),
    'payouts', (
        SELECT jsonb_agg(jsonb_build_array(batch.cutoff, payout.state, payout.amount) ORDER BY payout.id)
          FROM settlement_payout AS payout
          JOIN settlement_settlementbatch AS batch ON batch.id = payout.batch_id
         WHERE payout.vendor_org_id = %(vendor)s),
    'lines', (
        SELECT jsonb_object_agg(state, lines)
          FROM (SELECT state, count(*) AS lines FROM banking_bankline
                 WHERE bank_reference LIKE %(mark)s GROUP BY state) AS states)
)::text
"""
PAYOUTS = """
SELECT payout.*, batch.cutoff
  FROM settlement_payout AS payout
  JOIN settlement_settlementbatch AS batch ON batch.id = payout.batch_id
 WHERE payout.vendor_org_id = %s
 ORDER BY payout.id
"""
CAPTURED = ("capture_net", "capture_commission", "capture_vat")


@dataclasses.dataclass
class Exchange(Orders):
    """One buyer and one vendor of their own among all others, and the exchange's treasurers."""

    def snapshot(self) -> dict[str, Any]:
        """What ``World.snapshot`` tells, read from the database."""
        given = {"buyer": self.market.buyer.id, "vendor": self.market.vendor.id, "mark": f"{self._mark}%"}
        with connection.cursor() as cursor:
            cursor.execute(MONEY, given)
            found = json.loads(cursor.fetchone()[0])
        found = {name: value or {} for name, value in found.items()}
        balances, kinds, orders = found["balances"], found["kinds"], self.orders()
        for order in orders.values():
            moved = found["orders"].get(order.pop("id"), {})
            order["escrowed"], order["returned"] = moved.get("escrow", 0), moved.get("release", 0)
            order["captured"] = sum(moved.get(kind, 0) for kind in CAPTURED)
        payouts = zip(names(cutoff for cutoff, *_figures in found["payouts"]), found["payouts"], strict=True)
        return {
            "wallet": balances["wallet"],
            "escrow": balances["escrow"],
            "captured": sum(order["captured"] for order in orders.values()),
            "orders": orders,
            "payable": balances["payable"],
            "owed": -balances["receivable"],
            "commission": kinds.get("capture_commission", 0) - kinds.get("refund_commission", 0),
            "vat": kinds.get("capture_vat", 0) - kinds.get("refund_vat", 0),
            "batches": {moment(cutoff): tuple(figures) for cutoff, *figures in found["batches"]},
            "payouts": {name: tuple(figures) for name, (_cutoff, *figures) in payouts},
            "lines": found["lines"],
        }

    def sold(self, reference: str, amount: int) -> None:
        (order_id,) = accepted_orders(self.market, [amount], offer=self.offers[amount], references=[reference])
        with transaction.atomic():
            insert_together(capture_job(Charge.objects.get(order=order_id)))

    def capture(self) -> None:
        self._perform(jobs.CAPTURE)

    def give_back(self, order: str, amount: int | None, case: int) -> None:
        services.refund_captured(
            actor=self._operator,
            order_id=self._id(order),
            amount=amount,
            reference=f"CASE-{case}",
            reason="A file was empty.",
        )

    def settle(self, days: int = 0) -> None:
        cutoff = clock.business_midnight(clock.business_date()) - days * DAY
        services.run_settlement(actor=SYSTEM, cutoff=cutoff)

    def send(self, payout: str) -> None:
        services.send_payout(actor=SYSTEM, payout_id=self._payout(payout).id)

    def release_payout(self, payout: str, who: str) -> None:
        services.release_payout(actor=self._person(who), payout_id=self._payout(payout).id)

    def approve_payout(self, payout: str, who: str) -> None:
        services.approve_payout(actor=self._person(who), payout_id=self._payout(payout).id)

    def void(self, payout: str) -> None:
        services.void_payout(actor=SYSTEM, payout_id=self._payout(payout).id, reason="Paid with the next batch.")

    def confirm(self, payout: str) -> None:
        services.confirm_payout(actor=SYSTEM, payout_id=self._payout(payout).id)

    def bounce(self, payout: str) -> None:
        services.bounce_payout(actor=SYSTEM, payout_id=self._payout(payout).id, reason="AC04 closed account")

    def lose_account(self) -> None:
        Organization.objects.filter(id=self.market.vendor.id).update(bank_account="")

    def find_account(self) -> None:
        Organization.objects.filter(id=self.market.vendor.id).update(bank_account="6222021234567890123")

    def statement(self, **file: Any) -> None:
        if self.statement_alone(**file).by_state.get("deposited"):
            self._pay_waiting()

    def statement_alone(self, slips: tuple[int, ...], payout: str, says: tuple[str, ...], copy: int) -> banking.Import:
        code = Account.objects.get(organization=self.market.buyer, kind=AccountKind.WALLET).remittance_code
        entries = [
            Entry(SLIPS[slip], code if slip < len(SLIPS) - 1 else "?", reference=f"{self._mark}-{slip}")
            for slip in slips
        ]
        if payout:
            found = self._payout(payout)
            entries += [
                Entry(
                    found.amount if word == "returned" else -found.amount,
                    reference=f"{self._mark}-{found.reference[-13:]}-{word[0]}{copy}",
                    end_to_end_id=found.reference,
                    return_code="AC04" if word == "returned" else "",
                )
                for word in says
            ]
        references = ",".join(entry.reference for entry in entries)
        statement_id = hashlib.sha256(references.encode()).hexdigest()[:32]
        file = document(one_statement(entries, statement_id=statement_id))
        return banking.import_statement(actor=SYSTEM, file=io.BytesIO(file))

    def _payout(self, name: str) -> Payout:
        found = list(Payout.objects.raw(PAYOUTS, [self.market.vendor.id]))
        return dict(zip(names(payout.cutoff for payout in found), found, strict=True))[name]

    def _person(self, who: str) -> Actor:
        return factories.actor_of({"operator": self.market.operator, "treasurer": self.treasurer}[who])

    @property
    def _mark(self) -> str:
        """With this begin the bank's references of this history."""
        return self.market.buyer.id.hex[-12:]


def moment(text: str) -> datetime.datetime:
    """A moment as JSON has it."""
    return datetime.datetime.fromisoformat(text)


def names(cutoffs) -> list[str]:
    """The names of payouts of these batches, in the order in which they were made."""
    numbers: dict[datetime.datetime, itertools.count] = {}
    moments = [moment(each) if isinstance(each, str) else each for each in cutoffs]
    return [payout_name(each, next(numbers.setdefault(each, itertools.count(1)))) for each in moments]
