"""Whatever the two sides say, in whatever order, and however time passes: quote, offers, orders and money agree."""

import dataclasses
import datetime

from django.db import transaction
from hypothesis import event, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from market.catalog.models import Offer
from market.catalog.states import OfferState
from market.kernel import clock
from market.kernel.errors import BusinessError
from market.negotiation import services
from market.negotiation.models import Quote, QuoteRound
from market.orders.models import Order
from tests import factories
from tests.negotiation.talks import TERMS, acceptance, asked, buyer, vendor

ANSWER_DAYS, OFFER_DAYS = 14, 5
PRICE, FUNDS = TERMS["amount"], 100_000

MOVES = [
    (side, act)
    for side in ("buyer", "vendor")
    for act in ("offer", "ask_back", "counter", "accept", "decline", "withdraw")
]
steps = st.lists(
    st.tuples(
        # Blind steps alone would seldom come to an acceptance, so most are among those that the model allows.
        st.sampled_from(["sensible", "sensible", "sensible", "blind", "wait", "beat"]),
        st.integers(0, 59),
        st.integers(1, 20),
    ),
    min_size=3,
    max_size=15,
)


@dataclasses.dataclass
class Talk:
    """What should be, by rules written down a second time."""

    state: str = "asked"
    rounds: int = 1
    ordered: int = 0
    due: int = ANSWER_DAYS

    def may(self, side: str, act: str, quantity: int, day: int) -> bool:
        if day >= self.due or (side, act) not in {
            ("vendor", "offer"), ("vendor", "ask_back"), ("vendor", "decline"), ("vendor", "withdraw"),
            ("buyer", "counter"), ("buyer", "accept"), ("buyer", "decline"), ("buyer", "withdraw"),
        }:  # fmt: skip
            return False
        vendor_speaks = self.state == "asked"
        if act == "accept":
            return self.state == "offered" and quantity * PRICE <= FUNDS
        if act == "withdraw":
            return self.state in ("asked", "asked_back", "offered") and vendor_speaks == (side == "buyer")
        return self.state in ("asked", "asked_back", "offered") and vendor_speaks == (side == "vendor")

    def perform(self, side: str, act: str, quantity: int, day: int) -> None:
        self.rounds += 1
        self.due = day + (OFFER_DAYS if act == "offer" else ANSWER_DAYS)
        match act:
            case "offer":
                self.state = "offered"
            case "ask_back":
                self.state = "asked_back"
            case "accept":
                self.state, self.ordered = "accepted", quantity
            case "decline":
                self.state = "declined"
            case _:
                self.state = "withdrawn" if (side, act) == ("buyer", "withdraw") else "asked"

    def beat(self, day: int) -> None:
        if self.state in ("asked", "asked_back", "offered") and day >= self.due:
            self.state, self.rounds = "expired", self.rounds + 1


class AnyTalk(TestCase):
    @given(steps=steps)
    @settings(max_examples=30)
    def test_agrees_with_the_model(self, steps):
        market = factories.market(funds=FUNDS)
        begin, day, talk = clock.now(), 0, Talk()
        with clock.frozen_at(begin):
            quote = asked(market)
        for kind, choice, number in steps:
            if kind == "wait":
                day += number // 5 + 1
            with clock.frozen_at(begin + datetime.timedelta(days=day)):
                if kind == "beat":
                    services.expire_overdue()
                    talk.beat(day)
                elif kind != "wait":
                    self.step(market, quote, talk, kind, choice, number, day)
                self.compare(market, quote, talk)
        event(talk.state)

    def step(self, market, quote, talk, kind, choice, number, day):
        """One act by somebody, which happens exactly when the model allows it."""
        sensible = [move for move in MOVES if talk.may(*move, number, day)]
        # Talks that go on are more telling than those that end at once.
        likely = [move for move in sensible for _time in range(1 if move[1] in ("decline", "withdraw") else 4)]
        moves = likely if kind == "sensible" and likely else MOVES
        side, act = moves[choice % len(moves)]
        allowed = (side, act) in sensible
        assert self.tried(market, Quote.objects.get(id=quote.id), side, act, number) == allowed, (side, act, talk)
        if allowed:
            talk.perform(side, act, number, day)

    @staticmethod
    def tried(market, quote, side, act, number) -> bool:
        """Whether the service let it happen."""
        actor = buyer(market) if side == "buyer" else vendor(market)
        given = {"actor": actor, "quote_id": quote.id}
        calls = {
            "offer": lambda: services.make_offer(
                **given, terms=TERMS, valid_until=clock.now() + datetime.timedelta(days=OFFER_DAYS)
            ),
            "ask_back": lambda: services.ask_back(**given, message="Which?"),
            "counter": lambda: services.counter(**given, message="Less."),
            "accept": lambda: services.accept(
                **given | acceptance(quote) | {"quantity": number, "offer_id": quote.current_offer_id or quote.id}
            ),
            "decline": lambda: services.decline(**given),
            "withdraw": lambda: services.withdraw(**given),
        }
        try:
            with transaction.atomic():
                calls[act]()
        except BusinessError:
            return False
        return True

    @staticmethod
    def compare(market, quote, talk):
        stored = Quote.objects.get(id=quote.id)
        assert (stored.state, stored.round_count) == (talk.state, talk.rounds)
        numbers = QuoteRound.objects.filter(quote=quote).order_by("number").values_list("number", flat=True)
        assert list(numbers) == list(range(1, talk.rounds + 1))
        stands = Offer.objects.filter(quote_id=quote.id, state=OfferState.ACTIVE)
        assert [offer.id for offer in stands] == ([stored.current_offer_id] if stored.current_offer_id else [])
        assert bool(stored.current_offer_id) == (talk.state in ("offered", "accepted"))
        orders = Order.objects.filter(offer__quote_id=quote.id)
        assert [order.id for order in orders] == ([stored.order_id] if talk.ordered else [])
        assert factories.balance(market.buyer, "escrow") == talk.ordered * PRICE
        assert factories.balance(market.buyer, "wallet") == FUNDS - talk.ordered * PRICE
        assert (stored.due_at is None) == (stored.closed_at is not None)
