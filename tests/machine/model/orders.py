"""Orders, from the wish to the vendor's due."""

import dataclasses
import datetime
from typing import Any

from market.orders.states import OrderState as S
from tests.machine.acts import DAY, DONE, ILLEGAL, ZONE, Act, Rules

HELD = (S.PAID, S.DELIVERING, S.DELIVERED, S.DELIVERY_FAILED, S.DISPUTED)
NOT_SPENT = (S.AWAITING_APPROVAL, S.CANCELLED, S.EXPIRED, S.REFUNDED)


@dataclasses.dataclass
class Order:
    """An order as the model sees it; money in fen."""

    reference: str
    purchaser: str
    amount: int
    placed_at: datetime.datetime
    state: S = S.PAID
    approval_due_at: datetime.datetime | None = None
    funds_due_at: datetime.datetime | None = None
    acceptance_due_at: datetime.datetime | None = None
    refund_due_at: datetime.datetime | None = None
    answer_due_at: datetime.datetime | None = None
    decision_due_at: datetime.datetime | None = None
    is_answered: bool = False
    captured_at: datetime.datetime | None = None
    tries: int = 1
    escrowed: int = 0
    returned: int = 0
    captured: int = 0
    remaining: dict[str, int] = dataclasses.field(default_factory=dict)  # of what was captured, by part
    is_batched: bool = False
    cases: set[int] = dataclasses.field(default_factory=set)  # numbers under which money has gone back

    @property
    def held(self) -> int:
        """What still lies in escrow."""
        return self.escrowed - self.returned - self.captured


