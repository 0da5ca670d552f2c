"""Any history of a market, acts and races in any order: the exchange does what the model does, to the fen.

100 histories of 30 steps in every run; ``make test-deep`` plays 1,000.
"""

import copy
import datetime
import itertools
from functools import partial

import pytest
from django.conf import settings
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from market.kernel import clock
from market.settlement.models import FeeSchedule
from market.settlement.services import reconcile
from tests.concurrency.together import together
from tests.machine.exchange import PRICES, Exchange
from tests.machine.model import DAY, Act, Rules, World

FINAL = {"settled", "cancelled", "expired", "refunded"}
ON_AN_ORDER = (
    "cancel", "accept", "dispute", "answer", "delivering", "delivered", "failed", "retry", "approve", "decline",
)  # fmt: skip
BY_ITSELF = (
    "accept_overdue", "refund_overdue", "close_unanswered", "expire_waiting", "wake_waiting", "capture", "settle",
)  # fmt: skip

_years = itertools.count(1)


def act(name: str, **arguments) -> Act:
    return Act(name, tuple(arguments.items()))


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


class AnyHistory(RuleBasedStateMachine):
    """Draws acts, plays each on the model and on the exchange, and compares all that can be seen.

    What is drawn never depends on what came before (no preconditions, an order from the first step on), because a race
    may end either way, and Hypothesis must draw the same when it plays a history again.
    """

    @initialize()
    def open(self) -> None:
        self.exchange = Exchange.opened()
        # Years after the last history: what that left behind has run out long ago and is nobody's business here.
        start = clock.now() + next(_years) * 400 * DAY
        self.world = World(
            start,
            Rules(
                approval=settings.ORDER_APPROVAL_DAYS,
                funds=settings.ORDER_FUNDS_DAYS,
                failed_refund=settings.ORDER_FAILED_REFUND_DAYS,
                acceptance=self.exchange.market.offer.acceptance_days,
                answer=settings.DISPUTE_ANSWER_DAYS,
                decision=settings.DISPUTE_DECISION_DAYS,
            ),
        )
        self.play(act("deposit", amount=PRICES[1]))
        self.play(act("place", reference="PO-first", purchaser="purchaser", amount=PRICES[1], wait=True))

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

    def race(self, *acts: Act) -> None:
        """Two at once: what comes out is what one after the other would give, in one of the two orders."""
        now = self.world.now
        answers = together([partial(self.exchange.apply, each, now) for each in acts])
        note(f"race of {' and '.join(map(str, acts))}: {answers}")
        seen = self.exchange.snapshot()
        for turns in self.possible_turns(acts, answers):
            world = copy.deepcopy(self.world)
            if all(answers[turn] in world.apply(acts[turn]) for turn in turns) and world.snapshot() == seen:
                self.world = world
                ages = self.exchange.ages()
                self.world.orders.sort(key=lambda order: ages[order.reference])
                return
        raise AssertionError(f"{acts} at once answered {answers} and left {seen}; before: {self.world}")

    @staticmethod
    def possible_turns(acts: tuple[Act, ...], answers: list) -> list[tuple[int, ...]]:
        """One first or the other first; or one alone, where the other gave way.

        Beat passes over an order that somebody holds at that moment, for its next turn finds it. Of two who wait for
        each other the database tells one to try again.
        """
        gave_way = [number for number in (0, 1) if answers[number] == "Contended" or acts[number].name in BY_ITSELF]
        return [(0, 1), (1, 0), *[(1 - number,) for number in gave_way]]

    @invariant()
    def the_same(self) -> None:
        if hasattr(self, "world"):
            assert self.exchange.snapshot() == self.world.snapshot()

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
        for name in ("accept_overdue", "refund_overdue", "expire_waiting", "capture"):
            self.play(act(name))
        self.world.now += DAY
        self.play(act("settle"))
        assert {str(order.state) for order in self.world.orders} <= FINAL
        self.the_same()
        assert self.exchange.snapshot()["escrow"] == 0
        assert reconcile().is_clean

    def play(self, one: Act) -> None:
        """One act on both; the exchange's answer must be one of the model's."""
        right = self.world.apply(one)
        answer = self.exchange.apply(one, self.world.now)
        note(f"{self.world.now:%Y-%m-%d} {one}: {answer}")
        assert answer in right, f"{one} answered {answer}, not {' or '.join(sorted(right))}"
        self.last = one

    def pick(self, number: int, state: str = "") -> str:
        """One of the orders in ``state``, or any where none is: an act that is refused is a history too."""
        orders = [order for order in self.world.orders if order.state == state] or self.world.orders
        return orders[number % len(orders)].reference


@pytest.mark.django_db(transaction=True)
def test_any_history() -> None:
    FeeSchedule.objects.create(version=1, commission_bps=500, effective_from=clock.now() - datetime.timedelta(days=1))
    run_state_machine_as_test(AnyHistory)
