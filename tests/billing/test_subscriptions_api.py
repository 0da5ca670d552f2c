"""Subscriptions over HTTP: who sees what, once-only acts, and lists that cost the same whatever their size."""

import uuid

import pytest

from accounts.states import Role
from market.api.models import IdempotentReply
from market.billing.models import Subscription
from market.billing.states import Renewal, SubscriptionState
from tests import factories
from tests.billing.contracts import beat, market_of_contracts, money, on, subscribed
from tests.orders.trades import post

pytestmark = pytest.mark.django_db
RENEWED = {"renewal_notice_days": 30}


def read(market, path: str, when: str = "2027-02-01", member=None):
    with on(when):
        return factories.api_client(member or market.purchaser).get(f"/api/v1/{path}")


def act(market, subscription, name: str, when: str = "2027-02-01", key: str | None = None, member=None):
    with on(when):
        client = factories.api_client(member or market.purchaser)
        return post(client, f"subscriptions/{subscription.id}/{name}", key=key)


def test_a_buyer_follows_its_subscription():
    market = market_of_contracts()
    subscription = subscribed(market, is_instalment=True, **RENEWED)
    shown = read(market, f"subscriptions/{subscription.id}").json()
    assert (shown["state"], shown["renewal"], shown["acts"]) == ("running", "automatic", ["cancel"])
    assert shown["next_payment"] == {"due_on": "2027-02-17", "amount": 10_000, "currency": "CNY"}
    assert shown["next_deadline"] == {"what": "payment", "at": "2027-02-16T16:00:00Z"}
    assert (shown["starts_on"], shown["ends_before"], shown["notice_on"]) == ("2027-01-17", "2027-04-17", "2027-03-18")
    assert [(month["number"], month["amount"], month["state"]) for month in shown["periods"]] == [
        (1, 10_000, "funded"),
        (2, 10_000, "planned"),
        (3, 10_000, "planned"),
    ]
    listed = read(market, "subscriptions").json()["results"]
    assert [(row["id"], "periods" in row) for row in listed] == [(str(subscription.id), False)]


def test_the_order_shows_its_running_contract():
    market = market_of_contracts(funds=10_000)
    subscription = subscribed(market, is_instalment=True)
    path = f"orders/{subscription.order_id}"
    assert read(market, path).json()["next_deadline"] == {"what": "term_end", "at": "2027-04-16T16:00:00Z"}
    beat("2027-02-17")
    subscription.refresh_from_db()
    deadline = read(market, path, "2027-02-17").json()["next_deadline"]
    assert (deadline["what"], deadline["at"][:10]) == ("payment", f"{subscription.suspends_at:%Y-%m-%d}")
    contract = read(market, f"subscriptions/{subscription.id}", "2027-02-17").json()
    assert (contract["state"], contract["next_deadline"]["what"]) == ("past_due", "suspension")
    beat("2027-02-24")
    contract = read(market, f"subscriptions/{subscription.id}", "2027-02-24").json()
    assert (contract["state"], contract["next_deadline"]["what"]) == ("suspended", "end")
    names = [moment["name"] for moment in read(market, f"{path}/timeline", "2027-02-24").json()["results"]]
    assert [name for name in names if name.startswith("subscription.")] == [
        "subscription.began",
        "subscription.past_due",
        "subscription.month_charged",
        "subscription.suspended",
    ]


def test_deadlines_of_a_prepaid_term():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    path = f"subscriptions/{subscription.id}"
    assert read(market, path).json()["next_deadline"]["what"] == "notice"
    assert read(market, path).json()["next_payment"] is None
    beat("2027-03-18")
    assert read(market, path, "2027-03-18").json()["next_deadline"]["what"] == "renewal"
    act(market, subscription, "cancel", "2027-03-19")
    assert read(market, path, "2027-03-19").json()["next_deadline"]["what"] == "term_end"
    beat("2027-04-17")
    shown = read(market, path, "2027-04-17").json()
    assert (shown["next_deadline"], shown["end_reason"], shown["acts"]) == (None, "term_over", [])


