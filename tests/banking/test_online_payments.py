"""Online payments over HTTP: started by a buyer, told by the provider, and deposited exactly once."""

import datetime
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
import stripe
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import Organization
from accounts.states import OrganizationState
from market.audit.models import AuditEvent
from market.banking.models import BankLine, OnlinePayment, PaymentIntent
from market.banking.states import IntentState, LineState, OnlineDoubt, OnlineState
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import violated_constraint
from market.ledger import services as ledger
from market.ledger.models import Transfer
from market.ledger.selectors import accounts_visible_to
from market.ledger.states import AccountKind
from market.orders import services as orders
from market.outbox.models import Job
from market.settlement.services import reconcile
from tests import factories
from tests.banking.messages import Entry
from tests.banking.money import code_of, imported, wallet
from tests.billing.contracts import work
from tests.concurrency.guards import without_constraint
from tests.concurrency.together import InBackground, together
from tests.tables import changed, fingerprint

SECRET = "whsec_a_secret_of_the_test"
AMOUNT = 500_000
ADDRESS = "/api/v1/payments/notifications/stripe"


class Provider:
    """The only thing outside the machine: it answers over HTTP as Stripe does, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.is_down = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the name that http.server wants
                body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                key = self.headers["Idempotency-Key"]
                outer.asked.append({"path": self.path, "key": key} | body)
                answer = {"id": f"cs_{key}", "object": "checkout.session", "url": f"https://pay.example/{key}"}
                self.send_response(500 if outer.is_down else 200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps({"error": {}} if outer.is_down else answer).encode())

            def log_message(self, *arguments: Any) -> None:
                """Quietly."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def provider(settings) -> Iterator[Provider]:
    made = Provider()
    settings.PAYMENT_PROVIDERS = ["stripe"]
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = "sk_test_of_the_test", SECRET
    settings.STRIPE_API, settings.PAYMENT_RETURN_URL = made.address, "https://buyer.example/paid"
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def start(market, key: str = "k1", **body):
    client = factories.api_client(market.purchaser)
    return client.post("/api/v1/payments", {"amount": AMOUNT} | body, headers={"Idempotency-Key": key})


def started(market, key: str = "k1") -> PaymentIntent:
    answer = start(market, key)
    assert answer.status_code == 201, answer.content
    return PaymentIntent.objects.get(id=answer.json()["id"])


def event(reference: str, kind: str = "checkout.session.completed", **changes) -> dict[str, Any]:
    """A notification as Stripe writes it, as far as we read it."""
    session = {
        "id": "cs_1",
        "object": "checkout.session",
        "client_reference_id": reference,
        "amount_total": AMOUNT,
        "currency": "cny",
        "payment_status": "paid",
        "payment_intent": "pi_1",
    }
    whole = {"id": "evt_1", "object": "event", "type": kind, "livemode": False}
    for name, value in changes.items():
        (whole if name in ("livemode", "account") else session)[name] = value
    return whole | {"data": {"object": session}}


def tell(told: dict[str, Any] | bytes, *, secret: str = SECRET, age: int = 0, signature: str | None = None):
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    if signature is None:
        signature = stripe.WebhookSignature.generate_signature_header(
            body.decode(errors="replace"), secret, int(time.time()) - age
        )
    return Client().post(ADDRESS, body, content_type="application/json", headers={"Stripe-Signature": signature})


def take(told: dict[str, Any]) -> None:
    answer = tell(told)
    assert answer.status_code == 204, answer.content


def held() -> int:
    """What the provider holds for the exchange."""
    return -accounts_visible_to(SYSTEM).get(kind=AccountKind.PROVIDER).amount


