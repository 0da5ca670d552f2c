"""Locks on quotes."""

import uuid

from django.db.models import QuerySet

from market.kernel.errors import NotFound
from market.kernel.locks import lock_in_order
from market.negotiation.models import Quote


def lock_quote(quotes: QuerySet[Quote], quote_id: uuid.UUID) -> Quote:
    """One quote of ``quotes``, locked until the transaction ends. Raises ``NotFound``."""
    quote = lock_in_order(quotes.filter(id=quote_id)).first()
    if quote is None:
        raise NotFound
    return quote