def test_a_cancellation_is_answered_once_and_taken_back():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    key = str(uuid.uuid4())
    first = act(market, subscription, "cancel", key=key)
    assert (first.status_code, first.json()["renewal"], first.json()["acts"]) == (200, "cancelled", ["resume"])
    again = act(market, subscription, "cancel", key=key)
    assert again["Idempotency-Replayed"] == "true" and again.json() == first.json()
    assert IdempotentReply.objects.filter(operation="subscriptions.cancel").count() == 1
    refused = act(market, subscription, "cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_cancel")
    resumed = act(market, subscription, "resume")
    assert (resumed.status_code, resumed.json()["renewal"]) == (200, "automatic")
    refused = act(market, subscription, "resume")
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_resume")


def test_a_trial_is_ended_over_http():
    market = market_of_contracts()
    subscription = subscribed(market, is_instalment=True, trial_days=30)
    assert read(market, f"subscriptions/{subscription.id}").json()["is_in_trial"]
    ended = act(market, subscription, "cancel")
    assert (ended.status_code, ended.json()["state"], ended.json()["end_reason"]) == (200, "ended", "trial")
    assert ended.json()["next_payment"] is None
    assert money(subscription.order) == (10_000, 10_000, 0)


def test_renewal_leads_on():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    beat("2027-03-18")
    beat("2027-04-17")
    shown = read(market, f"subscriptions/{subscription.id}", "2027-04-17").json()
    following = read(market, f"orders/{shown['renewed_by']}", "2027-04-17").json()
    assert (following["renews"], following["state"]) == (str(subscription.order_id), "delivered")


def test_a_refused_act_changes_nothing():
    market = market_of_contracts()
    subscription = subscribed(market, **RENEWED)
    finance = factories.member(market.buyer, Role.FINANCE)
    stranger = factories.member(factories.organization("buyer"), Role.PURCHASER)
    for member, status in ((finance, 403), (market.lister, 403), (stranger, 404), (market.auditor, 403)):
        assert act(market, subscription, "cancel", member=member).status_code == status
    answer = act(market, subscription, "cancel")
    assert answer.status_code == 200
    with on("2027-02-01"):
        client = factories.api_client(market.purchaser)
        assert post(client, f"subscriptions/{subscription.id}/resume", {"now": True}).status_code == 422
        assert client.post(f"/api/v1/subscriptions/{subscription.id}/resume").status_code == 400
    subscription.refresh_from_db()
    assert (subscription.state, subscription.renewal) == (SubscriptionState.RUNNING, Renewal.CANCELLED)


def test_lists_are_scoped_and_filtered():
    market = market_of_contracts()
    first, second = subscribed(market), subscribed(market)
    Subscription.objects.filter(id=second.id).update(renewal=Renewal.NEVER)
    stranger = factories.member(factories.organization("buyer"), Role.PURCHASER)

    def listed(query: str = "", member=None) -> list[str]:
        return [row["id"] for row in read(market, f"subscriptions{query}", member=member).json()["results"]]

    assert listed() == listed(member=market.lister) == listed(member=market.auditor) == [str(second.id), str(first.id)]
    assert listed(member=stranger) == []
    assert listed(f"?order={first.order_id}") == [str(first.id)]
    assert listed(f"?product={market.offer.product_id}&state=running") == [str(second.id), str(first.id)]
    assert listed("?state=ended") == []
    assert read(market, "subscriptions?status=ended").status_code == 422


def test_lists_cost_the_same_for_any_number_of_rows(django_assert_num_queries):
    market = market_of_contracts()
    for count in (1, 5):
        while Subscription.objects.count() < count:
            subscribed(market, is_instalment=True, **RENEWED)
        with on("2027-02-01"):
            client = factories.api_client(market.purchaser)
            with django_assert_num_queries(2):
                assert len(client.get("/api/v1/subscriptions").json()["results"]) == count
            path = f"/api/v1/subscriptions/{Subscription.objects.first().id}"
            with django_assert_num_queries(3):
                client.get(path)