@pytest.mark.django_db
class TestPaid:
    def test_started_paid_told_and_deposited_once(self, market, provider, client):
        before = wallet(market)
        answer = start(market)
        intent = PaymentIntent.objects.get()
        body = answer.json()
        assert answer.status_code == 201 and body["pay_url"] == f"https://pay.example/{intent.id}"
        assert (body["state"], body["amount"], body["reference"]) == ("open", AMOUNT, intent.reference)
        (asked,) = provider.asked
        assert (asked["path"], asked["key"]) == ("/v1/checkout/sessions", str(intent.id))
        assert (asked["client_reference_id"], asked["line_items[0][price_data][unit_amount]"]) == (
            [intent.reference], [str(AMOUNT)],
        )  # fmt: skip
        again = start(market)
        assert again.json() == body and again.headers["Idempotency-Replayed"] == "true"
        assert {each["key"] for each in provider.asked} == {str(intent.id)}
        assert wallet(market) == before and not Transfer.objects.filter(subject_type="onlinepayment").exists()

        take(event(intent.reference))
        counted = fingerprint()
        for repeated in (event(intent.reference), event(intent.reference, "checkout.session.async_payment_succeeded")):
            take(repeated)
        take(event(intent.reference, "checkout.session.expired"))
        take(event(intent.reference, amount_total=1))
        assert changed(counted) == []
        assert wallet(market) == before + AMOUNT and held() == AMOUNT
        payment = OnlinePayment.objects.get()
        assert (payment.state, payment.intent, payment.buyer_org) == (OnlineState.DEPOSITED, intent, market.buyer)
        transfer = Transfer.objects.get(subject_id=payment.id)
        assert (transfer.business_key, transfer.debit_account.kind) == ("deposit:stripe:pi_1", AccountKind.PROVIDER)
        assert Job.objects.filter(kind="ledger.deposited", key=str(transfer.id)).count() == 1
        names = set(AuditEvent.objects.values_list("name", flat=True))
        assert {"online_payment.started", "online_payment.received", "deposit.confirmed"} <= names
        api = factories.api_client(market.purchaser)
        shown = api.get(f"/api/v1/payments/{intent.id}").json()
        assert shown["state"] == "paid" and shown["paid_at"]
        assert api.get("/api/v1/payments?state=paid").json()["results"] == [shown]
        assert start(market).json()["pay_url"] == ""
        assert reconcile().is_clean
        for member, site in ((market.operator, "operator"), (market.auditor, "auditor")):
            client.force_login(member.user)
            for model, row in (("paymentintent", intent), ("onlinepayment", payment)):
                page = client.get(reverse(f"{site}:banking_{model}_changelist")).content.decode()
                assert str(row) in page and "5,000.00" in page
                assert client.get(reverse(f"{site}:banking_{model}_change", args=[row.id])).status_code == 200

    def test_an_order_that_waits_for_the_money_goes_on(self, market, provider):
        factories.offer(market.offer.product, AMOUNT)
        offer = factories.offer(market.offer.product, wallet(market) + AMOUNT)
        order = orders.place(
            actor=factories.actor_of(market.purchaser), offer_id=offer.id, quantity=1, purpose="Research",
            client_reference="PO-1", also_insert=None, wait_for_funds=True,
        )  # fmt: skip
        assert order.state == "awaiting_funds"
        take(event(started(market).reference))
        work()
        order.refresh_from_db()
        assert order.state != "awaiting_funds" and wallet(market) == 0

    def test_in_whatever_order_it_is_told(self, market, provider):
        """Ended before it was paid, and paid by a method that takes days."""
        before, intent = wallet(market), started(market)
        take(event(intent.reference, payment_status="unpaid"))
        take(event(intent.reference, "checkout.session.expired"))
        intent.refresh_from_db()
        assert (intent.state, wallet(market)) == (IntentState.ENDED, before)
        take(event(intent.reference, "checkout.session.async_payment_succeeded"))
        intent.refresh_from_db()
        assert (intent.state, wallet(market)) == (IntentState.PAID, before + AMOUNT)

    def test_begun_in_time_and_told_too_late(self, market, provider):
        """After its time a payment cannot be begun any more; one that was on its way is the buyer's money."""
        before = wallet(market)
        with clock.frozen_at(clock.now() - datetime.timedelta(hours=2)):
            intent = started(market)
        assert start(market).json()["pay_url"] == ""
        take(event(intent.reference))
        intent.refresh_from_db()
        assert (intent.state, wallet(market)) == (IntentState.PAID, before + AMOUNT)

    def test_the_provider_pays_over_what_it_holds_less_its_fees(self, market, provider, client):
        take(event(started(market).reference))
        imported([Entry(AMOUNT - 1_500, "STRIPE PAYOUT")])
        line = BankLine.objects.get()
        client.force_login(market.operator.user)
        address = reverse("operator:banking_bankline_act", args=[line.id, "provider"])
        before = fingerprint()
        page = client.post(address, {"fees": "15.01", "reason": "By Stripe's report."}).content.decode()
        assert "holds 5000.00" in page and changed(before) == []
        assert client.post(address, {"fees": "15", "reason": "By Stripe's report."}).status_code == 302
        line.refresh_from_db()
        kept = accounts_visible_to(SYSTEM).get(kind=AccountKind.PROVIDER_FEES).amount
        assert (line.state, held(), kept) == (LineState.PROVIDER, 0, -1_500)
        assert reconcile().is_clean


