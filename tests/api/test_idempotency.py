"""One act a key, while requests really overlap."""

import pytest
from django.db import connection, transaction

from market.ledger.models import Account
from market.ledger.states import AccountKind
from market.orders.models import Order
from tests import factories
from tests.concurrency.together import InBackground, blocked_backends
from tests.orders.trades import money, place, post, wish

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_key_in_flight_is_refused_at_once_and_answered_afterwards(wait_until):
    market = factories.market()
    client, body = factories.api_client(market.purchaser), wish(market)
    wallet = Account.objects.filter(organization=market.buyer, kind=AccountKind.WALLET)
    with transaction.atomic():
        wallet.select_for_update().get()
        first = InBackground(lambda: post(client, "orders", body, key="k"))
        wait_until(lambda: blocked_backends() == 1, "the first request to reach the wallet")
        second = post(client, "orders", body, key="k")
        assert (second.status_code, second.json()["code"]) == (409, "request_in_flight")
        other_body = post(client, "orders", wish(market), key="k")
        assert other_body.status_code == 409
    assert first.wait().status_code == 201
    third = post(client, "orders", body, key="k")
    assert (third.status_code, third.json(), third["Idempotency-Replayed"]) == (201, first.result.json(), "true")
    assert post(client, "orders", wish(market), key="k").json()["code"] == "idempotency_key_reused"
    assert Order.objects.count() == 1 and money(market) == (90_000, 10_000)


def test_a_key_whose_request_died_is_free(wait_until):
    market = factories.market()
    client, body = factories.api_client(market.purchaser), wish(market)
    with transaction.atomic():
        Account.objects.select_for_update().get(organization=market.buyer, kind=AccountKind.WALLET)
        first = InBackground(lambda: post(client, "orders", body, key="k"))
        wait_until(lambda: blocked_backends() == 1, "the first request to reach the wallet")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        assert isinstance(first.wait(), Exception)
    assert not Order.objects.exists()
    assert post(client, "orders", body, key="k").status_code == 201


def test_a_race_for_one_client_reference_has_one_order_and_a_pointer_to_it(wait_until):
    market = factories.market()
    client, body = factories.api_client(market.purchaser), wish(market)
    with transaction.atomic():
        Account.objects.select_for_update().get(organization=market.buyer, kind=AccountKind.WALLET)
        racers = [InBackground(lambda: post(client, "orders", body)) for _racer in range(2)]
        wait_until(lambda: blocked_backends() == 2, "both requests to wait")
    winner, loser = sorted((racer.wait() for racer in racers), key=lambda answer: answer.status_code)
    assert (winner.status_code, loser.status_code) == (201, 409)
    assert (loser.json()["code"], loser.json()["order"]) == ("client_reference_taken", winner.json()["id"])
    assert money(market) == (90_000, 10_000)


def test_a_reply_is_replayed_in_whatever_state_the_world_is_now():
    market = factories.market()
    client, order = factories.api_client(market.purchaser), place(market)
    first = post(client, f"orders/{order.id}/cancel", key="c")
    assert post(client, f"orders/{order.id}/cancel", key="c").json() == first.json()
    other = place(market)
    reused = post(client, f"orders/{other.id}/cancel", key="c")
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
