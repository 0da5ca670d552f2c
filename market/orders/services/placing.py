"""Placing an order: the one act in which a contract comes to be and its price goes into escrow."""

import datetime
import uuid

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.errors import OrganizationNotTrading
from accounts.models import Organization
from accounts.states import Capacity, OrganizationState
from market.audit.models import AuditEvent
from market.catalog import pricing
from market.catalog.models import Offer, Revision
from market.catalog.selectors import orderable_offer
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together, violated_constraint
from market.kernel.errors import Forbidden, InvalidInput
from market.kernel.identifiers import short_code, uuid7
from market.kernel.money import MAX_AMOUNT
from market.ledger.services import posting
from market.orders import limits
from market.orders.errors import ClientReferenceTaken, OwnOffer
from market.orders.models import Order
from market.orders.selectors import BUYING_ROLES
from market.orders.services.steps import AlsoInsert, evidence, first_delivery, into_escrow
from market.orders.services.waiting import keep_if_unpayable
from market.orders.states import OrderState
from market.orders.terms import freeze

MAX_QUANTITY = 1_000_000
MAX_PURPOSE = 1000
MAX_REFERENCE = 64


def place(
    *,
    actor: Actor,
    offer_id: uuid.UUID,
    quantity: int,
    purpose: str,
    client_reference: str,
    quote_id: uuid.UUID | None = None,
    wait_for_funds: bool = False,
    also_insert: AlsoInsert = None,
) -> Order:
    """Order ``quantity`` units of an offer: freeze the terms, move the price from wallet to escrow, ask for delivery.

    What goes into escrow is the whole price, the first instalment of a subscription paid by the month, or the
    prepayment of metered use. Three statements in one transaction: offer, buyer, and one insert of everything. The
    product's latest published revision is what will be delivered. An order that read the offer before its withdrawal
    committed stands.
    With ``wait_for_funds`` an order beyond the wallet's balance is kept without moving money, until ``funds_due_at``;
    ``pay_waiting`` goes on with it. Beyond a spending limit of the buyer it waits for ``approve``.
    ``quote_id`` is set by the negotiation room, when the offer answers a quote that is being accepted.

    Raises ``InvalidInput``, ``Forbidden``, ``NotFound``, ``OfferNotOrderable``, ``ApprovalNeeded``,
    ``OrganizationNotTrading``, ``OwnOffer``, ``WalletMissing``, ``InsufficientFunds`` (with ``needed`` and
    ``available`` in fen) or ``ClientReferenceTaken``; nothing has changed then.
    """
    actor.require_role(*BUYING_ROLES)
    actor.require_capacity(Capacity.BUYER)
    if actor.organization_id is None or actor.user_id is None:
        raise Forbidden(_("An order is placed by a person for an organisation."))
    _require_valid(quantity, purpose, client_reference)
    try:
        # No savepoint of its own: a refusal ends the caller's transaction too, and two round trips are saved.
        with posting(), transaction.atomic(savepoint=False):
            offer = orderable_offer(offer_id, actor.organization_id, quote_id, purpose)
            buyer = limits.buyer_with_accounts(actor.organization_id, offer.currency)
            placed_at = clock.now()
            bargain = _bargain(offer, quantity, clock.business_date(placed_at))
            order = _draw_up(actor, offer, buyer, bargain, quantity, purpose, client_reference, placed_at)
            if buyer.has_limits:
                limits.keep_if_over_limit(order)
            if wait_for_funds:
                keep_if_unpayable(order, buyer)
            is_paid = order.state == OrderState.PAID
            insert_together(
                order,
                freeze(order, offer.revision_manifest_sha256, bargain),
                _proof(actor, order),
                into_escrow(order, buyer) if is_paid else None,
                first_delivery(order) if is_paid else None,
                also_insert(order) if also_insert else None,
            )
    except IntegrityError as error:
        if violated_constraint(error) == "order_client_reference_once":
            raise ClientReferenceTaken(_("Choose another reference, or look at the order you have.")) from error
        raise
    return order


def _require_valid(quantity: int, purpose: str, client_reference: str) -> None:
    errors = {}
    if not 1 <= quantity <= MAX_QUANTITY:
        errors["/quantity"] = _("Order 1 to %(most)d units.") % {"most": MAX_QUANTITY}
    if not _is_text(purpose, MAX_PURPOSE):
        errors["/purpose"] = _("Say what the data is for, in at most %(most)d characters.") % {"most": MAX_PURPOSE}
    if not _is_text(client_reference, MAX_REFERENCE) or not client_reference.isprintable():
        errors["/client_reference"] = _("Use 1 to %(most)d printable characters.") % {"most": MAX_REFERENCE}
    if errors:
        raise InvalidInput(errors=errors)


def _is_text(value: str, longest: int) -> bool:
    """Not blank, not too long, and something that PostgreSQL and UTF-8 can hold."""
    storable = "\x00" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
    return bool(value.strip()) and len(value) <= longest and storable


def _bargain(offer: Offer, quantity: int, placed_on: datetime.date) -> pricing.Bargain:
    try:
        bargain = pricing.bargain(offer.price_rule(), quantity, placed_on)
    except ValueError as error:
        most = offer.tiers[-1]["up_to"]
        raise InvalidInput(
            errors={"/quantity": _("Order at most %(most)d units of this offer.") % {"most": most}}
        ) from error
    if bargain.price.total > MAX_AMOUNT:
        raise InvalidInput(errors={"/quantity": _("The order would cost more than one order may.")})
    return bargain


def _draw_up(
    actor: Actor,
    offer: Offer,
    buyer: Organization,
    bargain: pricing.Bargain,
    quantity: int,
    purpose: str,
    client_reference: str,
    placed_at: datetime.datetime,
) -> Order:
    product = offer.product
    if buyer.id == offer.vendor_org_id:
        raise OwnOffer
    if buyer.state != OrganizationState.VERIFIED:
        raise OrganizationNotTrading(_("Ask the operator to verify your organisation before you order."))
    order_id = uuid7()
    starts_on, ends_on = bargain.term or (None, None)
    return Order(
        id=order_id,
        number=f"QS{clock.business_date(placed_at):%Y%m%d}-{short_code(order_id)}",
        buyer_org=buyer,
        vendor_org=product.vendor_org,
        product=product,
        offer=offer,
        revision=Revision(id=offer.revision_id, number=offer.revision_number, product=product),
        placed_by_id=actor.user_id,
        quantity=quantity,
        amount=bargain.due_now,
        currency=offer.currency,
        term_starts_on=starts_on,
        term_ends_on=ends_on,
        purpose=purpose,
        approval_id=offer.approval_id,
        client_reference=client_reference,
        state=OrderState.PAID,
        placed_at=placed_at,
    )


def _proof(actor: Actor, order: Order) -> AuditEvent:
    waits = {} if order.state == OrderState.PAID else {"state": str(order.state)}
    return evidence(
        "order.placed",
        actor,
        order,
        quantity=order.quantity,
        product=str(order.product_id),
        offer=str(order.offer_id),
        revision=str(order.revision_id),
        client_reference=order.client_reference,
        terms_sha256=order.terms_sha256,
        **waits,
    )