@pytest.mark.django_db
class TestDoubt:
    def test_what_is_not_an_open_intents_to_the_fen_waits(self, market, provider, client):
        intent, before = started(market), wallet(market)
        other = started(market, "k2")
        unknown = f"{intent.reference[:-1]}{'A' if intent.reference[-1] != 'A' else 'B'}"
        take(event(intent.reference, payment_intent="pi_less", amount_total=AMOUNT - 1))
        take(event(intent.reference, payment_intent="pi_dollars", currency="usd"))
        take(event(unknown, payment_intent="pi_unknown"))
        ledger.deposit(
            actor=SYSTEM, organization=market.buyer, bank=accounts_visible_to(SYSTEM).get(kind=AccountKind.BANK),
            amount=AMOUNT, reference="stripe:pi_by_hand",
        )  # fmt: skip
        take(event(intent.reference, payment_intent="pi_by_hand"))
        take(event(intent.reference))
        take(event(intent.reference, payment_intent="pi_twice"))
        Organization.objects.filter(id=market.buyer.id).update(state=OrganizationState.CLOSED)
        take(event(other.reference, payment_intent="pi_closed"))
        Organization.objects.filter(id=market.buyer.id).update(state=OrganizationState.VERIFIED)
        told = dict(OnlinePayment.objects.values_list("transaction_id", "doubt"))
        assert told == {
            "pi_less": OnlineDoubt.AMOUNT,
            "pi_dollars": OnlineDoubt.AMOUNT,
            "pi_unknown": OnlineDoubt.UNKNOWN,
            "pi_by_hand": OnlineDoubt.ALREADY_POSTED,
            "pi_1": "",
            "pi_twice": OnlineDoubt.PAID_BEFORE,
            "pi_closed": OnlineDoubt.CLOSED,
        }
        assert wallet(market) == before + 2 * AMOUNT and reconcile().is_clean
        counted = fingerprint()
        take(event("PO-77 of another shop", payment_intent="pi_foreign"))
        take({"type": "invoice.paid", "livemode": True})
        assert changed(counted) == []

        client.force_login(market.operator.user)

        def act(number: str, name: str, **answers):
            key = OnlinePayment.objects.get(transaction_id=number).id
            address = reverse("operator:banking_onlinepayment_act", args=[key, name])
            return client.post(address, {"reason": "The buyer has told us.", **answers})

        assert act("pi_less", "assign", code=code_of(market)).status_code == 302
        assert wallet(market) == before + 3 * AMOUNT - 1
        assert act("pi_unknown", "aside").status_code == 302
        counted = fingerprint()
        assert "another currency" in act("pi_dollars", "assign", code=code_of(market)).content.decode()
        assert "No buyer has" in act("pi_twice", "assign", code="QSK7MP3XQ4H").content.decode()
        assert act("pi_by_hand", "assign", code=code_of(market)).status_code == 200
        assert act("pi_less", "aside").status_code == 404
        client.force_login(market.auditor.user)
        assert client.get(reverse("auditor:banking_onlinepayment_changelist")).status_code == 200
        assert changed(counted) in ([], ["accounts_user"]) and reconcile().is_clean

    def test_what_is_not_genuine_is_refused(self, market, provider):
        reference = started(market).reference
        good = event(reference)
        signed = stripe.WebhookSignature.generate_signature_header(json.dumps(good), SECRET)
        before = fingerprint()
        refused = [
            tell(good, secret="whsec_another"),
            tell(good, age=400),
            tell(good, signature=""),
            tell(good, signature="t=1,v1=é"),
            tell(good, signature="nonsense"),
            tell(event(reference, amount_total=AMOUNT + 1), signature=signed),
            tell(event(reference, livemode=True)),
            tell(event(reference, account="acct_of_somebody_else")),
            tell(event(reference, amount_total="500000")),
            tell(event(reference, amount_total=True)),
            tell(event(reference, payment_intent=None)),
            tell(event(reference, payment_intent="p" * 49)),
            tell(b"\xff\xfe"),
            tell(b"[]"),
            tell(b'{"type": "checkout.session.completed"}'),
            tell(b"{"),
            tell(b""),
        ]
        assert [answer.status_code for answer in refused] == [400] * len(refused)
        assert {answer.json()["code"] for answer in refused} == {"notification_not_genuine"}
        assert tell(b"x" * (1 << 20) + b"y").status_code == 413
        assert changed(before) == []

    def test_who_may_not_start_one_and_what_is_not_offered(self, market, provider, settings):
        before = fingerprint()
        key = {"Idempotency-Key": "k"}
        for member in (market.vendor_finance, market.lister, market.auditor, market.operator):
            answer = factories.api_client(member).post("/api/v1/payments", {"amount": AMOUNT}, headers=key)
            assert answer.status_code == 403
        for body in ({"amount": 0}, {"amount": "5"}, {"amount": 1.5}, {"amount": 10**18}, {"amount": -1}):
            assert start(market, **body).status_code == 422
        assert start(market, provider="alipay").status_code == 404
        settings.PAYMENT_PROVIDERS = []
        answer = start(market)
        assert (answer.status_code, answer.json()["code"]) == (404, "no_payment_provider")
        assert tell(event("QSP")).status_code == 404
        assert set(changed(before)) <= {"accounts_apitoken", "audit_auditevent"} and provider.asked == []

    def test_while_the_provider_is_down_the_same_request_is_repeated(self, market, provider):
        provider.is_down = True
        answer = start(market)
        assert (answer.status_code, answer.json()["code"]) == (503, "payment_provider_unavailable")
        provider.is_down = False
        assert start(market).json()["pay_url"] == f"https://pay.example/{PaymentIntent.objects.get().id}"

    def test_its_deposit_can_be_reversed_by_two_people(self, market, provider):
        before = wallet(market)
        take(event(started(market).reference))
        posted = Transfer.objects.get(subject_type="onlinepayment")
        operator = factories.actor_of(market.operator)
        correction = ledger.propose_reversal(actor=operator, transfer_id=posted.id, reason="Charged back.")
        colleague = factories.member(market.operator.organization, "finance")
        ledger.approve_correction(actor=factories.actor_of(colleague), correction_id=correction.id)
        assert (wallet(market), held()) == (before, 0)
        assert reconcile().is_clean

    def test_another_buyer_sees_nothing_of_it(self, market, provider):
        intent = started(market)
        other = factories.api_client(factories.member(factories.organization("buyer"), "purchaser"))
        assert other.get(f"/api/v1/payments/{intent.id}").status_code == 404
        assert other.get("/api/v1/payments").json()["results"] == []

    def test_the_database_refuses(self, market, provider):
        take(event(started(market).reference))
        take(event(started(market, "k2").reference, payment_intent="pi_2", amount_total=1))
        refused = {
            "UPDATE banking_onlinepayment SET amount = 1": "banking_onlinepayment_is_immutable",
            "UPDATE banking_onlinepayment SET state = 'set_aside', decided_at = now(), reason = 'x', amount = 2"
            " WHERE state = 'waiting'": "banking_onlinepayment_is_immutable",
            "DELETE FROM banking_onlinepayment": "banking_onlinepayment_is_immutable",
            "UPDATE banking_paymentintent SET amount = 1": "banking_paymentintent_is_immutable",
            "UPDATE banking_paymentintent SET state = 'open', paid_at = NULL WHERE state = 'paid'": None,
            "INSERT INTO banking_onlinepayment SELECT (jsonb_populate_record(payment, jsonb_build_object("
            "'id', gen_random_uuid()))).* FROM banking_onlinepayment AS payment": "online_payment_once",
            "INSERT INTO banking_onlinepayment SELECT (jsonb_populate_record(payment, jsonb_build_object("
            "'id', gen_random_uuid(), 'transaction_id', 'pi_9'))).* FROM banking_onlinepayment AS payment"
            " WHERE state = 'deposited'": "online_payment_pays_its_intent_once",
        }
        for sql, constraint in refused.items():
            with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(sql)
            assert constraint is None or violated_constraint(error.value) == constraint, sql


