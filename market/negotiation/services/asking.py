"""The buyer's words: asking for a quote, and answering what the vendor said."""

import uuid

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.errors import OrganizationNotTrading
from accounts.selectors import organization
from accounts.states import Capacity, OrganizationState
from market.catalog.models import Product
from market.catalog.selectors import products_visible_to
from market.catalog.services import end_quoted_offers
from market.catalog.states import ProductState
from market.catalog.validators import clean_text
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.errors import Forbidden, NotFound
from market.kernel.identifiers import short_code, uuid7
from market.negotiation.errors import OwnProduct
from market.negotiation.models import Quote
from market.negotiation.services.steps import AlsoInsert, advance, begin, cleaned, keep, time_to_answer
from market.negotiation.states import QuoteAct, Side
from market.orders.selectors import BUYING_ROLES
from market.orders.services.placing import MAX_PURPOSE


def ask(
    *,
    actor: Actor,
    product_id: uuid.UUID,
    purpose: str,
    message: str = "",
    volume: int | None = None,
    also_insert: AlsoInsert = None,
) -> Quote:
    """Ask a product's vendor for terms of one's own: what for, how many units, and what is wished.

    The vendor has ``QUOTE_ANSWER_DAYS`` to answer. Raises ``InvalidInput``, ``Forbidden``, ``NotFound`` for what is
    not listed, ``OwnProduct`` or ``OrganizationNotTrading``.
    """
    actor.require_role(*BUYING_ROLES)
    actor.require_capacity(Capacity.BUYER)
    if actor.organization_id is None or actor.user_id is None:
        raise Forbidden(_("A quote is asked for by a person for an organisation."))
    message, findings = cleaned(message=message, volume=volume)
    with findings.at("/purpose"):
        purpose = clean_text(purpose, most=MAX_PURPOSE)
        if not purpose:
            raise ValidationError(_("Say what the data is for."))
    findings.raise_if_any()
    product = _product_for_sale(actor, product_id)
    buyer = organization(actor.organization_id)
    if buyer.state != OrganizationState.VERIFIED:
        raise OrganizationNotTrading(_("Ask the operator to verify your organisation first."))
    quote_id, now = uuid7(), clock.now()
    quote = Quote(
        id=quote_id,
        number=f"QT{clock.business_date(now):%Y%m%d}-{short_code(quote_id)}",
        buyer_org=buyer,
        vendor_org=product.vendor_org,
        product=product,
        purpose=purpose,
        volume=volume,
        due_at=time_to_answer(),
        asked_at=now,
        last_round_at=now,
    )
    with transaction.atomic():
        keep(actor, quote, QuoteAct.ASK, quote, message=message, volume=volume, also_insert=also_insert)
    return quote


def _product_for_sale(actor: Actor, product_id: uuid.UUID) -> Product:
    product = products_visible_to(actor).filter(id=product_id).first()
    if product is None:
        raise NotFound
    if product.vendor_org_id == actor.organization_id:
        raise OwnProduct
    if product.state != ProductState.LISTED:
        raise NotFound
    return product


def counter(
    *, actor: Actor, quote_id: uuid.UUID, message: str, volume: int | None = None, also_insert: AlsoInsert = None
) -> Quote:
    """The buyer answers the vendor's offer or question. An offer is thereby turned down: it ends at once.

    ``volume`` changes how many units are wanted; None leaves it. Raises ``InvalidInput``, ``IllegalTransition``,
    ``QuoteRunOut``, ``TooManyRounds``, ``Forbidden``, ``NotFound``.
    """
    message, findings = cleaned(message=message, must_say=True, volume=volume)
    findings.raise_if_any()
    with transaction.atomic():
        quote = begin(actor, quote_id, QuoteAct.COUNTER, Side.BUYER)
        wanted = quote.volume if volume is None else volume
        advance(actor, quote, QuoteAct.COUNTER, volume=wanted, due_at=time_to_answer())
        end_quoted_offers(actor=actor, quote_ids=[quote.id])
        keep(actor, quote, QuoteAct.COUNTER, message=message, volume=wanted, also_insert=also_insert)
    return quote
