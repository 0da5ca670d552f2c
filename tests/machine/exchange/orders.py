"""Orders, from the wish to the vendor's due."""

import dataclasses
import datetime
import uuid
from typing import Any, Self

from accounts.models import Membership
from accounts.states import Role
from market.catalog import services as catalog
from market.catalog.models import Offer
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.errors import BusinessError
from market.ledger import jobs as ledger_jobs
from market.orders import services
from market.orders.models import Order, SpendingLimit
from market.orders.selectors import next_deadline
from market.outbox.models import Job
from market.outbox.services import perform
from market.outbox.states import JobState
from tests import factories
from tests.machine.acts import Act

PRICES = (0, 700, 5_000, 12_000)
"""What the product's offers cost, in fen."""


@dataclasses.dataclass
class Orders:
    """One buyer and one vendor of their own among all others."""

    market: factories.Market
    finance: Membership
    newcomer: Membership
    treasurer: Membership
    offers: dict[int, Offer]

    @classmethod
    def opened(cls) -> Self:
        """A new market with the model's prices."""
        market = factories.market(funds=0)
        return cls(
            market=market,
            finance=factories.member(market.buyer, Role.FINANCE),
            newcomer=factories.member(market.buyer, Role.PURCHASER),
            treasurer=factories.member(market.operator.organization, Role.FINANCE),
            offers={price: factories.offer(market.offer.product, price) for price in PRICES},
        )

    def apply(self, act: Act, now: datetime.datetime) -> str:
        """Do ``act`` at ``now``: ``done``, or the name of the refusal. Anything else is a fault of the machine."""
        try:
            with clock.frozen_at(now):
                getattr(self, act.name)(**dict(act.arguments))
        except BusinessError as refusal:
            return type(refusal).__name__
        return "done"

    def orders(self) -> dict[str, dict[str, Any]]:
        """State, tries and deadline of each order by its reference, the oldest first: keys are ordered by time."""
        # Raw, for it is asked after every step; few orders are disputed, and those read their dispute.
        found = Order.objects.raw(
            "SELECT * FROM orders_order WHERE buyer_org_id = %s ORDER BY id", [self.market.buyer.id]
        )
        deadlines = {order: next_deadline(order) for order in found}
        return {
            order.client_reference: {
                "id": str(order.id),
                "state": order.state,
                "tries": order.delivery_tries,
                "deadline": deadline["at"] if deadline else None,
            }
            for order, deadline in deadlines.items()
        }

    # What the buyer does.

    def deposit(self, amount: int) -> None:
        factories.fund(self.market.buyer, amount)
        self._pay_waiting()

    def deposit_alone(self, amount: int) -> None:
        factories.fund(self.market.buyer, amount)  # its job waits for the next deposit

    def place(self, reference: str, purchaser: str, amount: int, wait: bool) -> None:
        services.place(
            actor=factories.actor_of(self._purchaser(purchaser)),
            offer_id=self.offers[amount].id,
            quantity=1,
            purpose="Research",
            client_reference=reference,
            wait_for_funds=wait,
        )

    def cancel(self, order: str) -> None:
        services.cancel(actor=self._buyer, order_id=self._id(order))

    def accept(self, order: str) -> None:
        services.accept(actor=self._buyer, order_id=self._id(order))

    def dispute(self, order: str) -> None:
        services.dispute(actor=self._buyer, order_id=self._id(order), reason="incomplete", text="Stations are missing.")

    def refund(self, order: str, who: str) -> None:
        actor = self._operator if who == "operator" else self._buyer
        services.refund_failed(actor=actor, order_id=self._id(order))

    def approve(self, order: str) -> None:
        services.approve(actor=self._finance, order_id=self._id(order))

    def decline(self, order: str) -> None:
        services.decline(actor=self._finance, order_id=self._id(order))

    def set_limit(self, who: str, amount: int) -> None:
        services.set_limit(actor=self._finance, membership_id=self._member_id(who), amount=amount)

    def remove_limit(self, who: str) -> None:
        limit = SpendingLimit.objects.filter(buyer_org=self.market.buyer, membership=self._member_id(who)).first()
        services.remove_limit(actor=self._finance, limit_id=limit.id if limit else uuid.uuid4())

    # What the vendor and delivery report, and what the operator does.

    def answer(self, order: str) -> None:
        vendor = factories.actor_of(self.market.lister)
        services.answer_dispute(actor=vendor, order_id=self._id(order), text="They were closed that month.")

    def decide(self, order: str, verdict: str, percent: int) -> None:
        key = self._id(order)
        part = Order.objects.get(id=key).amount * percent // 100 if verdict == "partial" else None
        services.decide_dispute(
            actor=self._operator, order_id=key, verdict=verdict, grounds="As the contract says.", refund_amount=part
        )

    def delivering(self, order: str) -> None:
        services.mark_delivering(order_id=self._id(order))

    def delivered(self, order: str) -> None:
        services.mark_delivered(order_id=self._id(order))

    def failed(self, order: str) -> None:
        services.mark_delivery_failed(order_id=self._id(order), reason="The file is gone.")

    def retry(self, order: str) -> None:
        services.retry_delivery(actor=self._operator, order_id=self._id(order))

    def suspend(self) -> None:
        catalog.suspend_product(actor=self._operator, product_id=self.market.offer.product_id, reason="A complaint.")

    def resume(self) -> None:
        catalog.resume_product(actor=self._operator, product_id=self.market.offer.product_id, reason="It is mended.")

    # What happens by itself.

    def accept_overdue(self) -> None:
        services.accept_overdue()

    def refund_overdue(self) -> None:
        services.refund_overdue_failures()

    def close_unanswered(self) -> None:
        services.close_unanswered()

    def expire_waiting(self) -> None:
        services.expire_waiting()

    def wake_waiting(self) -> None:
        services.wake_waiting()

    def _pay_waiting(self) -> None:
        self._perform(ledger_jobs.DEPOSITED, subject_id=self.market.buyer.id)

    def _perform(self, kind: str, **which: Any) -> None:
        for job_id in Job.objects.filter(kind=kind, state=JobState.PENDING, **which).values_list("id", flat=True):
            perform(job_id)

    @property
    def _buyer(self) -> Actor:
        return factories.actor_of(self.market.purchaser)

    @property
    def _finance(self) -> Actor:
        return factories.actor_of(self.finance)

    @property
    def _operator(self) -> Actor:
        return factories.actor_of(self.market.operator)

    def _purchaser(self, who: str) -> Membership:
        return {"purchaser": self.market.purchaser, "newcomer": self.newcomer}[who]

    def _member_id(self, who: str) -> uuid.UUID | None:
        return None if who == "everybody" else self._purchaser(who).id

    def _id(self, reference: str) -> uuid.UUID:
        return Order.objects.values_list("id", flat=True).get(buyer_org=self.market.buyer, client_reference=reference)
