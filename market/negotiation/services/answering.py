"""The vendor's words: a private offer, or a question."""

import datetime
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from market.catalog.services import create_offer
from market.kernel.actors import Actor
from market.negotiation.models import Quote
from market.negotiation.services.steps import AlsoInsert, advance, begin, cleaned, keep, time_to_answer
from market.negotiation.states import QuoteAct, Side


def make_offer(
    *,
    actor: Actor,
    quote_id: uuid.UUID,
    terms: Mapping[str, Any],
    valid_until: datetime.datetime | None,
    message: str = "",
    least_quantity: int | None = None,
    also_insert: AlsoInsert = None,
) -> Quote:
    """The vendor answers with a private offer that stands until ``valid_until``, for ``least_quantity`` units or more.

    ``terms`` are price and licence by the names that ``catalog.services.create_offer`` takes, and validates.
    Raises ``InvalidInput``, ``IllegalTransition``, ``QuoteRunOut``, ``TooManyRounds``, ``ProductNotOpen``,
    ``Forbidden``, ``NotFound``; nothing has changed then.
    """
    message, findings = cleaned(message=message, volume=least_quantity, volume_name="least_quantity")
    if valid_until is None:
        findings.errors["/valid_until"] = _("Say until when the offer stands.")
    findings.raise_if_any()
    with transaction.atomic():
        quote = begin(actor, quote_id, QuoteAct.OFFER, Side.VENDOR)
        offer = create_offer(
            actor=actor,
            product_id=quote.product_id,
            buyer_org_id=quote.buyer_org_id,
            quote_id=quote.id,
            valid_until=valid_until,
            **terms,
        )
        advance(
            actor, quote, QuoteAct.OFFER, current_offer=offer, least_quantity=least_quantity, due_at=offer.valid_until
        )
        keep(actor, quote, QuoteAct.OFFER, message=message, volume=least_quantity, offer=offer, also_insert=also_insert)
    return quote


def ask_back(*, actor: Actor, quote_id: uuid.UUID, message: str, also_insert: AlsoInsert = None) -> Quote:
    """The vendor needs to know more before it can offer. The buyer has ``QUOTE_ANSWER_DAYS`` to say it.

    Raises ``InvalidInput``, ``IllegalTransition``, ``QuoteRunOut``, ``TooManyRounds``, ``Forbidden``, ``NotFound``.
    """
    message, findings = cleaned(message=message, must_say=True)
    findings.raise_if_any()
    with transaction.atomic():
        quote = begin(actor, quote_id, QuoteAct.ASK_BACK, Side.VENDOR)
        advance(actor, quote, QuoteAct.ASK_BACK, due_at=time_to_answer())
        keep(actor, quote, QuoteAct.ASK_BACK, message=message, also_insert=also_insert)
    return quote