@dataclasses.dataclass
class Orders:
    """One buyer with two purchasers, one vendor with one product, and the clock."""

    now: datetime.datetime
    rules: Rules
    wallet: int = 0
    is_listed: bool = True
    limits: dict[str, int] = dataclasses.field(default_factory=dict)
    orders: list[Order] = dataclasses.field(default_factory=list)

    def apply(self, act: Act) -> frozenset[str]:
        """Play ``act``; the right answers, any one of them. After a refusal the world is as it was."""
        return getattr(self, act.name)(**dict(act.arguments))

    def order(self, reference: str) -> Order:
        """The order of that name."""
        return next(order for order in self.orders if order.reference == reference)

    def snapshot(self) -> dict[str, Any]:
        """Everything that can be seen from outside, to be compared with the exchange's."""
        return {
            "wallet": self.wallet,
            "escrow": sum(order.held for order in self.orders),
            "captured": sum(order.captured for order in self.orders),
            "orders": {
                order.reference: {
                    "state": str(order.state),
                    "tries": order.tries,
                    "escrowed": order.escrowed,
                    "returned": order.returned,
                    "captured": order.captured,
                    "deadline": self._deadline(order),
                }
                for order in self.orders
            },
        }

    @staticmethod
    def _deadline(order: Order) -> datetime.datetime | None:
        return {
            S.AWAITING_APPROVAL: order.approval_due_at,
            S.AWAITING_FUNDS: order.funds_due_at,
            S.DELIVERED: order.acceptance_due_at,
            S.DELIVERY_FAILED: order.refund_due_at,
            S.DISPUTED: order.decision_due_at if order.is_answered else order.answer_due_at,
        }.get(order.state)

    # What the buyer does.

    def deposit(self, amount: int) -> frozenset[str]:
        self.wallet += amount
        self._pay_waiting()
        return DONE

    def deposit_alone(self, amount: int) -> frozenset[str]:
        self.wallet += amount
        return DONE

    def place(self, reference: str, purchaser: str, amount: int, wait: bool) -> frozenset[str]:
        if not self.is_listed:
            return frozenset({"OfferNotOrderable"})
        order = Order(reference, purchaser, amount, self.now)
        if self._is_over_limit(order):
            order.state, order.approval_due_at = S.AWAITING_APPROVAL, self.now + self.rules.approval * DAY
        if wait and order.state == S.AWAITING_APPROVAL:
            order.funds_due_at = self.now + self.rules.funds * DAY
        elif wait and self.wallet < amount:
            order.state, order.funds_due_at = S.AWAITING_FUNDS, self.now + self.rules.funds * DAY
        refusals = set()
        if any(other.reference == reference for other in self.orders):
            refusals.add("ClientReferenceTaken")
        if order.state == S.PAID and self.wallet < amount:
            refusals.add("InsufficientFunds")
        if refusals:
            return frozenset(refusals)
        self.orders.append(order)
        if order.state == S.PAID:
            self._pay(order)
        return DONE

    def cancel(self, order: str) -> frozenset[str]:
        return self._end(order, (S.AWAITING_APPROVAL, S.AWAITING_FUNDS, S.PAID, S.DELIVERING), S.CANCELLED)

    def accept(self, order: str) -> frozenset[str]:
        return self._move(order, (S.DELIVERED,), S.ACCEPTED)

    def dispute(self, order: str) -> frozenset[str]:
        found = self.order(order)
        if found.state == S.DELIVERED and found.acceptance_due_at <= self.now:
            return frozenset({"AcceptancePeriodOver"})
        answer = self._move(order, (S.DELIVERED,), S.DISPUTED)
        if answer == DONE:
            found.answer_due_at = self.now + self.rules.answer * DAY
        return answer

    def refund(self, order: str, who: str) -> frozenset[str]:
        return self._end(order, (S.DELIVERY_FAILED,), S.REFUNDED)

    def approve(self, order: str) -> frozenset[str]:
        found = self.order(order)
        if found.state != S.AWAITING_APPROVAL or found.approval_due_at <= self.now:
            return ILLEGAL
        if not self.is_listed:
            return frozenset({"OfferNotOrderable"})
        may_wait = found.funds_due_at is not None and found.funds_due_at > self.now
        if found.amount > self.wallet:
            if not may_wait:
                return frozenset({"InsufficientFunds"})
            found.state = S.AWAITING_FUNDS
        else:
            self._pay(found)
        return DONE

    def decline(self, order: str) -> frozenset[str]:
        found = self.order(order)
        if found.state != S.AWAITING_APPROVAL or found.approval_due_at <= self.now:
            return ILLEGAL
        found.state = S.CANCELLED
        return DONE

    def set_limit(self, who: str, amount: int) -> frozenset[str]:
        self.limits[who] = amount
        return DONE

    def remove_limit(self, who: str) -> frozenset[str]:
        if who not in self.limits:
            return frozenset({"NotFound"})
        del self.limits[who]
        return DONE

    # What the vendor and delivery report, and what the operator does.

    def answer(self, order: str) -> frozenset[str]:
        found = self.order(order)
        if found.state != S.DISPUTED or found.is_answered:
            return ILLEGAL
        if found.answer_due_at <= self.now:
            return frozenset({"AnswerTooLate"})
        found.is_answered = True
        found.decision_due_at = self.now + self.rules.decision * DAY
        return DONE

    def decide(self, order: str, verdict: str, percent: int) -> frozenset[str]:
        found = self.order(order)
        if found.state != S.DISPUTED:
            return ILLEGAL
        returned = {"accept": 0, "refund": found.held, "partial": found.amount * percent // 100}[verdict]
        if verdict == "partial" and not 0 < returned < found.amount:
            return frozenset({"InvalidInput"})
        if not found.is_answered:
            return ILLEGAL
        found.state = S.REFUNDED if verdict == "refund" else S.ACCEPTED
        self.wallet += returned
        found.returned += returned
        return DONE

    def delivering(self, order: str) -> frozenset[str]:
        return self._move(order, (S.PAID, S.DELIVERING), S.DELIVERING)

    def delivered(self, order: str) -> frozenset[str]:
        answer = self._move(order, (S.DELIVERING,), S.DELIVERED)
        if answer == DONE:
            self.order(order).acceptance_due_at = self.now + self.rules.acceptance * DAY
        return answer

    def failed(self, order: str) -> frozenset[str]:
        if self._move(order, (S.PAID, S.DELIVERING), S.DELIVERY_FAILED) == DONE:
            self.order(order).refund_due_at = self.now + self.rules.failed_refund * DAY
        return DONE  # an order that needs no delivery any more is left alone

    def retry(self, order: str) -> frozenset[str]:
        answer = self._move(order, (S.DELIVERY_FAILED,), S.DELIVERING)
        if answer == DONE:
            self.order(order).tries += 1
            self.order(order).refund_due_at = None
        return answer

    def suspend(self) -> frozenset[str]:
        if not self.is_listed:
            return ILLEGAL
        self.is_listed = False
        return DONE

    def resume(self) -> frozenset[str]:
        if self.is_listed:
            return ILLEGAL
        self.is_listed = True
        return DONE

    # What happens by itself.

    def accept_overdue(self) -> frozenset[str]:
        return self._all_overdue(S.DELIVERED, "acceptance_due_at", self.accept)

    def refund_overdue(self) -> frozenset[str]:
        return self._all_overdue(S.DELIVERY_FAILED, "refund_due_at", lambda order: self.refund(order, "beat"))

    def close_unanswered(self) -> frozenset[str]:
        for order in self.orders:
            if order.state == S.DISPUTED and not order.is_answered and order.answer_due_at <= self.now:
                order.is_answered = True
                order.decision_due_at = self.now + self.rules.decision * DAY
        return DONE

    def expire_waiting(self) -> frozenset[str]:
        for order in self.orders:
            due_at = {S.AWAITING_APPROVAL: order.approval_due_at, S.AWAITING_FUNDS: order.funds_due_at}.get(order.state)
            if due_at is not None and due_at <= self.now:
                order.state = S.EXPIRED
        return DONE

    def wake_waiting(self) -> frozenset[str]:
        self._pay_waiting()
        return DONE

    # What several acts have in common.

    def _is_over_limit(self, order: Order) -> bool:
        allowed = self.limits.get(order.purchaser, self.limits.get("everybody"))
        month = order.placed_at.astimezone(ZONE).strftime("%Y-%m")
        spent = sum(
            other.amount
            for other in self.orders
            if other.purchaser == order.purchaser
            and other.state not in NOT_SPENT
            and other.placed_at.astimezone(ZONE).strftime("%Y-%m") == month
        )
        return bool(order.amount) and allowed is not None and spent + order.amount > allowed

    def _pay(self, order: Order) -> None:
        order.state = S.PAID
        self.wallet -= order.amount
        order.escrowed += order.amount

    def _pay_waiting(self) -> None:
        if not self.is_listed:
            return
        for order in self.orders:
            if order.state != S.AWAITING_FUNDS or order.funds_due_at <= self.now:
                continue
            if order.amount > self.wallet:
                break
            self._pay(order)

    def _move(self, order: str, sources: tuple[S, ...], target: S) -> frozenset[str]:
        found = self.order(order)
        if found.state not in sources:
            return ILLEGAL
        found.state = target
        return DONE

    def _end(self, order: str, sources: tuple[S, ...], target: S) -> frozenset[str]:
        answer = self._move(order, sources, target)
        if answer == DONE:
            self._give_back(self.order(order))
        return answer

    def _give_back(self, order: Order) -> None:
        self.wallet += order.held
        order.returned += order.held

    def _all_overdue(self, state: S, deadline: str, act) -> frozenset[str]:
        for order in self.orders:
            if order.state == state and getattr(order, deadline) <= self.now:
                act(order.reference)
        return DONE