@pytest.mark.django_db(transaction=True)
def test_the_same_notification_at_once_is_one_deposit(market, provider):
    """Without a row to wait at, the provider's number alone keeps it single; first without that guard."""
    before = wallet(market)
    unknown = event("QSP20261123AAAAAAAAAAAAA", payment_intent="pi_unknown")
    drop = "DELETE FROM banking_onlinepayment"
    with without_constraint("banking_onlinepayment", "online_payment_once", _disarmed(drop)):
        with transaction.atomic():
            take(unknown)
            assert InBackground(lambda: take(unknown)).wait() is None
        assert OnlinePayment.objects.count() == 2
    results = together([lambda: take(unknown)] * 6)
    assert results == [None] * 6 and OnlinePayment.objects.count() == 1
    intent = started(market)
    paid, expired = event(intent.reference), event(intent.reference, "checkout.session.expired")
    results = together([lambda: take(paid), lambda: take(expired)] * 3)
    intent.refresh_from_db()
    assert results == [None] * 6 and intent.state == IntentState.PAID
    assert wallet(market) == before + AMOUNT and reconcile().is_clean


def _disarmed(sql: str) -> str:
    table = "ALTER TABLE banking_onlinepayment"
    return f"{table} DISABLE TRIGGER USER; {sql}; {table} ENABLE TRIGGER USER"
