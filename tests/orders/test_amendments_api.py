"""Changes of contracts over HTTP, in the workspaces, and in the contract's own words."""

import json
import re
import uuid
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from market.kernel import clock
from market.orders import services
from market.orders.models import Amendment, Order
from market.orders.states import AMENDABLE, OrderState
from tests import factories
from tests.orders.test_amendments import MORNING, NEW, confirmed, on, proposed, running, vendor
from tests.orders.test_contracts import text_of, words_of
from tests.orders.trades import buyer, place, post

pytestmark = pytest.mark.django_db


def test_a_buyer_proposes_and_withdraws():
    market = factories.market()
    order = place(market)
    client = factories.api_client(market.purchaser)
    made = post(client, f"orders/{order.id}/amendments", NEW | {"message": "Our subsidiaries need it too."})
    assert made.status_code == 201, made.json()
    shown = made.json()
    assert made["Location"] == f"/api/v1/amendments/{shown['id']}"
    assert {name: shown[name] for name in NEW} == NEW
    assert (shown["state"], shown["proposed_by"], shown["acts"]) == ("proposed", "buyer", ["withdraw"])
    assert (shown["base_version"], shown["version"], shown["ends_on"]) == (1, None, None)
    detail = client.get(f"/api/v1/orders/{order.id}").json()
    assert detail["next_deadline"] == {"what": "amendment", "at": shown["due_at"]}
    assert "amend" not in detail["acts"]
    seen = factories.api_client(market.lister).get(f"/api/v1/amendments/{shown['id']}").json()
    assert seen["acts"] == ["confirm", "decline"]
    done = post(client, f"amendments/{shown['id']}/withdraw", {"message": "Not needed."})
    assert (done.status_code, done.json()["state"], done.json()["answer"]) == (200, "withdrawn", "Not needed.")
    detail = client.get(f"/api/v1/orders/{order.id}").json()
    assert detail["next_deadline"] is None and "amend" in detail["acts"]


