"""The people and the objects of the access matrix."""

import dataclasses
import itertools
import json
import uuid

from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from accounts.models import ApiToken
from accounts.states import Capacity, Role
from market.banking.models import PaymentIntent
from market.billing.models import Subscription
from market.catalog import services as catalog
from market.delivery.models import Entitlement
from market.documents.models import TaxDocument
from market.ledger.models import Account
from market.ledger.states import AccountKind
from market.negotiation.models import Quote
from market.orders import services as orders
from market.orders.models import Amendment
from market.orders.services.ground import Wish
from market.reports import services as reports
from market.settlement.models import Payout, SettlementBatch
from tests import factories, trades

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
BODIES = {
    "orders/bulk": {"atomic": True, "lines": [{}]},
    "orders/<uuid:order_id>/usage": {"records": [{"id": "matrix", "units": 1, "used_at": "2027-01-01T00:00:00Z"}]},
    "order-groups/<uuid:group_id>/accept": {"accept": [str(uuid.UUID(int=6))]},
    "orders/<uuid:order_id>/dispute": {"reason": "other", "text": "Not what we expected."},
    "orders/<uuid:order_id>/dispute/answer": {"text": "It is what was described."},
    "orders/<uuid:order_id>/dispute/decision": {"verdict": "accept", "grounds": "It is what was described."},
    "quotes/<uuid:quote_id>/accept": {"offer": str(uuid.UUID(int=7)), "quantity": 1, "client_reference": "matrix"},
    "quotes/<uuid:quote_id>/counter": {"message": "Cheaper?"},
}
"""Bodies that are well formed, so that what is refused is the act and not its form; elsewhere ``{}``."""

_keys = itertools.count(1)


def api_routes() -> dict[str, type]:
    """Every address under /api/v1/ and the view behind it."""
    found: dict[str, type] = {}

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> None:
        for pattern in patterns:
            address = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, address)
            elif address.startswith("api/v1/"):
                found[address.removeprefix("api/v1/")] = pattern.callback.cls

    walk(get_resolver().url_patterns, "")
    return found


@dataclasses.dataclass
class World:
    """One whole trade, and everybody who might look at it."""

    clients: dict[str, APIClient]
    objects: dict[str, uuid.UUID | str]

    def address(self, route: str) -> str:
        """The route with the trade's own objects in its parameters."""
        for name, key in self.objects.items():
            route = route.replace(f"<uuid:{name}>", str(key)).replace(f"<str:{name}>", str(key))
        assert "<" not in route, f"say which object {route} means, in tests/architecture/access.py"
        return f"/api/v1/{route}"

    def status(self, person: str, method: str, route: str) -> int:
        """What this person is answered, under a fresh idempotency key."""
        answer = self.clients[person].generic(
            method,
            self.address(route),
            json.dumps(BODIES.get(route, {})),
            content_type="application/json",
            headers={"Idempotency-Key": f"matrix-{next(_keys)}"},
        )
        return answer.status_code


def build_world() -> World:
    """A market with a settled order, a quote, an approval, a report, and the other side's own people."""
    market = factories.market()
    order = trades.whole_trade(market)
    other_buyer = factories.member(factories.organization(Capacity.BUYER), Role.PURCHASER)
    other_vendor = factories.member(factories.organization(Capacity.VENDOR), Role.LISTER)
    other_finance = factories.member(other_vendor.organization, Role.FINANCE)
    other_auditor = factories.member(factories.organization(Capacity.REGULATOR), Role.AUDITOR)
    guarded = factories.product(market.vendor, requires_purpose_approval=True)
    factories.offer(guarded)
    approval = catalog.request_purpose_approval(
        actor=factories.actor_of(market.purchaser), product_id=guarded.id, purpose="Research"
    )
    statement = trades.metered_month(market)
    factories.fund(market.buyer, market.offer.amount)
    group = orders.place_many(
        actor=factories.actor_of(market.purchaser),
        wishes=[Wish(market.offer.id, 1, "Research", "matrix-group")],
        is_atomic=True,
    )
    report = reports.request_report(actor=factories.actor_of(market.auditor), exporter="transactions", parameters={})
    clients = {
        "stranger": APIClient(),
        "buyer": factories.api_client(market.purchaser),
        "other buyer": factories.api_client(other_buyer),
        "lister": factories.api_client(market.lister),
        "other lister": factories.api_client(other_vendor),
        "vendor finance": factories.api_client(market.vendor_finance),
        "other finance": factories.api_client(other_finance),
        "auditor": factories.api_client(market.auditor),
        "other auditor": factories.api_client(other_auditor),
        "operator": factories.api_client(market.operator),
    }
    factories.api_client(market.purchaser)
    token = ApiToken.objects.filter(membership=market.purchaser).order_by("-id").first()
    return World(
        clients,
        {
            "invoice_id": TaxDocument.objects.get().invoice_id,
            "document_id": TaxDocument.objects.get().id,
            "account_id": Account.objects.get(organization=market.buyer, kind=AccountKind.WALLET).id,
            "amendment_id": Amendment.objects.get().id,
            "group_id": group.group_id,
            "limit_id": uuid.UUID(int=9),
            "order_id": order.id,
            "product_id": order.product_id,
            "vendor_id": market.vendor.id,
            "entitlement_id": Entitlement.objects.get(order=order).id,
            "batch_id": SettlementBatch.objects.get().id,
            "payment_id": PaymentIntent.objects.get().id,
            "provider": "no-such-provider",
            "payout_id": Payout.objects.get().id,
            "quote_id": Quote.objects.get().id,
            "approval_id": approval.id,
            "subscription_id": Subscription.objects.get().id,
            "report_id": report.id,
            "statement_id": statement.id,
            "token_id": token.id,
            "token": "no-such-link",
        },
    )
