"""Purposes that buyers ask for, decided by the people of a small market."""

from market.catalog import services
from market.catalog.models import Product, PurposeApproval
from tests import factories

PURPOSE = "Cold-chain planning for 2027."


def guarded_product(market: factories.Market, **fields) -> Product:
    """A listed product of the market's vendor that is sold for approved purposes only."""
    product = factories.product(market.vendor, **{"requires_purpose_approval": True} | fields)
    factories.revision(product)
    return product


def asked(market: factories.Market, product: Product, purpose: str = PURPOSE) -> PurposeApproval:
    buyer = factories.actor_of(market.purchaser)
    return services.request_purpose_approval(actor=buyer, product_id=product.id, purpose=purpose)


def vendor_says(market: factories.Market, approval: PurposeApproval, decision: str = "approved", reason: str = ""):
    return services.decide_as_vendor(
        actor=factories.actor_of(market.lister), approval_id=approval.id, decision=decision, reason=reason
    )


def exchange_says(market: factories.Market, approval: PurposeApproval, decision: str = "approved", reason: str = ""):
    return services.decide_as_operator(
        actor=factories.actor_of(market.operator), approval_id=approval.id, decision=decision, reason=reason
    )


def approved(market: factories.Market, product: Product, purpose: str = PURPOSE) -> PurposeApproval:
    """A purpose that both have approved."""
    approval = asked(market, product, purpose)
    vendor_says(market, approval)
    return exchange_says(market, approval)
