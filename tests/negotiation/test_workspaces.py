"""Quotes in the workspaces: a vendor answers in its own; operators and auditors read; nobody else finds them."""

import datetime
import html

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Membership
from accounts.states import Role
from market.catalog.admin.pages import price_text
from market.catalog.models import Offer
from market.kernel import clock
from market.negotiation import services
from market.negotiation.models import Quote, QuoteRound
from tests import factories
from tests.negotiation.talks import accepted, acts_of, asked, asked_back, buyer, everything, offered, vendor

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> factories.Market:
    return factories.market(funds=1_000_000)


def entered(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user)
    return client


@pytest.fixture
def lister(market) -> Client:
    return entered(market.lister)


def page(quote: Quote, site: str = "vendor") -> str:
    return reverse(f"{site}:negotiation_quote_change", args=[quote.id])


def act(quote: Quote, name: str, site: str = "vendor") -> str:
    return reverse(f"{site}:negotiation_quote_act", args=[quote.id, name])


def answer(**changes) -> dict:
    last_day = clock.business_date() + datetime.timedelta(days=10)
    return {
        "price_model": "one_off",
        "amount": "880.50",
        "licence": "Internal use.",
        "acceptance_days": "10",
        "last_day": last_day.isoformat(),
        "least_quantity": "10",
        "message": "Best we can do.",
    } | changes


def offered_acts(client: Client, quote: Quote, site: str = "vendor") -> set[str]:
    shown = client.get(page(quote, site)).content.decode()
    names = ("offer", "ask-back", "decline", "withdraw-offer", "withdraw-question")
    return {name for name in names if f'href="{act(quote, name, site)}"' in shown}


def test_a_vendor_answers_with_an_offer(market, lister):
    quote = asked(market)
    assert offered_acts(lister, quote) == {"offer", "ask-back", "decline"}
    response = lister.post(act(quote, "offer"), answer())
    assert response.status_code == 302 and response["Location"] == page(quote)
    quote.refresh_from_db()
    offer = quote.current_offer
    assert (quote.state, quote.least_quantity, offer.amount, offer.acceptance_days) == ("offered", 10, 88_050, 10)
    assert offer.valid_until == clock.business_midnight(clock.business_date() + datetime.timedelta(days=11))
    assert (offer.buyer_org_id, offer.quote_id) == (market.buyer.id, quote.id)
    shown = lister.get(page(quote)).content.decode()
    for text in ("Best we can do.", "CNY 880.50", "A price for ten, please.", "Cold-chain planning.", "24:00"):
        assert text in shown, text
    assert offered_acts(lister, quote) == {"withdraw-offer"}


def test_a_free_offer_is_one_too(market, lister):
    quote = asked(market)
    lister.post(act(quote, "offer"), answer(price_model="free", amount="", least_quantity="", message=""))
    quote.refresh_from_db()
    assert (quote.state, quote.current_offer.amount, quote.least_quantity) == ("offered", 0, None)


def test_the_form_begins_with_what_was_offered_last(market, lister):
    quote = asked(market)
    begun = lister.get(act(quote, "offer")).context["form"]
    assert (begun["amount"].value(), begun["licence"].value()) == ("100.00", "Internal use.")
    assert begun["least_quantity"].value() == 10
    offered(market, quote, terms={"amount": 7_550})
    services.counter(actor=buyer(market), quote_id=quote.id, message="Less.", volume=20)
    begun = lister.get(act(quote, "offer")).context["form"]
    assert (begun["amount"].value(), begun["licence"].value()) == ("75.50", "Internal use at all sites.")
    assert (begun["acceptance_days"].value(), begun["least_quantity"].value()) == (10, 20)


