"""Any history of a market, acts and races in any order: the exchange does what the model does, to the fen.

100 histories of 30 steps in every run; ``make test-deep`` plays 1,000.
"""

from functools import partial

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from tests.machine.acts import DAY, Act, act
from tests.machine.exchange import PRICES
from tests.machine.histories import BY_ITSELF, Histories

FINAL = {"settled", "cancelled", "expired", "refunded"}
ON_AN_ORDER = (
    "cancel", "accept", "dispute", "answer", "delivering", "delivered", "failed", "retry", "approve", "decline",
)  # fmt: skip

wishes = st.builds(
    partial(act, "place"),
    reference=st.sampled_from([f"PO-{number}" for number in range(12)]),
    purchaser=st.sampled_from(["purchaser", "newcomer"]),
    amount=st.sampled_from(PRICES),
    wait=st.booleans(),
)
limits = st.builds(
    partial(act, "set_limit"),
    who=st.sampled_from(["everybody", "newcomer"]),
    amount=st.sampled_from([0, 5_000, 13_000]),
)
deposits = st.builds(partial(act, "deposit"), amount=st.sampled_from([1, 700, 5_000, 20_000]))
# In a race one transaction: whoever else comes between a deposit and its job is not served in turn.
deposits_alone = st.builds(partial(act, "deposit_alone"), amount=st.sampled_from([700, 5_000]))
periodic = st.sampled_from(BY_ITSELF).map(act)
numbers = st.integers(0, 11)
verdicts = st.sampled_from(["accept", "refund", "partial"])
percents = st.sampled_from([0, 33, 100])


class AnyHistory(Histories):
    """Orders: every act of every party on them, and what happens to them by itself."""

    @rule(wish=wishes)
    def place(self, wish: Act) -> None:
        self.play(wish)

    @rule(amount=deposits)
    def deposit(self, amount: Act) -> None:
        self.play(amount)

    @rule(name=st.sampled_from(ON_AN_ORDER), number=numbers)
    def on_an_order(self, name: str, number: int) -> None:
        self.play(act(name, order=self.pick(number)))

    @rule(number=numbers, who=st.sampled_from(["buyer", "operator"]))
    def refund(self, number: int, who: str) -> None:
        self.play(act("refund", order=self.pick(number), who=who))

    @rule(number=numbers)
    def deliver(self, number: int) -> None:
        """The usual way, so that histories get beyond it."""
        self.play(act("delivering", order=self.pick(number)))
        self.play(act("delivered", order=self.pick(number)))

    @rule(number=numbers, verdict=verdicts, percent=percents)
    def decide(self, number: int, verdict: str, percent: int) -> None:
        self.play(act("decide", order=self.pick(number, "disputed"), verdict=verdict, percent=percent))

    @rule(number=numbers, verdict=verdicts, is_race=st.booleans())
    def quarrel(self, number: int, verdict: str, is_race: bool) -> None:
        """The usual way of a dispute; or two operators decide at once."""
        order = self.pick(number, "delivered")
        self.play(act("dispute", order=order))
        self.play(act("answer", order=order) if number % 2 else act("close_unanswered"))
        decision = act("decide", order=order, verdict=verdict, percent=33)
        if is_race:
            self.race(decision, act("decide", order=order, verdict="refund", percent=33))
        else:
            self.play(decision)

    @rule(limit=limits)
    def set_limit(self, limit: Act) -> None:
        self.play(limit)

    @rule(who=st.sampled_from(["everybody", "newcomer"]))
    def remove_limit(self, who: str) -> None:
        self.play(act("remove_limit", who=who))

    @rule(name=st.sampled_from(["suspend", "resume", "resume"]))
    def stop_or_go(self, name: str) -> None:
        self.play(act(name))

    @rule(one=periodic)
    def by_itself(self, one: Act) -> None:
        self.play(one)

    @rule()
    def again(self) -> None:
        """The same once more: a repeated request, a job delivered twice, a second beat."""
        self.play(self.last)

    @rule(days=st.sampled_from([1, 3, 8]))
    def time_passes(self, days: int) -> None:
        self.world.now += days * DAY

    @rule(names=st.lists(st.sampled_from(ON_AN_ORDER), min_size=2, max_size=2), number=numbers)
    def race_on_an_order(self, names: list[str], number: int) -> None:
        self.race(*[act(name, order=self.pick(number)) for name in names])

    @rule(name=st.sampled_from(ON_AN_ORDER), number=numbers, other=st.one_of(wishes, deposits_alone, periodic))
    def race_with_an_order(self, name: str, number: int, other: Act) -> None:
        self.race(act(name, order=self.pick(number)), other)

    @rule(one=st.one_of(wishes, deposits_alone), other=st.one_of(wishes, limits, periodic))
    def race_of_others(self, one: Act, other: Act) -> None:
        self.race(one, other)

    def teardown(self) -> None:
        """Nothing hangs: deliver what waits for delivery, let a month pass, and every order comes to an end."""
        if not hasattr(self, "world"):
            return
        self.play(act("deposit", amount=200_000))
        for order in list(self.world.orders):
            for name in ("delivering", "delivered"):
                self.play(act(name, order=order.reference))
        self.world.now += 30 * DAY
        self.play(act("close_unanswered"))
        for order in list(self.world.orders):
            self.play(act("decide", order=order.reference, verdict="accept", percent=0))
        for name in ("accept_overdue", "refund_overdue", "expire_waiting"):
            self.play(act(name))
        self.end()
        assert {str(order.state) for order in self.world.orders} <= FINAL
        assert self.exchange.snapshot()["escrow"] == 0


@pytest.mark.django_db(transaction=True)
def test_any_history(fees, pair) -> None:
    run_state_machine_as_test(partial(AnyHistory, pair))
