"""A whole trade, from empty baskets to a verified audit report, through the API and by the real processes."""

import dataclasses
import datetime
import hashlib
import secrets
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import httpx
from rich.progress import Progress

from accounts import services as accounts
from accounts.models import Membership
from accounts.states import Role
from demo.client import Api, Refused
from demo.listing import approve, list_product
from demo.open_data import OpenData
from demo.people import PURCHASERS, sign_in
from demo.plan import Plan, Volume, Wanted, choose
from demo.processes import Exchange
from market.kernel import clock
from market.kernel.actors import Actor
from market.ledger import services as ledger
from market.ledger.models import Account
from market.ledger.states import AccountKind
from market.orders import jobs
from market.orders import services as orders
from market.orders.models import Charge
from market.orders.states import OrderState
from market.outbox import services as outbox
from market.outbox.models import Job
from market.outbox.states import JobState
from market.settlement.services import SettlementRun, run_settlement
from settings.celery import app as celery_app

THREADS = 8
TOKEN_LIFETIME = datetime.timedelta(hours=4)
RESERVE = 1_000_00
"""Fen that each buyer is given beyond what its orders cost."""

BROKEN_OFF_AFTER = 3_000_000
"""Bytes of the largest file after which the first download breaks off, to be resumed."""

BEYOND = 1_000_000
"""Units nobody here can pay for."""

PATIENCE = 180
"""Seconds to wait for background work."""

PURPOSE = "演示：经营分析与模型研发。Demo: analysis and development."
Item = TypeVar("Item")


class TookTooLong(Exception):
    """Background work did not finish; the logs of the processes say why."""


@dataclasses.dataclass(slots=True)
class Seen:
    """What the run met on its way, for the checks to compare with what the exchange says afterwards."""

    listed: str = ""
    strangers: int = 0
    wallets_before: dict[str, int] = dataclasses.field(default_factory=dict)
    deposits: dict[str, int] = dataclasses.field(default_factory=dict)
    replayed_order: str = ""
    refusal: Refused | None = None
    refusal_changed: bool = True
    foreign_order: int = 0
    auditor_order: int = 0
    sha256: dict[str, str] = dataclasses.field(default_factory=dict)
    """Of the files received, by order."""

    sizes: dict[str, int] = dataclasses.field(default_factory=dict)
    resumed: str = ""
    settlement: SettlementRun | None = None