@pytest.mark.parametrize(("changes", "kept", "shown"), [
    (
        {"price_model": "subscription", "amount": "98", "months": "12", "is_instalment": "on"},
        {"amount": 9_800, "months": 12, "is_instalment": True},
        {"amount": "98.00", "months": 12},
    ),
    (
        {"price_model": "metered", "amount": "500", "months": "1", "unit": "call", "unit_price": "0.0003",
         "at_prepaid_end": "stop"},
        {"amount": 50_000, "unit": "call", "unit_price": 300},
        {"unit_price": "0.0003", "unit": "call"},
    ),
    (
        {"amount": "", "tier_mode": "volume", "tiers": "100: 12.00\n*: 9.00"},
        {"amount": 1_200, "tier_mode": "volume"},
        {"amount": None, "tiers": "100: 12.00\n*: 9.00"},
    ),
])  # fmt: skip
def test_a_private_offer_takes_every_price_model(market, lister, changes, kept, shown):
    quote = asked(market)
    response = lister.post(act(quote, "offer"), answer(**changes))
    assert response.status_code == 302, response.context["form"].errors
    quote.refresh_from_db()
    assert {name: getattr(quote.current_offer, name) for name in kept} == kept
    assert price_text(quote.current_offer) in html.unescape(lister.get(page(quote)).content.decode())
    services.counter(actor=buyer(market), quote_id=quote.id, message="Less.")
    begun = lister.get(act(quote, "offer")).context["form"]
    assert {name: begun[name].value() for name in shown} == shown
    again = {name: begun[name].value() for name in begun.fields}
    response = lister.post(act(quote, "offer"), {name: value for name, value in again.items() if value})
    assert response.status_code == 302, response.context["form"].errors


@pytest.mark.parametrize(("changes", "field"), [
    ({"amount": "12,5"}, "amount"),
    ({"amount": ""}, "amount"),
    ({"licence": ""}, "licence"),
    ({"acceptance_days": "91"}, "acceptance_days"),
    ({"last_day": ""}, "last_day"),
    ({"last_day": "2020-01-01"}, "last_day"),
    ({"last_day": "2999-01-01"}, "last_day"),
    ({"least_quantity": "0"}, "least_quantity"),
    ({"price_model": "barter"}, "price_model"),
    ({"message": "x" * 5001}, "message"),
])  # fmt: skip
def test_what_cannot_be_offered_stands_beside_its_field(market, lister, changes, field):
    quote = asked(market)
    before = everything()
    response = lister.post(act(quote, "offer"), answer(**changes))
    assert response.status_code == 200 and field in response.context["form"].errors
    assert everything() == before


def test_a_vendor_asks_back_and_takes_its_question_back(market, lister):
    quote = asked(market)
    lister.post(act(quote, "ask-back"), {"message": "Which stations?"})
    assert offered_acts(lister, quote) == {"withdraw-question"}
    lister.post(act(quote, "withdraw-question"), {"message": "We found it."})
    assert acts_of(quote)[1:] == [("vendor", "ask_back"), ("vendor", "withdraw")]
    assert offered_acts(lister, quote) == {"offer", "ask-back", "decline"}


def test_a_vendor_withdraws_its_offer_and_declines(market, lister):
    quote = offered(market)
    lister.post(act(quote, "withdraw-offer"), {"message": "A typing error."})
    lister.post(act(quote, "decline"), {"message": "Not for resale."})
    quote.refresh_from_db()
    assert quote.state == "declined"
    shown = lister.get(page(quote)).content.decode()
    assert "Not for resale." in shown and "no longer stands" in shown
    assert offered_acts(lister, quote) == set()


@pytest.mark.parametrize("name", ["ask-back", "decline"])
def test_words_are_needed(market, lister, name):
    quote = asked(market)
    before = everything()
    assert lister.post(act(quote, name), {"message": " "}).status_code == 200
    assert everything() == before


def test_an_act_that_came_too_late_says_so(market, lister):
    """The page was open while a colleague answered: the act is no longer offered, and nothing changes."""
    quote = asked(market)
    asked_back(market, quote)
    before = everything()
    assert lister.post(act(quote, "offer"), answer()).status_code == 404
    assert everything() == before


def test_strangers_and_other_roles(market):
    quote = asked(market)
    stranger = factories.market()
    finance, other = entered(market.vendor_finance), entered(stranger.lister)
    before = everything()
    assert other.get(page(quote)).status_code == 404
    assert other.get(act(quote, "offer")).status_code == 404
    assert other.post(act(quote, "offer"), answer()).status_code == 404
    assert quote.number not in other.get(reverse("vendor:negotiation_quote_changelist")).content.decode()
    assert finance.get(page(quote)).status_code == 200
    assert offered_acts(finance, quote) == set()
    assert finance.post(act(quote, "offer"), answer()).status_code == 404
    assert entered(market.purchaser).get(page(quote)).status_code == 302
    assert everything() == before


