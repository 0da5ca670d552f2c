"""Placing an order: the one act in which a contract comes to be and its price goes into escrow."""

import contextlib
import dataclasses
import datetime
import functools
import uuid
from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.errors import OrganizationNotTrading
from accounts.models import Organization
from accounts.states import Capacity, OrganizationState
from market.audit.models import AuditEvent
from market.catalog import pricing
from market.catalog.models import Offer
from market.catalog.selectors import require_orderable
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.conditions import Condition
from market.kernel.database import deadlock_refused, insert_together, new_row, violated_constraint
from market.kernel.errors import BusinessError, Forbidden, InvalidInput, NotFound
from market.kernel.identifiers import short_code, uuid7
from market.kernel.money import MAX_AMOUNT
from market.ledger.services import posting
from market.orders.errors import ClientReferenceTaken, OwnOffer
from market.orders.limits import Allowance
from market.orders.models import Order
from market.orders.selectors import BUYING_ROLES
from market.orders.services.ground import Ground, Wish, forget, ground_of, keep, kept_ground
from market.orders.services.steps import AlsoInsert, evidence, into_escrow, unannounced_delivery
from market.orders.services.waiting import keep_if_unpayable
from market.orders.states import OrderState
from market.orders.terms import freeze
from market.outbox.services import announce

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
    prepayment of metered use. Two statements in one transaction: one reads all that the order stands on, one inserts
    everything; only the second where the first was made for an earlier order and still holds. The product's latest
    published revision is what will be delivered. An order that read the offer before its withdrawal committed stands.
    With ``wait_for_funds`` an order beyond the wallet's balance is kept without moving money, until ``funds_due_at``;
    ``pay_waiting`` goes on with it. Beyond a spending limit of the buyer it waits for ``approve``.
    ``quote_id`` is set by the negotiation room, when the offer answers a quote that is being accepted.

    Raises ``InvalidInput``, ``Forbidden``, ``NotFound``, ``OfferNotOrderable``, ``ApprovalNeeded``,
    ``OrganizationNotTrading``, ``OwnOffer``, ``WalletMissing``, ``InsufficientFunds`` (with ``needed`` and
    ``available`` in fen) or ``ClientReferenceTaken``; nothing has changed then.
    """
    require_buyer(actor)
    wish = Wish(offer_id, quantity, purpose, client_reference, wait_for_funds, quote_id)
    require_valid(wish)
    stands_alone = not connection.in_atomic_block
    if stands_alone and not wait_for_funds and (order := _placed_on_kept_ground(actor, wish, also_insert)):
        return order
    # No savepoint of its own: a refusal ends the caller's transaction too, and two round trips are saved.
    with refusals_named(), transaction.atomic(savepoint=False):
        ground = ground_of([wish], buyer_org_id=actor.organization_id)
        draft = agree(actor, ground, wish, clock.now())
        if ground.has_limits:
            Allowance(draft.order).judge(draft.order)
        if wait_for_funds:
            keep_if_unpayable(draft.order, draft.buyer)
        rows = draft.rows(actor)
        insert_together(*rows, also_insert(draft.order) if also_insert else None)
        announce(rows)
    if stands_alone:
        keep(ground, wish, actor.organization_id)
    return draft.order


def _placed_on_kept_ground(actor: Actor, wish: Wish, also_insert: AlsoInsert) -> Order | None:
    """``place`` in one statement, or None: nothing has changed then, and what is refused is to be looked at anew."""
    ground = kept_ground(wish, actor.organization_id)
    if ground is None:
        return None
    try:
        order = place_at_once(actor=actor, ground=ground, wish=wish, given=ground.unchanged, also_insert=also_insert)
    except BusinessError:
        return None
    if order is None:
        forget(wish, actor.organization_id)
    return order


def place_at_once(
    *, actor: Actor, ground: Ground, wish: Wish, given: Condition, also_insert: AlsoInsert
) -> Order | None:
    """``place`` for a buyer without spending limits who need not wait, on ground read before, in ONE statement.

    None, and nothing changed, when ``given`` does not hold. Raises as ``place`` does.
    """
    placement = prepare(actor=actor, ground=ground, wish=wish, given=given, also_insert=also_insert)
    alone = transaction.atomic() if connection.in_atomic_block else contextlib.nullcontext()
    with refusals_named():
        with alone:
            is_placed = insert_together(placement.rows, given=given)
        if not is_placed:
            return None
        placement.announce()
    return placement.order


@dataclasses.dataclass(frozen=True, slots=True)
class Placement:
    """An order that is placed when its rows are inserted together, under its condition."""

    order: Order
    rows: list[Model]
    given: Condition

    def announce(self) -> None:
        """To be called once it is placed."""
        announce(self.rows)


def prepare(*, actor: Actor, ground: Ground, wish: Wish, given: Condition, also_insert: AlsoInsert) -> Placement:
    """``place_at_once`` without its statement: nothing is asked of the database. Raises as ``place`` does."""
    require_buyer(actor)
    require_valid(wish)
    draft = agree(actor, ground, wish, clock.now())
    rows = draft.rows(actor)
    return Placement(draft.order, [also_insert(draft.order), *rows] if also_insert else rows, given)


@contextlib.contextmanager
def refusals_named() -> Iterator[None]:
    """Turn what the database's constraints refuse into business errors.

    A deadlock too: who waits for funds locks the wallet and then takes the client reference, who pays at once does the
    reverse in one statement. Two such orders under one reference may meet; one of them is placed.
    """
    try:
        with deadlock_refused(), posting():
            yield
    except IntegrityError as error:
        if violated_constraint(error) == "order_client_reference_once":
            raise ClientReferenceTaken(_("Choose another reference, or look at the order you have.")) from error
        raise


@dataclasses.dataclass(slots=True)
class Draft:
    """An order that may be placed, before anything is inserted. Its state may still become one of waiting."""

    order: Order
    buyer: Organization
    bargain: pricing.Bargain
    manifest_sha256: str

    def rows(self, actor: Actor) -> list[Model]:
        """Everything to insert: order, terms, evidence, and for a paid one the transfer and the job of delivery."""
        order = self.order
        rows = [order, freeze(order, self.manifest_sha256, self.bargain), _proof(actor, order)]
        if order.state == OrderState.PAID:
            if order.amount:
                rows.append(into_escrow(order, self.buyer))
            rows.append(unannounced_delivery(order))
        return rows


def agree(actor: Actor, ground: Ground, wish: Wish, placed_at: datetime.datetime) -> Draft:
    """The order that a valid wish comes to, by every rule but those of limits and funds. Raises as ``place`` does."""
    return draw_up(actor, ground, offer_for(ground, wish), wish, placed_at)


def offer_for(ground: Ground, wish: Wish) -> Offer:
    """The offer, if it may be ordered for that purpose at all. Raises as ``place`` does."""
    offer = ground.offers.get(wish.stands_on)
    if offer is None:
        raise NotFound
    require_orderable(offer, ground.buyer.id, wish.quote_id)
    return offer


def draw_up(actor: Actor, ground: Ground, offer: Offer, wish: Wish, placed_at: datetime.datetime) -> Draft:
    """The order of a wish under an orderable offer. Raises as ``place`` does."""
    bargain = _bargain(offer, wish.quantity, clock.business_date(placed_at))
    buyer = ground.payer(offer.currency)
    if buyer.id == offer.vendor_org_id:
        raise OwnOffer
    if buyer.state != OrganizationState.VERIFIED:
        raise OrganizationNotTrading(_("Ask the operator to verify your organisation before you order."))
    return drafted(
        offer,
        buyer,
        bargain,
        placed_at,
        placed_by_id=actor.user_id,
        quantity=wish.quantity,
        purpose=wish.purpose,
        client_reference=wish.client_reference,
    )


def drafted(
    offer: Offer, buyer: Organization, bargain: pricing.Bargain, placed_at: datetime.datetime, **particulars: Any
) -> Draft:
    """An order of ``offer`` at this price, not checked; ``particulars`` are the columns the offer does not give."""
    order_id = uuid7()
    starts_on, ends_on = bargain.term or (None, None)
    order = new_row(
        Order,
        id=order_id,
        number=f"QS{_written(clock.business_date(placed_at))}-{short_code(order_id)}",
        buyer_org=buyer,
        vendor_org=offer.product.vendor_org,
        product=offer.product,
        offer=offer,
        revision=offer.revision,
        amount=bargain.due_now,
        currency=offer.currency,
        term_starts_on=starts_on,
        term_ends_on=ends_on,
        approval_id=offer.approval_id,
        state=OrderState.PAID,
        placed_at=placed_at,
        **particulars,
    )
    return Draft(order, buyer, bargain, offer.revision_manifest_sha256)


@functools.lru_cache(maxsize=8)
def _written(day: datetime.date) -> str:
    return f"{day:%Y%m%d}"


def require_buyer(actor: Actor) -> None:
    """Raise ``Forbidden`` unless the actor is a person who may order for a buyer."""
    actor.require_role(*BUYING_ROLES)
    actor.require_capacity(Capacity.BUYER)
    if actor.organization_id is None or actor.user_id is None:
        raise Forbidden(_("An order is placed by a person for an organisation."))


def require_valid(wish: Wish) -> None:
    """Raise ``InvalidInput`` naming every value that no order may have."""
    if errors := faults_of(wish):
        raise InvalidInput(errors=errors)


def faults_of(wish: Wish) -> dict[str, str | Promise]:
    """What is wrong with a wish by itself, by JSON pointer."""
    errors = {}
    if not 1 <= wish.quantity <= MAX_QUANTITY:
        errors["/quantity"] = _("Order 1 to %(most)d units.") % {"most": MAX_QUANTITY}
    if not _is_text(wish.purpose, MAX_PURPOSE):
        errors["/purpose"] = _("Say what the data is for, in at most %(most)d characters.") % {"most": MAX_PURPOSE}
    if not _is_text(wish.client_reference, MAX_REFERENCE) or not wish.client_reference.isprintable():
        errors["/client_reference"] = _("Use 1 to %(most)d printable characters.") % {"most": MAX_REFERENCE}
    return errors


def _is_text(value: str, longest: int) -> bool:
    """Not blank, not too long, and something that PostgreSQL and UTF-8 can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return bool(value.strip()) and len(value) <= longest and "\x00" not in value


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


def _proof(actor: Actor, order: Order) -> AuditEvent:
    waits = {} if order.state == OrderState.PAID else {"state": str(order.state)}
    follows = {} if order.renews_id is None else {"renews": str(order.renews_id)}
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
        **follows,
        **waits,
    )
