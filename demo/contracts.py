"""Contracts that run: a subscription paid by the month and metered use, sold, used and left through the API."""

import dataclasses
import random
import time
from typing import Any

from django.db import connection

from accounts.states import Role
from demo.client import Refused
from demo.job import PATIENCE, PURPOSE, RESERVE, Run, TookTooLong
from demo.listing import offer
from demo.people import sign_in
from market.kernel import clock

MONTHS = 3
MONTHLY = 120_40
"""Fen of the subscription's month."""

SEATS = 2
PREPAID = 50_00
FREE_UNITS = 1_000
UNIT_PRICE = 300
"""Of a call, in 1/10,000 fen: 0.0003 yuan."""

REPORTS = 2
RECORDS = 20
"""Of each report."""

LARGEST_USE = 4_000
PRICES = {
    "subscription": {"amount": "120.40", "months": MONTHS, "is_instalment": "on"},
    "metered": {
        "amount": "50.00",
        "months": 12,
        "unit": "call",
        "unit_price": "0.0003",
        "free_units": FREE_UNITS,
        "at_prepaid_end": "stop",
    },
}
"""By price model, as a vendor types them."""

QUANTITY = {"subscription": SEATS, "metered": 1}


@dataclasses.dataclass(slots=True)
class ContractFacts:
    """What the exchange says about both contracts afterwards, and what the run did (``deposit``, ``reported`` units).

    Amounts are fen; dictionaries are by price model.
    """

    wallet_before: int
    deposit: int
    reported: int
    previews: dict[str, dict[str, Any]]
    orders: dict[str, dict[str, Any]]
    escrowed: dict[str, int]
    rows: dict[str, int]
    subscription: dict[str, Any]
    usage: dict[str, Any]
    records: list[dict[str, Any]]
    database: tuple[int, int]
    duplicates: int
    wallet: int


class Contracts:
    """The vendor of what was listed in this run sells to a buyer who takes no part in the rest."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.buyer = run.subscriber
        self.vendor = run.owner_of_listed()
        self.offers: dict[str, str] = {}
        self.previews: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, str] = {}
        self.reported = 0
        self.duplicates = 0
        self.wallet_before = 0
        self.deposit = 0

    def sell(self) -> None:
        """The vendor sets two more prices in its workspace; the buyer asks what they come to, pays in and orders."""
        run = self.run
        task = run.progress.add_task("Contracts", total=4)
        offer(run.running.address, sign_in(Role.LISTER), run.seen.listed, PRICES)
        run.progress.advance(task)
        listed = self.buyer.get(f"products/{run.seen.listed}")["offers"]
        self.offers = {offer["price_model"]: offer["id"] for offer in listed if offer["price_model"] in PRICES}
        for model, key in self.offers.items():
            wish = {"offer": key, "quantity": QUANTITY[model]}
            self.previews[model] = self.buyer.post("quotes/preview", wish).json()
        run.progress.advance(task)
        self.wallet_before = run.amount_of(self.buyer, "wallet")
        self.deposit = sum(preview["due_now"] for preview in self.previews.values()) + RESERVE
        run.pay_in(run.subscriber_membership, self.deposit, f"{run.name}.contracts")
        run.progress.advance(task)
        for model, key in self.offers.items():
            body = {"offer": key, "quantity": QUANTITY[model], "purpose": PURPOSE}
            placed = self.buyer.post("orders", body | {"client_reference": f"{run.name}.{model}"})
            self.orders[model] = placed.json()["id"]
        run.progress.advance(task)

    def begin(self) -> None:
        """The buyer accepts what has been delivered; a worker lets both contracts begin."""
        for order in self.orders.values():
            self.buyer.post(f"orders/{order}/accept")
        deadline = time.monotonic() + PATIENCE
        while not (self._subscription() and self._meter()):
            if time.monotonic() > deadline:
                raise TookTooLong("an accepted contract has not begun; see the worker's log")
            time.sleep(0.2)

    def _subscription(self) -> dict[str, Any] | None:
        found = [row for row in self.buyer.pages("subscriptions") if row["order"]["id"] == self.orders["subscription"]]
        return found[0] if found else None

    def _meter(self) -> dict[str, Any] | None:
        try:
            return self.buyer.get(f"orders/{self.orders['metered']}/usage")
        except Refused as refusal:
            if refusal.code != "not_metered":
                raise
            return None

    def use(self) -> None:
        """The vendor reports calls, one report twice, and takes one record back."""
        chance = random.Random(self.run.name)
        records: list[dict[str, Any]] = []
        for number in range(REPORTS):
            now = clock.now().isoformat()
            report = [
                {"id": f"{number}-{line}", "units": chance.randint(1, LARGEST_USE), "used_at": now}
                for line in range(RECORDS)
            ]
            records += report
            self._report(report)
        self.duplicates = self._report(report)["duplicates"]
        self._report([{"id": "back", "reverses": records[0]["id"]}])
        self.reported = sum(record["units"] for record in records[1:])

    def _report(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        return self.vendor.post(f"orders/{self.orders['metered']}/usage", {"records": records}).json()

    def leave(self) -> None:
        """The buyer wants no more calls."""
        self.buyer.post(f"orders/{self.orders['metered']}/meter/end")

    def read(self, transfers: list[dict[str, Any]], rows: list[dict[str, str]]) -> ContractFacts:
        """Read everything back: by the API, by SQL, from the auditor's report."""
        metered = self.orders["metered"]
        auditor = self.run.auditor
        with connection.cursor() as cursor:
            cursor.execute("SELECT sum(units), sum(drawn) FROM billing_usagerecord WHERE order_id = %s", [metered])
            units, drawn = cursor.fetchone()
        return ContractFacts(
            wallet_before=self.wallet_before,
            deposit=self.deposit,
            reported=self.reported,
            previews=self.previews,
            orders={model: auditor.get(f"orders/{order}") for model, order in self.orders.items()},
            escrowed={
                model: sum(
                    transfer["amount"]
                    for transfer in transfers
                    if transfer["subject_id"] == order and transfer["kind"] == "escrow"
                )
                for model, order in self.orders.items()
            },
            rows={
                row["client_reference"].removeprefix(f"{self.run.name}."): int(row["amount_fen"])
                for row in rows
                if row["client_reference"].startswith(f"{self.run.name}.")
            },
            subscription=auditor.get(f"subscriptions/{self._subscription()['id']}"),
            usage=auditor.get(f"orders/{metered}/usage"),
            records=list(auditor.pages(f"orders/{metered}/usage/records")),
            database=(int(units), int(drawn)),
            duplicates=self.duplicates,
            wallet=self.run.amount_of(self.buyer, "wallet"),
        )