class Run:
    """One run of the main job. The steps are called in order by ``__main__``."""

    def __init__(self, progress: Progress, running: Exchange, volume: Volume) -> None:
        self.volume = volume
        self.progress = progress
        self.folder = running.folder
        self.running = running
        self.name = f"demo-{secrets.token_hex(4)}"
        self.new_code = self.name.upper()
        self.started_at = clock.now()
        self.seen = Seen()
        self.plan: Plan
        self.cancelled: list[Wanted] = []
        self.pool = ThreadPoolExecutor(THREADS)
        self.connections = httpx.HTTPTransport(limits=httpx.Limits(max_connections=THREADS * 2))
        self.everybody: list[Api] = []
        self._actors()

    def _actors(self) -> None:
        """Who takes part: purchasers of several buyers, an auditor, and the operator behind the bank's door."""
        members = Membership.objects.select_related("user", "organization").order_by("user__email")
        buying = members.filter(role=Role.PURCHASER, user__email__regex=PURCHASERS)
        self.purchasers = list(buying[: self.volume.buyers])
        self.subscriber_membership = buying[self.volume.buyers]
        operator = members.get(role=Role.OPERATOR, user__email=sign_in(Role.OPERATOR).email)
        auditor = members.get(role=Role.AUDITOR, user__email=sign_in(Role.AUDITOR).email)
        self.operator: Actor = operator.actor(label=operator.user.email)
        self.buyers = self._apis(self.purchasers)
        self.auditor, self.subscriber = self._apis([auditor, self.subscriber_membership])

    def _apis(self, memberships: Sequence[Membership]) -> list[Api]:
        tokens = accounts.issue_tokens(
            actor=self.operator, memberships=memberships, name=self.name, lifetime=TOKEN_LIFETIME
        )
        made = [Api(self.running.address, token, self.connections) for token in tokens]
        self.everybody += made
        return made

    def owner_of(self, vendor_id: str) -> Api:
        """The way in of a vendor's owner."""
        members = Membership.objects.select_related("user", "organization")
        return self._apis([members.get(organization_id=vendor_id, role=Role.OWNER)])[0]

    def owner_of_listed(self) -> Api:
        """The way in of the owner of the vendor whose product was listed in this run."""
        return self.owner_of(self.buyers[0].get(f"products/{self.seen.listed}")["vendor"]["id"])

    # --- Before the trade ---------------------------------------------------------------------------------------------

    def look_around(self) -> None:
        """Everybody says who they are; the first buyer looks through the catalogue and all decide what to order."""
        known = [api.get("me")["organization"]["id"] for api in self.buyers]
        self.seen.strangers = sum(
            name != str(membership.organization_id) for name, membership in zip(known, self.purchasers, strict=True)
        )
        self.plan = choose(self.buyers[0], self.name, self.volume, self.new_code)

    def list_something_new(self) -> None:
        """A vendor brings a product to the market in its workspace; the operator approves it in another."""
        task = self.progress.add_task("Listing", total=2)
        self.seen.listed = list_product(self.running.address, sign_in(Role.LISTER), self.new_code)
        self.progress.advance(task)
        approve(self.running.address, sign_in(Role.OPERATOR), self.new_code)
        self.progress.advance(task)

    def deposit(self) -> None:
        """The bank reports what each buyer has paid in: what its orders will cost, and a little more."""
        for number, membership in enumerate(self._each(self.purchasers, "Deposits")):
            buyer = str(membership.organization_id)
            self.seen.wallets_before[buyer] = self.wallet(number)
            self.seen.deposits[buyer] = self.plan.budget(number) + RESERVE
            self.pay_in(membership, self.seen.deposits[buyer], f"{self.name}-{number:02d}")

    def pay_in(self, membership: Membership, amount: int, reference: str) -> None:
        """The bank reports ``amount`` fen for the member's organisation."""
        bank = Account.objects.get(organization_id=self.operator.organization_id, kind=AccountKind.BANK)
        ledger.deposit(
            actor=self.operator, organization=membership.organization, bank=bank, amount=amount, reference=reference
        )

    def wallet(self, buyer: int) -> int:
        """What the buyer's own wallet holds: fen."""
        return self.amount_of(self.buyers[buyer], AccountKind.WALLET)

    def amount_of(self, api: Api, kind: str) -> int:
        """What a member's own account of that kind holds, as the API tells it: fen."""
        (account,) = api.get("balances", kind=kind)["results"]
        return account["amount"]

    # --- Orders -------------------------------------------------------------------------------------------------------

    def place(self) -> None:
        """All the orders, several at a time. The workers sleep: what is to be delivered waits in the database."""
        self._together(self._place, self.plan.wanted, "Orders")

    def _place(self, wanted: Wanted) -> None:
        order = self.buyers[wanted.buyer].post("orders", _body(wanted), key=f"key-{wanted.reference}").json()
        wanted.order_id = order["id"]

    def repeat(self) -> None:
        """The first buyer never saw the answer and sends the first order again under the same key."""
        wanted = self.plan.wanted[0]
        response = self.buyers[wanted.buyer].post("orders", _body(wanted), key=f"key-{wanted.reference}")
        if response.headers.get("Idempotency-Replayed") == "true":
            self.seen.replayed_order = response.json()["id"]

    def overreach(self) -> None:
        """An order beyond the buyer's means is refused, and nothing has changed afterwards."""
        dear = max(self.plan.wanted, key=lambda wanted: wanted.choice.offer["amount"])
        before = self._state_of(dear.buyer)
        body = _body(dear) | {"quantity": BEYOND, "client_reference": f"{self.name}-beyond"}
        try:
            self.buyers[dear.buyer].post("orders", body)
        except Refused as refusal:
            self.seen.refusal = refusal
        self.seen.refusal_changed = self._state_of(dear.buyer) != before

    def _state_of(self, buyer: int) -> tuple[int, int]:
        references = [order["client_reference"] for order in self.buyers[buyer].pages("orders")]
        return self.wallet(buyer), len(references)

    def trespass(self) -> None:
        """A buyer asks for another buyer's order; an auditor tries to buy."""
        first, other = self.plan.wanted[0], (self.plan.wanted[0].buyer + 1) % self.volume.buyers
        try:
            self.buyers[other].get(f"orders/{first.order_id}")
        except Refused as refusal:
            self.seen.foreign_order = refusal.status
        try:
            self.auditor.post("orders", _body(first) | {"client_reference": f"{self.name}-auditor"})
        except Refused as refusal:
            self.seen.auditor_order = refusal.status

    def cancel(self) -> None:
        """Some buyers think better of it. A worker of somebody else's may have been quicker: then it is too late."""
        for wanted in self._each(self.plan.cancelled, "Cancellations"):
            try:
                self.buyers[wanted.buyer].post(f"orders/{wanted.order_id}/cancel")
            except Refused as refusal:
                if refusal.code != "illegal_transition":
                    raise
            else:
                self.cancelled.append(wanted)

    def place_last_month(self) -> None:
        """Orders that were placed and delivered on an earlier day, and that their buyers have forgotten since."""
        for wanted in self.plan.overdue:
            membership = self.purchasers[wanted.buyer]
            days = wanted.choice.offer["acceptance_days"] + 1
            with clock.frozen_at(self.started_at - datetime.timedelta(days=days)):
                order = orders.place(
                    actor=membership.actor(label=membership.user.email),
                    offer_id=uuid.UUID(wanted.choice.offer["id"]),
                    quantity=wanted.quantity,
                    purpose=PURPOSE,
                    client_reference=wanted.reference,
                )
                outbox.perform(Job.objects.get(kind=jobs.DELIVER, key=f"{order.id}:1").id)
            wanted.order_id = str(order.id)

    # --- Delivery -----------------------------------------------------------------------------------------------------

    def deliver(self) -> None:
        """The worker and beat start, and everything that waited is handed over."""
        self.running.start_workers()
        task = self.progress.add_task("Delivery", total=len(self.plan.wanted) - len(self.cancelled))
        self._until(task, self._undelivered, "delivery")

    def _undelivered(self) -> int:
        return sum(
            order["client_reference"].startswith(self.name)
            for state in (OrderState.PAID, OrderState.DELIVERING)
            for order in self.auditor.pages("orders", state=state)
        )

    def refund(self) -> None:
        """The buyer of the damaged file takes the money back."""
        damaged = self.plan.damaged
        self.buyers[damaged.buyer].post(f"orders/{damaged.order_id}/refund")

    def delivered(self) -> list[Wanted]:
        """What should have arrived, by the plan."""
        return [
            wanted for wanted in self.plan.wanted if wanted is not self.plan.damaged and wanted not in self.cancelled
        ]

    def receive(self) -> None:
        """Every buyer downloads every file it is entitled to."""
        received = self.folder / "received"
        shutil.rmtree(received, ignore_errors=True)
        received.mkdir(parents=True)
        self._together(self._receive, self.delivered(), "Downloads")

    def _receive(self, wanted: Wanted) -> None:
        api = self.buyers[wanted.buyer]
        (entitlement,) = api.get("entitlements", order=wanted.order_id)["results"]
        (link,) = api.post(f"entitlements/{entitlement['id']}/links").json()["links"]
        target = self.folder / "received" / f"{wanted.reference}-{Path(link['path']).name}"
        if link["bytes"] > 2 * BROKEN_OFF_AFTER and not self.seen.resumed:
            self.seen.resumed = wanted.order_id
            api.download(link["url"], target, stop_after=BROKEN_OFF_AFTER)
        self.seen.sha256[wanted.order_id] = api.download(link["url"], target)
        self.seen.sizes[wanted.order_id] = target.stat().st_size

    # --- Money --------------------------------------------------------------------------------------------------------

    def accept(self) -> None:
        """Buyers accept what they have received; the forgotten orders are accepted by themselves."""
        celery_app.send_task("orders.accept_overdue")
        self._together(self._accept, self.delivered(), "Acceptance")

    def _accept(self, wanted: Wanted) -> None:
        self.buyers[wanted.buyer].post(f"orders/{wanted.order_id}/accept")

    def settle(self) -> None:
        """When every accepted order's money has been divided, one batch and one payout a vendor."""
        keys = [wanted.order_id for wanted in [*self.delivered(), *self.plan.overdue]]
        task = self.progress.add_task("Capture", total=len(keys))
        charges = Charge.objects.filter(order_id__in=keys)
        done = Job.objects.filter(kind=jobs.CAPTURE, subject_id__in=charges.values("id"), state=JobState.DONE)
        self._until(task, lambda: len(keys) - done.count(), "capture")
        task = self.progress.add_task("Settlement", total=1)
        self.seen.settlement = run_settlement(actor=self.operator, cutoff=clock.now())
        self.progress.update(task, total=self.seen.settlement.batches, completed=self.seen.settlement.batches)

    # --- Evidence -----------------------------------------------------------------------------------------------------

    def export(self) -> dict[str, Any]:
        """The auditor asks for a report of all transactions of the last month and downloads it; the report as JSON."""
        first = clock.business_date(self.started_at - datetime.timedelta(days=60))
        wanted = {"exporter": "transactions", "parameters": {"date_from": first.isoformat()}}
        report = self.auditor.post("reports", wanted).json()
        task = self.progress.add_task("Report", total=100)
        deadline = time.monotonic() + PATIENCE
        while report["state"] not in ("done", "failed"):
            if time.monotonic() > deadline:
                raise TookTooLong(f"the report is {report['state']}")
            time.sleep(0.2)
            report = self.auditor.get(f"reports/{report['id']}")
            self.progress.update(task, completed=report["percent"])
        self.report_path.unlink(missing_ok=True)
        report["received_sha256"] = self.auditor.download(f"reports/{report['id']}/file", self.report_path)
        return report

    def published_sha256(self, data: OpenData) -> str:
        """Of the file inside the installed package, read now."""
        with data.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def report_path(self) -> Path:
        """Where the auditor's report is kept."""
        return self.folder / "auditor-transactions.csv"

    def leave(self) -> int:
        """Everybody revokes the token of this run; how many of them open nothing any more."""
        return sum(self.pool.map(_revoked, self.everybody))

    # --- Helpers ------------------------------------------------------------------------------------------------------

    def _each(self, items: Sequence[Item], what: str) -> Iterable[Item]:
        return self.progress.track(items, description=what)

    def _together(self, act: Callable[[Item], None], items: Sequence[Item], what: str) -> None:
        """Do all, several at a time; the first failure is raised."""
        for _done in self.progress.track(self.pool.map(act, items), total=len(items), description=what):
            pass

    def _until(self, task: int, remaining: Callable[[], int], what: str) -> None:
        total = self.progress.tasks[task].total
        deadline = time.monotonic() + PATIENCE
        while left := remaining():
            self.progress.update(task, completed=total - left)
            if time.monotonic() > deadline:
                raise TookTooLong(f"{left} of {total:.0f} are still waiting for {what}; see {self.folder}/*.log")
            time.sleep(0.3)
        self.progress.update(task, completed=total)


def _body(wanted: Wanted) -> dict[str, Any]:
    return {
        "offer": wanted.choice.offer["id"],
        "quantity": wanted.quantity,
        "purpose": PURPOSE,
        "client_reference": wanted.reference,
    }


def _revoked(api: Api) -> bool:
    api.delete(f"tokens/{api.get('me')['token_id']}")
    try:
        api.get("me")
    except Refused as refusal:
        return refusal.status == httpx.codes.UNAUTHORIZED
    return False
