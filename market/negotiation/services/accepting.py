"""Acceptance: the offer that stands becomes an order, and the quote is closed, in one transaction."""

import uuid

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from market.kernel.actors import Actor
from market.kernel.errors import InvalidInput
from market.negotiation.errors import OfferChanged
from market.negotiation.models import Quote
from market.negotiation.services.steps import AlsoInsert, advance, begin, keep
from market.negotiation.states import QuoteAct, Side
from market.orders import services as orders


def accept(
    *,
    actor: Actor,
    quote_id: uuid.UUID,
    offer_id: uuid.UUID,
    quantity: int,
    client_reference: str,
    wait_for_funds: bool = False,
    also_insert: AlsoInsert = None,
) -> Quote:
    """The buyer accepts the offer that stands: an order for the quote's purpose, its terms frozen like any order's.

    ``offer_id`` names what is accepted, so that nobody accepts an offer that has replaced the one they read.
    ``wait_for_funds`` keeps an order beyond the wallet's balance, as ``orders.services.place`` does.

    Raises ``OfferChanged``, ``InvalidInput`` for fewer units than the offer is for, ``IllegalTransition``,
    ``QuoteRunOut``, ``Forbidden``, ``NotFound``, and all that ``orders.services.place`` raises; nothing has changed
    then.
    """
    with transaction.atomic():
        quote = begin(actor, quote_id, QuoteAct.ACCEPT, Side.BUYER)
        if quote.current_offer_id != offer_id:
            raise OfferChanged(
                _("Read the quote again, then accept the offer that stands."), current_offer=str(quote.current_offer_id)
            )
        if quote.least_quantity is not None and quantity < quote.least_quantity:
            raise InvalidInput(
                errors={"/quantity": _("The offer is for %(least)d units or more.") % {"least": quote.least_quantity}}
            )
        order = orders.place(
            actor=actor,
            offer_id=offer_id,
            quantity=quantity,
            purpose=quote.purpose,
            client_reference=client_reference,
            quote_id=quote.id,
            wait_for_funds=wait_for_funds,
        )
        advance(actor, quote, QuoteAct.ACCEPT, order=order)
        keep(
            actor,
            quote,
            QuoteAct.ACCEPT,
            volume=quantity,
            order=str(order.id),
            order_number=order.number,
            accepted_offer=str(offer_id),
            also_insert=also_insert,
        )
    return quote