@pytest.mark.parametrize(("act", "state"), [("confirm", "confirmed"), ("decline", "declined")])
def test_a_buyer_answers_the_vendor(act, state):
    market = factories.market()
    order = place(market)
    amendment = proposed(market, order, vendor(market), licence="Wider.")
    client = factories.api_client(market.purchaser)
    key = str(uuid.uuid4())
    answers = [post(client, f"amendments/{amendment.id}/{act}", key=key) for _time in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json() and answers[1]["Idempotency-Replayed"] == "true"
    assert answers[0].json()["state"] == state
    assert answers[0].json()["version"] == (2 if act == "confirm" else None)
    again = post(client, f"amendments/{amendment.id}/{act}")
    assert (again.status_code, again.json()["code"]) == (409, "illegal_transition")
    assert again.json()["state"] == state and again.json()["legal_moves"] == []


def test_refusals_say_what_to_do():
    market = factories.market()
    order = place(market)
    client = factories.api_client(market.purchaser)
    path = f"orders/{order.id}/amendments"
    empty = post(client, path)
    assert (empty.status_code, empty.json()["code"]) == (422, "invalid_input")
    early = post(client, path, {"ends_on": "2027-03-01"})
    assert (early.status_code, early.json()["code"], early.json()["state"]) == (409, "not_amendable", "paid")
    assert [fault["pointer"] for fault in early.json()["errors"]] == ["/ends_on"]
    wrong = post(client, path, {"acceptance_days": 91, "price": 1})
    assert wrong.status_code == 422
    assert {fault["pointer"] for fault in wrong.json()["errors"]} == {"/acceptance_days", "/price"}
    first = post(client, path, {"purpose": "Other."}).json()
    second = post(client, path, {"purpose": "Another."})
    assert (second.status_code, second.json()["code"]) == (409, "amendment_open")
    assert second.json()["amendment"] == first["id"]
    own = post(client, f"amendments/{first['id']}/confirm")
    assert (own.status_code, own.json()["detail"]) == (403, "The other side confirms it.")


def test_versions_and_what_changed_between_them():
    market = factories.market()
    order = place(market)
    amendment = confirmed(market, order, **NEW)
    client = factories.api_client(market.purchaser)
    one, two = client.get(f"/api/v1/orders/{order.id}/terms/versions").json()["results"]
    assert (one["version"], one["amendment"], one["changes"]) == (1, None, [])
    assert (two["version"], two["amendment"]) == (2, str(amendment.id))
    assert two["changes"][2] == {"what": "acceptance_days", "before": 7, "after": 21}
    for version in (one, two):
        terms = client.get(f"/api/v1/orders/{order.id}/terms?version={version['version']}").json()
        assert terms["sha256"] == version["sha256"]
    assert client.get(f"/api/v1/orders/{order.id}/terms").json()["version"] == 2
    assert client.get(f"/api/v1/orders/{order.id}").json()["terms_sha256"] == two["sha256"]


def test_a_later_version_in_words():
    market = factories.market()
    with on(1, 17):
        order = running(market)
        confirmed(market, order, licence=NEW["licence"])
    with on(2, 20):
        confirmed(market, order, ends_on=MORNING.date().replace(month=3, day=3))
    client = factories.api_client(market.purchaser)

    def page(query: str) -> str:
        return words_of(client.get(f"/api/v1/orders/{order.id}/contract.html?{query}").content.decode())

    newest = page("language=en")
    assert "version3" in newest and "EarlyendnoneMarch3,2027" in newest
    assert "CNY150.00ofthepricefallonthedaysgivenup" in newest
    assert "Bysubsidiaries" not in newest.split("Clause")[1].split("Parties")[0] and "Andbysubsidiaries." in newest
    second = page("language=en&version=2")
    assert "LicenceInternaluse.Internaluse.Andbysubsidiaries." in second and "Earlyend" not in second
    assert "Whatthisversionchanges" not in page("language=en&version=1")
    assert "本版变更内容" in page("language=zh-hans")
    file = client.get(f"/api/v1/orders/{order.id}/contract.pdf?language=zh-hans")
    assert "CNY150.00（人民币壹佰伍拾元整）" in text_of(file.content)


def test_the_timeline_tells_every_step():
    market = factories.market()
    order = place(market)
    confirmed(market, order)
    amendment = proposed(market, order, vendor(market), licence="Wider.")
    services.decline_amendment(actor=buyer(market), amendment_id=amendment.id)
    found = factories.api_client(market.purchaser).get(f"/api/v1/orders/{order.id}/timeline").json()["results"]
    told = [(moment["name"], moment["party"]) for moment in found if "amend" in moment["name"]]
    assert told == [
        ("order.amendment_proposed", "buyer"),
        ("order.amended", "vendor"),
        ("order.amendment_proposed", "vendor"),
        ("order.amendment_declined", "buyer"),
    ]


def test_a_page_of_amendments_costs_the_same_whatever_its_size():
    market = factories.market(funds=1_000_000)
    client = factories.api_client(market.purchaser)
    for _number in range(5):
        proposed(market, place(market))
    counts = []
    for size in (1, 5):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = client.get(f"/api/v1/amendments?state=proposed&page_size={size}")
        assert len(answer.json()["results"]) == size
        counts.append(len(queries))
    assert counts[0] == counts[1]
    order = Order.objects.order_by("id").first()
    assert len(client.get(f"/api/v1/amendments?order={order.id}").json()["results"]) == 1
    assert client.get("/api/v1/amendments?state=confirmed").json()["results"] == []


def signed_in(member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def test_a_vendor_proposes_from_the_order_s_page():
    market = factories.market()
    order = place(market)
    client = signed_in(market.lister)
    act = f"/vendor/orders/order/{order.id}/acts/amend/"
    assert act in client.get(f"/vendor/orders/order/{order.id}/change/").content.decode()
    form = client.get(act).content.decode()
    assert "Cold-chain planning." in form and "Internal use." in form and 'type="date"' in form
    as_it_is = {"purpose": "Cold-chain planning.", "licence": "Internal use.", "acceptance_days": "7", "ends_on": ""}
    nothing = client.post(act, as_it_is | {"message": ""})
    assert nothing.status_code == 200 and "all this already" in nothing.content.decode()
    wrong = client.post(act, as_it_is | {"ends_on": "2030-01-01"})
    assert wrong.status_code == 200 and "Before acceptance" in wrong.content.decode()
    done = client.post(act, as_it_is | {"licence": "Wider.", "message": "As you asked."})
    amendment = Amendment.objects.get()
    assert done.status_code == 302 and done.url == f"/vendor/orders/amendment/{amendment.id}/change/"
    assert (amendment.side, amendment.changes()) == ("vendor", {"licence": "Wider."})
    page = client.get(done.url).content.decode()
    assert "(&#x27;" not in page
    assert "/acts/withdraw/" in page and "/acts/confirm/" not in page and "Internal use." in page
    assert client.post(f"/vendor/orders/amendment/{amendment.id}/acts/withdraw/", {"message": ""}).status_code == 302
    amendment.refresh_from_db()
    assert amendment.state == "withdrawn"


@pytest.mark.parametrize(("act", "state"), [("confirm", "confirmed"), ("decline", "declined")])
def test_a_vendor_answers_in_its_workspace(act, state):
    market = factories.market()
    order = place(market)
    amendment = proposed(market, order, **NEW)
    client = signed_in(market.lister)
    base = f"/vendor/orders/amendment/{amendment.id}"
    assert f"{base}/acts/{act}/" in client.get(f"{base}/change/").content.decode()
    assert client.post(f"{base}/acts/{act}/", {"message": "Well."}).status_code == 302
    amendment.refresh_from_db()
    assert amendment.state == state
    for site, member in (("admin", market.operator), ("auditor", market.auditor), ("vendor", market.vendor_finance)):
        watcher = signed_in(member)
        page = watcher.get(f"/{site}/orders/amendment/{amendment.id}/change/").content.decode()
        assert NEW["purpose"] in page and "/acts/" not in page
        assert ("/contract.pdf" in page) == (act == "confirm")
        assert str(amendment.id) in watcher.get(f"/{site}/orders/order/{order.id}/change/").content.decode()


def test_the_first_page_says_how_many_wait():
    market = factories.market()
    client = signed_in(market.lister)
    proposed(market, place(market))
    proposed(market, place(market), vendor(market), licence="Wider.")
    page = client.get("/vendor/").content.decode()
    place_of_it = page.index("Changes of contracts to answer")
    assert re.search(r">\s*1\s*<", page[place_of_it - 600 : place_of_it + 600])
    (address,) = re.findall(r'href="(/vendor/orders/amendment/\?state[^"]*)"', page)
    assert client.get(address.replace("&amp;", "&")).content.decode().count("/vendor/orders/amendment/01") == 1


DOCUMENT = (Path(settings.BASE_DIR) / "docs" / "contracts.md").read_text()


def test_the_document_tells_what_can_be_changed_when():
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", DOCUMENT, re.MULTILINE)
    told = {name: set(re.findall(r"`(\w+)`", cells)) for name, cells in rows if name in AMENDABLE}
    assert told == {name: {str(state) for state in states} for name, states in AMENDABLE.items()}
    assert set(AMENDABLE["purpose"]) <= set(OrderState)


def test_the_document_s_example_of_an_early_end():
    (text,) = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)
    example = json.loads(text)
    market = factories.market(funds=1_000_000)
    offer = factories.offer(
        market.offer.product, example["amount"], price_model="subscription", months=example["months"]
    )
    day = clock.datetime.date.fromisoformat
    with clock.frozen_at(clock.business_midnight(day(example["accepted_on"]))):
        order = place(market, offer_id=offer.id)
        services.mark_delivering(order_id=order.id)
        services.mark_delivered(order_id=order.id)
        services.accept(actor=buyer(market), order_id=order.id)
        amendment = proposed(market, order, ends_on=day(example["ends_on"]))
    assert amendment.unused_amount == example["unused_amount"]
