"""Metered use over HTTP: reported by the vendor, seen at once by the buyer."""

import pytest

from accounts.states import SCOPES_OF_ROLE, Role, Scope
from market.billing import services
from market.billing.models import Statement, UsageRecord
from market.kernel import clock
from tests import factories
from tests.billing.metering import at, back, meter_of, metered, report, use
from tests.orders.trades import buyer, delivered, money, post
from tests.tables import changed, fingerprint

pytestmark = pytest.mark.django_db
NOON = at(3, 8, 4)


@pytest.fixture(autouse=True)
def noon():
    """Tokens are younger than the contracts of 2027, and good for longer than a test."""
    with clock.frozen_at(NOON):
        yield


@pytest.fixture
def market():
    return factories.market()


@pytest.fixture
def order(market):
    return metered(market, free_units=10)


def send(client, order, *records):
    return client.post(f"/api/v1/orders/{order.id}/usage", {"records": list(records)}, format="json")


def test_reporting_answers_record_by_record_and_again_without_harm(market, order):
    vendor = factories.api_client(market.lister)
    first, second = use(100), use(20)
    answer = send(vendor, order, first, second, {"id": "x"})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["recorded"], body["duplicates"], body["refused"]) == (2, 0, 1)
    assert [result["drawn"] for result in body["results"]] == [90, 20, None]
    assert body["results"][0] == {"id": first["id"], "result": "recorded", "drawn": 90, "problem": None}
    assert (body["meter"]["units"], body["meter"]["left"], body["meter"]["acts"]) == (120, 9890, ["report"])
    again = send(vendor, order, second, first | {"units": 5}).json()
    assert [result["result"] for result in again["results"]] == ["duplicate", "refused"]
    problem = again["results"][1]["problem"]
    assert (problem["status"], problem["code"]) == (409, "usage_record_differs")
    assert [error["pointer"] for error in problem["errors"]] == ["/records/1/units"]
    assert UsageRecord.objects.count() == 2


def test_what_is_wrong_is_pointed_to_in_the_body(market, order):
    body = send(factories.api_client(market.lister), order, use(), {"id": "x", "units": 0, "colour": 1}).json()
    problem = body["results"][1]["problem"]
    assert (body["results"][1]["id"], problem["status"]) == ("x", 422)
    assert [error["pointer"] for error in problem["errors"]] == [
        "/records/1/colour",
        "/records/1/units",
        "/records/1/used_at",
    ]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/records"),
        ({"records": []}, "/records"),
        ({"records": "r"}, "/records"),
        ({"records": [{}] * 501}, "/records"),
        ({"records": [{}], "more": 1}, "/more"),
        ([], "/records"),
    ],
)
def test_a_body_that_is_no_report_changes_nothing(market, order, body, pointer):
    vendor = factories.api_client(market.lister)
    before = fingerprint()
    answer = vendor.post(f"/api/v1/orders/{order.id}/usage", body, format="json")
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer
    assert changed(before) == []


def test_a_refused_record_says_what_to_do(market, order):
    body = send(factories.api_client(market.lister), order, use(20_000)).json()
    problem = body["results"][0]["problem"]
    assert (problem["code"], problem["needed"], problem["left"]) == ("prepayment_used_up", 19_990, 10_000)
    assert "top-up" in problem["detail"] and body["meter"]["state"] == "stopped"


def test_the_scope_is_one_of_its_own(market, order):
    for scopes, status in [([Scope.ORDERS_READ], 403), ([Scope.USAGE_WRITE], 200)]:
        assert send(factories.api_client(market.lister, scopes), order, use()).status_code == status
    assert Scope.USAGE_WRITE not in SCOPES_OF_ROLE[Role.OPERATOR] | SCOPES_OF_ROLE[Role.PURCHASER]


def test_the_buyer_sees_use_at_once(market, order):
    report(market, order, use(100, at(3, 6, 4)), use(20))
    answer = factories.api_client(market.purchaser).get(f"/api/v1/orders/{order.id}/usage?used_from=2027-03-05")
    body = answer.json()
    assert answer.status_code == 200
    assert (body["units"], body["drawn"], body["left"], body["unit"]) == (120, 110, 9890, "call")
    assert body["series"] == {
        "labels": ["2027-03-05", "2027-03-06", "2027-03-07", "2027-03-08"],
        "units": [0, 100, 0, 20],
        "drawn": [0, 90, 0, 20],
    }
    assert body["days"][1] == {"day": "2027-03-06", "units": 100, "records": 1, "drawn": 90}
    assert [(line["reason"], line["quantity"]) for line in body["lines"]] == [("free_units", 10), ("use", 110)]
    assert body["months"] == [{"month": "2027-03", "units": 120, "amount": 110, "statement": None}]
    assert body["next_deadline"] == {"what": "statement", "at": "2027-03-31T16:00:00Z"}
    assert body["acts"] == ["top_up", "end"]


@pytest.mark.parametrize(
    "query",
    ["used_from=2027-03-09", "used_from=2020-01-01", "used_from=x", "since=2027-01-01", "used_until=2027-02-30"],
)
def test_an_odd_span_of_days_is_refused(market, order, query):
    answer = factories.api_client(market.purchaser).get(f"/api/v1/orders/{order.id}/usage?{query}")
    assert answer.status_code == 422