@pytest.mark.parametrize("site", ["operator", "auditor"])
def test_the_exchange_and_its_auditors_read_everything_and_change_nothing(market, site):
    client = entered(market.operator if site == "operator" else market.auditor)
    quote, done = offered(market), accepted(market)
    listed = client.get(reverse(f"{site}:negotiation_quote_changelist")).content.decode()
    assert quote.number in listed and done.number in listed
    shown = client.get(page(quote, site)).content.decode()
    assert "A price for ten, please." in shown
    assert market.purchaser.user.email in shown and market.lister.user.email in shown
    assert done.order.number in client.get(page(done, site)).content.decode()
    assert offered_acts(client, quote, site) == set()
    before = everything()
    assert client.post(act(quote, "withdraw-offer", site), {"message": "No."}).status_code == 404
    assert client.post(page(quote, site), {"state": "accepted"}).status_code == 403
    assert client.post(reverse(f"{site}:negotiation_quote_delete", args=[quote.id]), {"post": "yes"}).status_code == 404
    assert everything() == before


def test_a_vendor_is_not_told_who_the_buyers_people_are(market, lister):
    shown = lister.get(page(offered(market))).content.decode()
    assert market.lister.user.email in shown and market.purchaser.user.email not in shown


def test_what_waits_for_the_vendor_stands_first_and_is_counted(market, lister):
    waiting, standing, done = asked(market), offered(market), accepted(market)
    address = reverse("vendor:negotiation_quote_changelist")
    listed = lister.get(address).content.decode()
    places = [listed.index(quote.number) for quote in (waiting, standing, done)]
    assert places == sorted(places) and "waits for you" in listed

    def found(query: str) -> set[str]:
        shown = lister.get(f"{address}?{query}").content.decode()
        return {quote.number for quote in (waiting, standing, done) if quote.number in shown}

    assert found("waiting=vendor") == {waiting.number}
    assert found("waiting=buyer") == {standing.number}
    assert found("waiting=nobody") == {done.number}
    assert found(f"q={waiting.number.lower()}") == {waiting.number}
    first = lister.get(reverse("vendor:index")).content.decode()
    assert "Quotes to answer" in first and f'href="{address}?waiting=vendor"' in first
    with clock.frozen_at(waiting.due_at):
        panel = {figure.title: figure for figure in lister.get(reverse("vendor:index")).context["numbers"]}
        assert panel["Quotes to answer"].value == "0"


def test_an_operator_finds_a_quote_by_its_number_or_key(market):
    client, quote, other = entered(market.operator), asked(market), asked(market)
    address = reverse("operator:negotiation_quote_changelist")
    for term in (quote.number, quote.number.lower(), str(quote.id)):
        shown = client.get(address, {"q": term}).content.decode()
        assert quote.number in shown and other.number not in shown


def test_words_of_strangers_are_only_text(market, lister):
    quote = asked(market, message='<script>alert("x")</script>', purpose="<b>bold</b>")
    shown = lister.get(page(quote)).content.decode()
    assert "<script>alert" not in shown and "&lt;script&gt;alert" in shown and "<b>bold</b>" not in shown


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as context:
        assert client.get(address).status_code == 200
    return len(context)


def test_pages_cost_the_same_whatever_their_size(market, lister):
    quote = offered(market)
    accepted(market), asked(market)
    address = reverse("vendor:negotiation_quote_changelist")
    queries(lister, address)
    few, short = queries(lister, address), queries(lister, page(quote))
    for _number in range(4):
        accepted(market), asked(market), offered(market)
        services.withdraw(actor=vendor(market), quote_id=quote.id)
        offered(market, quote)
    assert Offer.objects.filter(quote_id=quote.id).count() == QuoteRound.objects.filter(quote=quote).count() // 2 == 5
    assert (queries(lister, address), queries(lister, page(quote))) == (few, short)


def test_a_member_who_only_owns_may_answer_too(market):
    owner = entered(factories.member(market.vendor, Role.OWNER))
    quote = asked(market)
    assert owner.post(act(quote, "offer"), answer()).status_code == 302
    assert Quote.objects.get(id=quote.id).state == "offered"
