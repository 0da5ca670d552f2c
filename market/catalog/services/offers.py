"""Offers: made and withdrawn, never edited."""

import datetime
import uuid
from collections.abc import Collection
from typing import Any, Unpack

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from accounts.states import Capacity
from market.audit.models import AuditEvent
from market.audit.services import event
from market.catalog.errors import OfferAnswersQuote
from market.catalog.locks import lock_own_product
from market.catalog.models import Offer
from market.catalog.services.prices import PriceTerms
from market.catalog.services.rules import Findings, check_offer, evidence_of_offer, require_open
from market.catalog.states import OFFER_MOVES, OfferState
from market.kernel.actors import Actor
from market.kernel.database import insert_together, move_state
from market.kernel.errors import InvalidInput, NotFound
from market.kernel.locks import lock_in_order


def create_offer(
    *,
    actor: Actor,
    product_id: uuid.UUID,
    price_model: str,
    licence: str,
    amount: int | None = None,
    acceptance_days: int = 7,
    buyer_org_id: uuid.UUID | None = None,
    valid_until: datetime.datetime | None = None,
    quote_id: uuid.UUID | None = None,
    **price: Unpack[PriceTerms],
) -> Offer:
    """An active offer of ``amount`` fen a unit; private when ``buyer_org_id`` names the only buyer who may see it.

    ``price`` is what else a subscription, metered use or a scale of prices consists of; a scale replaces ``amount``.
    ``valid_until`` ends it by itself; ``quote_id`` is set by the negotiation room alone.
    Raises ``Forbidden``, ``NotFound``, ``ProductNotOpen`` (in review or delisted), ``InvalidInput``.
    """
    with transaction.atomic():
        product = lock_own_product(actor, product_id)
        require_open(product)
        offer = Offer(
            product=product,
            vendor_org_id=product.vendor_org_id,
            price_model=price_model,
            amount=amount,
            licence=licence,
            acceptance_days=acceptance_days,
            buyer_org_id=buyer_org_id,
            valid_until=valid_until,
            quote_id=quote_id,
            **price,
        )
        findings = Findings()
        check_offer(offer, product.grade, findings)
        findings.raise_if_any()
        if buyer_org_id is not None:
            _require_buyer(buyer_org_id, product.vendor_org_id)
        insert_together(
            offer,
            offer_event("offer.created", actor, offer, evidence_of_offer(offer)),
        )
    return offer


def _require_buyer(buyer_org_id: uuid.UUID, vendor_org_id: uuid.UUID) -> None:
    buyers = Organization.objects.filter(id=buyer_org_id, capacities__contains=[Capacity.BUYER])
    if buyer_org_id == vendor_org_id or not buyers.exists():
        raise InvalidInput(errors={"/buyer_org": _("A private offer names a buyer other than the vendor.")})


def withdraw_offer(*, actor: Actor, offer_id: uuid.UUID) -> None:
    """End an offer: no new orders under it; orders placed go on.

    Raises ``NotFound``, ``IllegalTransition``, ``OfferAnswersQuote`` for an offer that ends with its quote.
    """
    with transaction.atomic():
        offer = Offer.objects.filter(id=offer_id).first()
        if offer is None:
            raise NotFound
        lock_own_product(actor, offer.product_id)
        if offer.quote_id is not None:
            raise OfferAnswersQuote(_("Withdraw it in the quote, where the buyer sees it."), quote=str(offer.quote_id))
        move_state(Offer.objects.filter(id=offer.id), OFFER_MOVES, OfferState.WITHDRAWN)
        insert_together(_withdrawn(actor, offer))


def end_quoted_offers(*, actor: Actor, quote_ids: Collection[uuid.UUID]) -> int:
    """End the active offers that answer these quotes; returns how many. Two statements, however many.

    Who may do that, the buyer who turns one down included, is the negotiation room's decision, made before.
    """
    active = Offer.objects.filter(quote_id__in=quote_ids, state=OfferState.ACTIVE)
    with transaction.atomic():
        offers = list(lock_in_order(active))
        if offers:
            Offer.objects.filter(id__in=[offer.id for offer in offers]).update(state=OfferState.WITHDRAWN)
            insert_together([_withdrawn(actor, offer) for offer in offers])
    return len(offers)


def _withdrawn(actor: Actor, offer: Offer) -> AuditEvent:
    kept = {"product_id": str(offer.product_id), "quote_id": str(offer.quote_id) if offer.quote_id else None}
    return offer_event("offer.withdrawn", actor, offer, kept)


def offer_event(name: str, actor: Actor, offer: Offer, payload: dict[str, Any]) -> AuditEvent:
    """An unsaved event about an offer, filed under its vendor and, if private, its buyer."""
    return event(
        name,
        actor=actor,
        subject=("offer", offer.id),
        on_behalf_of=offer.vendor_org_id,
        vendor_org_id=offer.vendor_org_id,
        buyer_org_id=offer.buyer_org_id,
        payload=payload,
    )
