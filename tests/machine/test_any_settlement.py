"""Any history of money: captures, runs, payouts, what the bank says of them, and refunds, alone and two at once: the
exchange does what the model does, to the fen.

100 histories of 30 steps in every run; ``make test-deep`` plays 1,000.
"""

from functools import partial

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from tests.banking.messages import ACCOUNT
from tests.machine.acts import DAY, SLIPS, Act, act
from tests.machine.exchange import PRICES
from tests.machine.histories import Histories

SOLD = PRICES[1:]
ON_A_PAYOUT = ("send", "void", "confirm", "bounce")
BY_A_PERSON = ("release_payout", "approve_payout")

numbers = st.integers(0, 11)
people = st.sampled_from(["operator", "treasurer"])
amounts = st.sampled_from([None, 1, 333, 5_000])
cases = st.integers(1, 4)
days_ago = st.integers(0, 2)
files = st.fixed_dictionaries(
    {
        "slips": st.sets(st.integers(0, len(SLIPS) - 1), min_size=1).map(lambda slips: tuple(sorted(slips))),
        "says": st.sampled_from([(), ("left",), ("returned",), ("left", "returned")]),
        "copy": st.integers(1, 2),
    }
)


class AnySettlement(Histories):
    """One vendor's money, from capture to the bank and back."""

    def begin(self) -> None:
        self.play(act("deposit", amount=1_000_000))
        self.sell(PRICES[3], is_captured=True)
        self.world.now += DAY
        self.play(act("settle"))

    @rule(amount=st.sampled_from(SOLD), is_captured=st.booleans())
    def sell(self, amount: int, is_captured: bool) -> None:
        """An order that has been accepted; how it got there, and that it does so once, is the other machine's
        business."""
        self.play(act("sold", reference=f"PO-{len(self.world.orders)}", amount=amount))
        self.last = act("capture")
        if is_captured:
            self.play(self.last)

    @rule()
    def capture(self) -> None:
        self.play(act("capture"))

    @rule(days=days_ago)
    def settle(self, days: int) -> None:
        self.play(act("settle", days=days))

    @rule(days=st.sampled_from([1, 1, 3]))
    def time_passes(self, days: int) -> None:
        self.world.now += days * DAY

    @rule(number=numbers, amount=amounts, case=cases)
    def give_back(self, number: int, amount: int | None, case: int) -> None:
        self.play(self.refund(number, amount, case))

    @rule(name=st.sampled_from(ON_A_PAYOUT), number=numbers)
    def on_a_payout(self, name: str, number: int) -> None:
        self.play(act(name, payout=self.pick_payout(number)))

    @rule(name=st.sampled_from(BY_A_PERSON), number=numbers, who=people)
    def by_a_person(self, name: str, number: int, who: str) -> None:
        self.play(act(name, payout=self.pick_payout(number, "pending"), who=who))

    @rule(number=numbers)
    def two_persons(self, number: int) -> None:
        """The usual way of a large payout."""
        payout = self.pick_payout(number, "pending")
        self.play(act("release_payout", payout=payout, who="operator"))
        self.play(act("approve_payout", payout=payout, who="treasurer"))

    @rule(file=files, number=numbers)
    def statement(self, file: dict, number: int) -> None:
        self.play(self.file(file, number))

    @rule(name=st.sampled_from(["lose_account", "find_account", "find_account"]))
    def account(self, name: str) -> None:
        self.play(act(name))

    @rule()
    def again(self) -> None:
        """The same once more: a repeated request, a job delivered twice, the file uploaded again."""
        self.play(self.last)

    @rule(days=days_ago, other=days_ago)
    def two_runs(self, days: int, other: int) -> None:
        """Of one cutoff or of two."""
        self.race(act("settle", days=days), act("settle", days=other))

    @rule(number=numbers, order=numbers, amount=amounts, case=cases, name=st.sampled_from(["settle", "send", "bounce"]))
    def payout_against_clawback(self, number: int, order: int, amount: int | None, case: int, name: str) -> None:
        paying = act("settle") if name == "settle" else act(name, payout=self.pick_payout(number))
        self.race(paying, self.refund(order, amount, case))

    @rule(file=files, other=st.one_of(st.none(), files), number=numbers)
    def two_statements(self, file: dict, other: dict | None, number: int) -> None:
        """The same file twice at once, or two that overlap."""
        self.race(*[self.file(each, number, "statement_alone") for each in (file, other or file)])

    @rule(file=files, number=numbers, name=st.sampled_from(ON_A_PAYOUT))
    def statement_against_hand(self, file: dict, number: int, name: str) -> None:
        """The bank says it while somebody does."""
        self.race(self.file(file, number, "statement_alone"), act(name, payout=self.pick_payout(number)))

    @rule(number=numbers, name=st.sampled_from(["void", "send", "release_payout", "approve_payout"]), who=people)
    def approval_against_edit(self, number: int, name: str, who: str) -> None:
        """The second person approves what somebody changes at that moment."""
        payout = self.pick_payout(number, "pending")
        self.play(act("release_payout", payout=payout, who="operator"))
        edit = act(name, payout=payout, who=who) if name in BY_A_PERSON else act(name, payout=payout)
        self.race(act("approve_payout", payout=payout, who="treasurer"), edit)

    @rule(one=st.sampled_from(["capture", "settle"]), number=numbers, amount=amounts, case=cases, days=days_ago)
    def race_with_captures(self, one: str, number: int, amount: int | None, case: int, days: int) -> None:
        self.race(act("capture"), act("settle", days=days) if one == "settle" else self.refund(number, amount, case))

    def teardown(self) -> None:
        """Whatever waits is given up, and the vendor has in the end what was earned and not taken back."""
        if not hasattr(self, "world"):
            return
        self.play(act("find_account"))
        for payout in list(self.world.payouts):
            self.play(act("void", payout=payout.name))
        self.end()
        world = self.world
        paid = sum(payout.amount for payout in world.payouts if payout.state in ("sent", "confirmed"))
        assert world.payable + paid - world.owed == sum(order.remaining.get("net", 0) for order in world.orders)

    def refund(self, number: int, amount: int | None, case: int) -> Act:
        """Of an order that has been captured, if there is one."""
        captured = [order for order in self.world.orders if sum(order.remaining.values())] or self.world.orders
        return act("give_back", order=captured[number % len(captured)].reference, amount=amount, case=case)

    def file(self, file: dict, number: int, name: str = "statement") -> Act:
        """A statement of the bank, about this payout where it says something of one."""
        return act(name, payout=self.pick_payout(number) if file["says"] else "", **file)

    def pick_payout(self, number: int, state: str = "") -> str:
        """One of the payouts in ``state``, or any where none is."""
        payouts = [payout for payout in self.world.payouts if payout.state == state] or self.world.payouts
        return payouts[number % len(payouts)].name


@pytest.mark.django_db(transaction=True)
def test_any_settlement(fees, pair, settings) -> None:
    settings.EXCHANGE_BANK_ACCOUNT = ACCOUNT
    settings.PAYOUT_MINIMUM, settings.PAYOUT_APPROVAL_ABOVE = 1_000, 8_000
    run_state_machine_as_test(partial(AnySettlement, pair))
