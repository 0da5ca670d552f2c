"""Quotes end by themselves, and only once."""

from functools import partial

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from market.catalog.models import Offer
from market.catalog.states import OfferState
from market.kernel import clock
from market.negotiation import services, tasks
from market.negotiation.models import Quote
from market.negotiation.services import ending
from tests import factories
from tests.concurrency.together import together
from tests.negotiation.talks import accepted, acts_of, asked, asked_back, events_of, everything, in_days, offered

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def market() -> factories.Market:
    return factories.market(funds=1_000_000)


@pytest.mark.parametrize("arrange", [asked, asked_back, offered])
def test_an_open_quote_ends_at_its_deadline_and_not_before(market, arrange):
    quote = arrange(market)
    before = everything()
    assert services.expire_overdue() == 0
    assert everything() == before
    with clock.frozen_at(quote.due_at):
        tasks.expire_overdue()
        stored = Quote.objects.get(id=quote.id)
        assert (stored.state, stored.due_at, stored.closed_at) == ("expired", None, clock.now())
        assert (stored.current_offer, stored.round_count) == (None, quote.round_count + 1)
        assert acts_of(quote)[-1] == ("exchange", "expire")
        assert events_of(quote)[-1] == "quote.expired"
        assert not Offer.objects.filter(quote_id=quote.id, state=OfferState.ACTIVE).exists()
        after = everything()
        assert services.expire_overdue() == 0
        assert everything() == after


def test_the_deadlines_are_the_offers_end_or_the_time_to_answer(market, settings):
    settings.QUOTE_ANSWER_DAYS = 3
    with clock.frozen_at(clock.now()):
        assert asked(market).due_at == in_days(3)
        assert asked_back(market).due_at == in_days(3)
        assert offered(market, valid_until=in_days(30)).due_at == in_days(30)


def test_an_accepted_quote_never_expires(market):
    quote = accepted(market)
    with clock.frozen_at(in_days(1000)):
        assert services.expire_overdue() == 0
    assert Quote.objects.get(id=quote.id).state == "accepted"


def test_several_beats_end_each_quote_once(market, monkeypatch):
    monkeypatch.setattr(ending, "BATCH", 3)
    quotes = [offered(market) if number % 2 else asked(market) for number in range(12)]

    def overdue():
        with clock.frozen_at(in_days(60)):
            return services.expire_overdue()

    assert sum(together([overdue] * 3)) == 12
    for quote in quotes:
        assert events_of(quote).count("quote.expired") == 1


def test_beat_passes_by_a_quote_that_is_being_acted_on(market):
    held, free = asked(market), asked(market)

    def overdue():
        with clock.frozen_at(in_days(60)):
            return services.expire_overdue()

    with transaction.atomic():
        Quote.objects.select_for_update().get(id=held.id)
        assert together([partial(overdue)]) == [1]
    assert Quote.objects.get(id=held.id).state == "asked"
    assert Quote.objects.get(id=free.id).state == "expired"


def test_a_batch_is_a_constant_number_of_statements(market):
    def statements(count: int) -> int:
        for _number in range(count):
            offered(market)
        with clock.frozen_at(in_days(60)), CaptureQueriesContext(connection) as context:
            assert services.expire_overdue() == count
        return len(context)

    assert statements(2) == statements(9) <= 13