def test_records_come_in_pages_newest_first_in_as_many_queries(market, order, django_assert_num_queries):
    client = factories.api_client(market.purchaser)
    address = f"/api/v1/orders/{order.id}/usage/records"
    mistake = use(3, at(3, 7, 4))
    report(market, order, mistake, back(mistake), *(use() for _number in range(20)))
    for size in (2, 20):
        with django_assert_num_queries(3):
            page = client.get(f"{address}?page_size={size}").json()
        assert len(page["results"]) == size
    rest = client.get(page["next"]).json()["results"]
    assert [record["id"] for record in rest] == [f"back-{mistake['id']}", mistake["id"]]
    assert (rest[0]["reverses"], rest[1]["reversed_by"]) == (mistake["id"], f"back-{mistake['id']}")
    assert (rest[0]["units"], rest[0]["month"], rest[0]["currency"]) == (-3, "2027-03", "CNY")
    found = client.get(f"{address}?record={mistake['id']}&month=2027-03&used_until=2027-03-07").json()["results"]
    assert [record["id"] for record in found] == [mistake["id"]]
    assert client.get(f"{address}?month=2027-04").json()["results"] == []
    assert client.get(f"{address}?month=2027-3").status_code == 422


def test_statements_are_listed_and_say_how_they_come_about(market, order, django_assert_num_queries):
    report(market, order, use(100))
    other = metered(market)
    with clock.frozen_at(at(3, 31, 16)):
        services.close_due()
    client = factories.api_client(market.purchaser)
    for size in (1, 2):
        with django_assert_num_queries(2):
            assert len(client.get(f"/api/v1/statements?page_size={size}").json()["results"]) == size
    (listed,) = client.get(f"/api/v1/statements?order={order.id}&month=2027-03").json()["results"]
    statement = Statement.objects.get(order=order)
    assert (listed["id"], listed["amount"], listed["month"]) == (str(statement.id), 90, "2027-03")
    body = client.get(f"/api/v1/statements/{statement.id}").json()
    assert [(line["reason"], line["text"], line["quantity"]) for line in body["lines"]] == [
        ("free_units", "free units", 10),
        ("use", "use", 90),
    ]
    seen = client.get(f"/api/v1/orders/{order.id}/usage").json()["months"]
    assert [month["statement"] for month in seen] == [str(statement.id), None]
    assert other.statements.count() == 1


def test_topping_up_twice_under_one_key_pays_once(market, order):
    client = factories.api_client(market.purchaser)
    first = post(client, f"orders/{order.id}/meter/top-up", key="once")
    again = post(client, f"orders/{order.id}/meter/top-up", key="once")
    assert (first.status_code, again.status_code) == (200, 200) and again.json() == first.json()
    assert (first.json()["prepaid"], first.json()["top_ups"]) == (20_000, 1)
    assert money(market) == (80_000, 20_000)


def test_a_buyer_ends_it_alone_and_once(market, order):
    report(market, order, use(300))
    client = factories.api_client(market.purchaser)
    before = fingerprint()
    for stranger, status in [(market.lister, 403), (factories.market().purchaser, 404)]:
        assert post(factories.api_client(stranger), f"orders/{order.id}/meter/end").status_code == status
    assert meter_of(order).ends_at > NOON and "billing_meter" not in changed(before)
    first = post(client, f"orders/{order.id}/meter/end", key="once")
    assert (first.status_code, first.json()["ends_at"]) == (200, "2027-03-08T04:00:00Z")
    assert first.json()["next_deadline"] == {"what": "last_statement", "at": "2027-03-11T04:00:00Z"}
    assert "end" not in first.json()["acts"]
    assert post(client, f"orders/{order.id}/meter/end", key="once").json() == first.json()
    again = post(client, f"orders/{order.id}/meter/end", key="twice")
    assert (again.status_code, again.json()["code"]) == (409, "meter_ended")
    order.refresh_from_db()
    assert order.access_until == NOON
    with clock.frozen_at(at(3, 12)):
        assert services.close_due() == 1
    assert (meter_of(order).state, money(market)) == ("ended", (99_710, 290))


def test_topping_up_beyond_the_wallet_says_what_is_missing(market, order):
    rich = metered(market, 80_000)
    client = factories.api_client(market.purchaser)
    before = fingerprint()
    answer = post(client, f"orders/{rich.id}/meter/top-up")
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_funds")
    assert changed(before) == [] and meter_of(rich).top_ups == 0


def test_an_order_that_is_not_metered_says_so(market):
    plain = delivered(market)
    for client, call in [(market.purchaser, "get"), (market.lister, "post")]:
        http = factories.api_client(client)
        body = {"records": [use()]} if call == "post" else None
        answer = getattr(http, call)(f"/api/v1/orders/{plain.id}/usage", body, format="json")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_metered")
    with pytest.raises(Exception, match="Nothing is metered"):
        services.top_up_meter(actor=buyer(market), order_id=plain.id)


def test_the_orders_history_tells_of_its_meter(market, order):
    report(market, order, use(9_000), use(2_000))
    moments = factories.api_client(market.purchaser).get(f"/api/v1/orders/{order.id}/timeline").json()["results"]
    names = [moment["name"] for moment in moments]
    assert [name for name in names if name.startswith("meter.")] == ["meter.began", "meter.stopped", "meter.warned"]
    assert "usage.recorded" not in names, "thousands of reports would bury the rest"
