"""What becomes of money: divided, batched, paid, returned by the bank, given back to the buyer."""

import dataclasses
import datetime
from collections import Counter
from fractions import Fraction
from typing import Any

from market.orders.states import OrderState as S
from tests.machine.acts import DAY, DONE, ILLEGAL, SLIPS, ZONE
from tests.machine.model.orders import Order, Orders
from tests.settlement.naive import PARTS, cut, division

HELD = frozenset({"PayoutHeld", "InsufficientFunds"})
"""Money that refunds took back before it could be paid: seen in time, or noticed by the ledger in a race."""


@dataclasses.dataclass
class Payout:
    """A payment of a batch, named after it."""

    name: str
    cutoff: datetime.datetime
    amount: int
    state: str = "pending"
    released_by: str = ""
    is_told_of: bool = False  # a line of a statement has said that it left


@dataclasses.dataclass
class World(Orders):
    """The orders of one buyer and one vendor, and all of the vendor's money."""

    payable: int = 0
    owed: int = 0
    commission: int = 0
    vat: int = 0
    left: int = 0
    has_account: bool = True
    batches: dict[datetime.datetime, tuple[int, int, int]] = dataclasses.field(default_factory=dict)
    payouts: list[Payout] = dataclasses.field(default_factory=list)
    lines: dict[str, str] = dataclasses.field(default_factory=dict)

    def snapshot(self) -> dict[str, Any]:
        """Everything that can be seen from outside, to be compared with the exchange's."""
        # What lies in the vendor's payable is batched and to be paid, or in no batch yet, or waits to be sent.
        in_no_batch = sum(division_of(order, self)["net"] for order in self.orders if in_no_batch_yet(order))
        pending = sum(payout.amount for payout in self.payouts if payout.state == "pending")
        assert self.payable == self.left + in_no_batch + pending and not (self.payable < 0 or self.owed < 0)
        return super().snapshot() | {
            "payable": self.payable,
            "owed": self.owed,
            "commission": self.commission,
            "vat": self.vat,
            "batches": dict(self.batches),
            "payouts": {payout.name: (payout.state, payout.amount) for payout in self.payouts},
            "lines": dict(Counter(self.lines.values())),
        }

    # Captures, and what goes back after them.

    def sold(self, reference: str, amount: int) -> frozenset[str]:
        """An order in the state in which its money is due to the vendor."""
        order = Order(reference, "purchaser", amount, self.now, state=S.ACCEPTED, escrowed=amount)
        self.orders.append(order)
        self.wallet -= amount
        return DONE

    def capture(self) -> frozenset[str]:
        due = [order for order in self.orders if order.state == S.ACCEPTED and order.captured_at is None]
        for order in due:
            order.captured, order.captured_at = order.held, self.now
            if not order.captured:
                order.state = S.SETTLED
                continue
            order.remaining = division_of(order, self)
            self.payable += order.remaining["net"]
            self.commission += order.remaining["commission"]
            self.vat += order.remaining["vat"]
        if due:
            self._repay()
        return DONE

    def give_back(self, order: str, amount: int | None, case: int) -> frozenset[str]:
        """Net, commission and VAT go back in the proportions of what is left of each; the exchange advances what the
        vendor no longer holds."""
        found = self.order(order)
        remains = sum(found.remaining.values())
        amount = remains if amount is None else amount
        if case in found.cases:
            return frozenset({"AlreadyRefunded"})
        if not 0 < amount <= remains:
            return frozenset({"BeyondCaptured"})
        parts = cut(amount, {part: Fraction(amount * found.remaining[part], remains) for part in PARTS})
        taken = min(parts["net"], self.payable)
        self.payable -= taken
        self.left -= taken
        self.owed += parts["net"] - taken
        self.commission -= parts["commission"]
        self.vat -= parts["vat"]
        self.wallet += amount
        found.remaining = {part: found.remaining[part] - parts[part] for part in PARTS}
        found.cases.add(case)
        return DONE

    # Batches and payments.

    def settle(self, days: int = 0) -> frozenset[str]:
        """With the cutoff so many midnights ago."""
        midnight = self.now.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
        cutoff = midnight - days * DAY
        due = [order for order in self.orders if in_no_batch_yet(order) and order.captured_at < cutoff]
        if not due and not (self.payable > 0 and self.left > 0):
            return DONE
        self._repay()
        net, carried = sum(division_of(order, self)["net"] for order in due), self.left
        is_enough = net + carried >= self.rules.least_payout or net + carried <= 0
        if cutoff in self.batches or not is_enough or not (due or (self.payable > 0 and carried > 0)):
            return DONE
        self.batches[cutoff] = (len(due), net, carried)
        self.left += net
        for order in due:
            order.state, order.is_batched = S.SETTLED, True
        if self.left > 0:
            payout = self._new_payout(cutoff, self.left)
            self.left = 0
            if self.has_account and not self._needs_approval(payout):
                self._leave(payout)
        return DONE

    def send(self, payout: str) -> frozenset[str]:
        """If it waits to be sent, the vendor first repays, whatever comes of it. What was taken back is not paid out of
        what is not due yet."""
        found = self.payout(payout)
        if found.state != "pending":
            return ILLEGAL
        self._repay()
        if not self.has_account or self._needs_approval(found) or self.payable < found.amount or self.left < 0:
            return HELD
        self._leave(found)
        return DONE

    def release_payout(self, payout: str, who: str) -> frozenset[str]:
        found = self.payout(payout)
        if found.state != "pending" or not self._needs_approval(found) or found.released_by:
            return ILLEGAL
        found.released_by = who
        return DONE

    def approve_payout(self, payout: str, who: str) -> frozenset[str]:
        """The second person's word sends it; if it cannot be sent, nothing has happened."""
        found = self.payout(payout)
        if found.state != "pending":
            return ILLEGAL
        if found.released_by in ("", who):
            return frozenset({"SamePerson"})
        repaid = min(self.payable, self.owed)
        if not self.has_account or self.payable - repaid < found.amount or self.left - repaid < 0:
            return HELD
        self._repay()
        self._leave(found)
        return DONE

    def void(self, payout: str) -> frozenset[str]:
        found = self.payout(payout)
        if found.state != "pending":
            return ILLEGAL
        found.state = "void"
        self.left += found.amount
        return DONE

    def lose_account(self) -> frozenset[str]:
        self.has_account = False
        return DONE

    def find_account(self) -> frozenset[str]:
        self.has_account = True
        return DONE

    # What the bank says, and what somebody says in its place.

    def confirm(self, payout: str) -> frozenset[str]:
        return self._move_payout(payout, ("sent",), "confirmed")

    def bounce(self, payout: str) -> frozenset[str]:
        answer = self._move_payout(payout, ("sent", "confirmed"), "bounced")
        if answer == DONE:
            found = self.payout(payout)
            self.payable += found.amount
            self._new_payout(found.cutoff, found.amount)
        return answer

    def statement(self, slips: tuple[int, ...], payout: str, says: tuple[str, ...], copy: int) -> frozenset[str]:
        """A file: some of the buyer's payments, and what became of a payment to the vendor. A line that has come before
        is nothing new; a payment is taken for what it was before the file."""
        if self._deposit_lines(slips):
            self._pay_waiting()
        self._answer_lines(payout, says, copy)
        return DONE

    def statement_alone(self, **file: Any) -> frozenset[str]:
        """The same, and waiting orders are served by the next."""
        self._deposit_lines(file["slips"])
        self._answer_lines(file["payout"], file["says"], file["copy"])
        return DONE

    def _deposit_lines(self, slips: tuple[int, ...]) -> int:
        new = [slip for slip in slips if f"slip {slip}" not in self.lines]
        for slip in new:
            is_named = slip < len(SLIPS) - 1
            self.lines[f"slip {slip}"] = "deposited" if is_named else "waiting"
            self.wallet += SLIPS[slip] if is_named else 0
        return sum(slip < len(SLIPS) - 1 for slip in new)

    def _answer_lines(self, name: str, says: tuple[str, ...], copy: int) -> None:
        if not name:
            return
        payout = self.payout(name)
        before, was_told = payout.state, payout.is_told_of
        for word in ("left", "returned"):
            line = f"{name} {word} {copy}"
            if word not in says or line in self.lines:
                continue
            if before not in ("sent", "confirmed") or (word == "left" and before == "confirmed" and was_told):
                self.lines[line] = "waiting"
            elif word == "left":
                self.lines[line] = "confirmed"
                payout.is_told_of = True
                self.confirm(name)
            else:
                self.lines[line] = "bounced"
                self.bounce(name)

    # What several acts have in common.

    def payout(self, name: str) -> Payout:
        """The payout of that name."""
        return next(payout for payout in self.payouts if payout.name == name)

    def _new_payout(self, cutoff: datetime.datetime, amount: int) -> Payout:
        number = 1 + sum(payout.cutoff == cutoff for payout in self.payouts)
        self.payouts.append(Payout(payout_name(cutoff, number), cutoff, amount))
        return self.payouts[-1]

    def _needs_approval(self, payout: Payout) -> bool:
        return payout.amount > self.rules.approval_above

    def _leave(self, payout: Payout) -> None:
        payout.state = "sent"
        self.payable -= payout.amount

    def _repay(self) -> None:
        amount = min(self.payable, self.owed)
        self.payable -= amount
        self.owed -= amount
        self.left -= amount

    def _move_payout(self, name: str, sources: tuple[str, ...], target: str) -> frozenset[str]:
        found = self.payout(name)
        if found.state not in sources:
            return ILLEGAL
        found.state = target
        return DONE


def payout_name(cutoff: datetime.datetime, number: int) -> str:
    """The payouts of a batch are told apart by which they are."""
    return f"{cutoff.astimezone(ZONE):%Y-%m-%d}#{number}"


def in_no_batch_yet(order: Order) -> bool:
    """Whether the vendor has earned it and waits for the batch."""
    return bool(order.captured) and not order.is_batched


def division_of(order: Order, world: World) -> dict[str, int]:
    """What was captured, by part."""
    commission = Fraction(order.captured * world.rules.commission, 10_000)
    return division(order.captured, commission, world.rules.vat)
