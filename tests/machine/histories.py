"""What all machines share: an act is played on the model and on the exchange, and all that can be seen is compared."""

import copy
import itertools
from functools import partial

from django.conf import settings
from hypothesis import note
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from market.kernel import clock
from market.settlement.services import reconcile
from tests.concurrency.together import Standing
from tests.machine.acts import DAY, Act, Rules, act
from tests.machine.exchange import PRICES, Exchange
from tests.machine.model import World

BY_ITSELF = (
    "accept_overdue", "refund_overdue", "close_unanswered", "expire_waiting", "wake_waiting", "capture", "settle",
)  # fmt: skip

_years = itertools.count(1)


class Histories(RuleBasedStateMachine):
    """Draws acts, plays each on the model and on the exchange, and compares all that can be seen.

    What is drawn never depends on what came before (no preconditions, an order from the first step on), because a race
    may end either way, and Hypothesis must draw the same when it plays a history again.
    """

    def __init__(self, pair: Standing) -> None:
        super().__init__()
        self.pair = pair

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
                least_payout=settings.PAYOUT_MINIMUM,
                approval_above=settings.PAYOUT_APPROVAL_ABOVE,
                commission=500,
                vat=600,
            ),
        )
        self.begin()

    def begin(self) -> None:
        """What every history begins with: an order, so that there always is one."""
        self.play(act("deposit", amount=PRICES[1]))
        self.play(act("place", reference="PO-first", purchaser="purchaser", amount=PRICES[1], wait=True))

    def play(self, one: Act) -> None:
        """One act on both; the exchange's answer must be one of the model's."""
        right = self.world.apply(one)
        answer = self.exchange.apply(one, self.world.now)
        note(f"{self.world.now:%Y-%m-%d} {one}: {answer}")
        assert answer in right, f"{one} answered {answer}, not {' or '.join(sorted(right))}"
        self.last = one
        self.is_compared = False

    def race(self, *acts: Act) -> None:
        """Two at once: what comes out is what one after the other would give, in one of the two orders."""
        now = self.world.now
        answers = self.pair.together([partial(self.exchange.apply, each, now) for each in acts])
        note(f"race of {' and '.join(map(str, acts))}: {answers}")
        seen = self.exchange.snapshot()
        for turns in self.possible_turns(acts, answers):
            world = copy.deepcopy(self.world)
            if all(answers[turn] in world.apply(acts[turn]) for turn in turns) and world.snapshot() == seen:
                self.world = world
                self.is_compared = True
                by_age = list(seen["orders"])
                self.world.orders.sort(key=lambda order: by_age.index(order.reference))
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
        """All that can be seen of both; right after a race it has just been compared."""
        if hasattr(self, "world") and not self.is_compared:
            found, expected = self.exchange.snapshot(), self.world.snapshot()
            wrong = {name: (found[name], expected[name]) for name in expected if found[name] != expected[name]}
            assert not wrong, f"found and expected: {wrong}"
        self.is_compared = False

    def end(self) -> None:
        """The money of accepted orders is earned and paid, and the books add up."""
        self.play(act("capture"))
        self.world.now += DAY
        self.play(act("settle"))
        self.the_same()
        assert reconcile().is_clean

    def pick(self, number: int, state: str = "") -> str:
        """One of the orders in ``state``, or any where none is: an act that is refused is a history too."""
        orders = [order for order in self.world.orders if order.state == state] or self.world.orders
        return orders[number % len(orders)].reference
