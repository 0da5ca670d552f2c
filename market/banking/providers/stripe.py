"""Stripe Checkout by Stripe's official library: buyers pay with Alipay, WeChat Pay or a card, on Stripe's page.

https://docs.stripe.com/payments/checkout/fulfillment says which events mean that money is there,
https://docs.stripe.com/webhooks/signature how they are signed: HMAC-SHA-256 over time and body, with the secret that
the endpoint has.
"""

from collections.abc import Mapping
from typing import Any

import stripe
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from market.api.parsers import parse_json
from market.banking.errors import NotGenuine, ProviderUnavailable
from market.banking.providers.base import Said, Told, Wanted

TOLERANCE = 300
"""Seconds that a notification may be old: one that was recorded cannot be sent again later."""
TIMEOUT = 20
"""Seconds to wait for an answer."""
MAX_ID = 48

PAID = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
ENDED = ("checkout.session.expired", "checkout.session.async_payment_failed")


class StripeCheckout:
    """A ``PaymentProvider``: ``STRIPE_SECRET_KEY`` asks for payments, ``STRIPE_WEBHOOK_SECRET`` checks what is told."""

    name = "stripe"

    def __init__(self) -> None:
        for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "PAYMENT_RETURN_URL"):
            if not getattr(settings, name):
                raise ImproperlyConfigured(f"PAYMENT_PROVIDERS names stripe: set {name}.")

    def checkout(self, wanted: Wanted) -> str:
        """A Checkout Session; the intent's key is Stripe's idempotency key, so asking again finds the same one.

        Whatever is asked depends on the intent alone: Stripe refuses a key under which something else was asked.
        """
        client = stripe.StripeClient(
            settings.STRIPE_SECRET_KEY,
            base_addresses={"api": settings.STRIPE_API},
            http_client=stripe.RequestsClient(timeout=TIMEOUT),
            max_network_retries=1,
        )
        line = {
            "quantity": 1,
            "price_data": {
                "currency": wanted.currency.lower(),
                "unit_amount": wanted.amount,
                "product_data": {"name": wanted.reference},
            },
        }
        try:
            session = client.v1.checkout.sessions.create(
                params={
                    "mode": "payment",
                    "client_reference_id": wanted.reference,
                    "line_items": [line],
                    "expires_at": int(wanted.expires_at.timestamp()),
                    "success_url": settings.PAYMENT_RETURN_URL,
                    "cancel_url": settings.PAYMENT_RETURN_URL,
                },
                options={"idempotency_key": str(wanted.key)},
            )
        except stripe.StripeError as error:
            raise ProviderUnavailable(_("Repeat the request with the same key in a minute.")) from error
        return session.url or ""

    def read(self, body: bytes, headers: Mapping[str, str]) -> Told:
        """An event about a Checkout Session; every other event is ``Said.OTHER``."""
        try:
            stripe.WebhookSignature.verify_header(
                body, headers.get("Stripe-Signature", ""), settings.STRIPE_WEBHOOK_SECRET, TOLERANCE
            )
            event = parse_json(body)
            return self._told(event)
        except stripe.SignatureVerificationError as error:
            raise NotGenuine(_("The signature is wrong, or the notification is old.")) from error
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise NotGenuine(_("The notification cannot be read.")) from error

    @staticmethod
    def _told(event: Mapping[str, Any]) -> Told:
        if event["type"] not in (*PAID, *ENDED):
            return Told(Said.OTHER)
        # Of a connected account (``account``), or of the test mode while we work in the real one, or the reverse.
        if event.get("account") or event["livemode"] is not ("_live_" in settings.STRIPE_SECRET_KEY):
            raise NotGenuine(_("The notification is about another account."))
        session = event["data"]["object"]
        reference = str(session["client_reference_id"] or "")
        if event["type"] in ENDED:
            return Told(Said.ENDED, reference)
        if session["payment_status"] != "paid":  # by a method that takes days: another event will say how it ended
            return Told(Said.OTHER)
        transaction_id, amount = session["payment_intent"], session["amount_total"]
        if type(amount) is not int or type(transaction_id) is not str or not 0 < len(transaction_id) <= MAX_ID:
            raise ValueError("the payment has no number or no amount")
        return Told(Said.PAID, reference, transaction_id, amount, session["currency"].upper()[:8])
