"""Ends without an order, and a vendor's second thoughts."""

import uuid

from django.db import transaction
from django.db.models import F

from market.catalog.services import end_quoted_offers
from market.kernel import clock
from market.kernel.actors import SYSTEM, Actor
from market.kernel.database import insert_together
from market.negotiation.models import Quote
from market.negotiation.services.steps import (
    AlsoInsert,
    advance,
    begin,
    cleaned,
    evidence,
    keep,
    round_of,
    time_to_answer,
)
from market.negotiation.states import OPEN, QuoteAct, QuoteState

BATCH = 500
"""Quotes a periodic act takes in one transaction."""


def decline(*, actor: Actor, quote_id: uuid.UUID, message: str = "", also_insert: AlsoInsert = None) -> Quote:
    """Whose turn it is says no: the vendor gives no quote, or the buyer does not want what it was offered or asked.

    Raises ``InvalidInput``, ``IllegalTransition``, ``QuoteRunOut``, ``Forbidden``, ``NotFound``.
    """
    return _step_back(actor, quote_id, QuoteAct.DECLINE, message, also_insert)


def withdraw(*, actor: Actor, quote_id: uuid.UUID, message: str = "", also_insert: AlsoInsert = None) -> Quote:
    """Take back what one said last, while the other side has not answered.

    The buyer takes back its request: the quote is closed. The vendor takes back its offer or question: the quote goes
    on, and waits for the vendor's answer again. Raises as ``decline``.
    """
    return _step_back(actor, quote_id, QuoteAct.WITHDRAW, message, also_insert)


def _step_back(actor: Actor, quote_id: uuid.UUID, act: str, message: str, also_insert: AlsoInsert) -> Quote:
    message, findings = cleaned(message=message)
    findings.raise_if_any()
    with transaction.atomic():
        quote = begin(actor, quote_id, act)
        # The vendor has the word again; a quote that is closed has no deadline, whatever is said here.
        advance(actor, quote, act, due_at=time_to_answer())
        end_quoted_offers(actor=actor, quote_ids=[quote.id])
        keep(actor, quote, act, message=message, also_insert=also_insert)
    return quote


def expire_overdue() -> int:
    """End every open quote whose deadline has passed, and its offer; returns how many.

    In batches; any number of callers may run at once, each takes what no other holds.
    """
    expired = 0
    while batch := _expire_batch():
        expired += batch
    return expired


def _expire_batch() -> int:
    with transaction.atomic():
        overdue = list(
            Quote.objects.filter(state__in=OPEN, due_at__lte=clock.now())
            .order_by("due_at")
            .select_for_update(skip_locked=True, no_key=True)[:BATCH]
        )
        if overdue:
            _expire(overdue)
    return len(overdue)


def _expire(overdue: list[Quote]) -> None:
    now = clock.now()
    ids = [quote.id for quote in overdue]
    Quote.objects.filter(id__in=ids, state__in=OPEN).update(
        state=QuoteState.EXPIRED,
        round_count=F("round_count") + 1,
        last_round_at=now,
        closed_at=now,
        due_at=None,
        current_offer=None,
        least_quantity=None,
    )
    end_quoted_offers(actor=SYSTEM, quote_ids=ids)
    for quote in overdue:
        quote.round_count += 1
        quote.last_round_at = now
    rounds = [round_of(SYSTEM, quote, QuoteAct.EXPIRE) for quote in overdue]
    proofs = [evidence(SYSTEM, quote, said) for quote, said in zip(overdue, rounds, strict=True)]
    insert_together(rounds, proofs)
