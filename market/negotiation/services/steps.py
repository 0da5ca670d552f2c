"""What all acts on a quote have in common: who may act, the compare-and-set, and the round that is kept."""

import datetime
import hashlib
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from market.audit.models import AuditEvent
from market.audit.services import event
from market.catalog.models import Offer
from market.catalog.services.rules import Findings
from market.catalog.validators import clean_text
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together
from market.kernel.errors import Forbidden, IllegalTransition
from market.negotiation.errors import QuoteRunOut, TooManyRounds
from market.negotiation.locks import lock_quote
from market.negotiation.models import Quote, QuoteRound
from market.negotiation.selectors import acts_open_to, has_run_out, quotes_visible_to, side_of, speaks_for
from market.negotiation.states import ACTS, OPEN, QUOTE_MOVES, QuoteAct, QuoteState, Side
from market.orders.services.placing import MAX_QUANTITY

AlsoInsert = Callable[[Quote], Model] | None
"""Makes one more row from the changed quote, inserted in the act's own transaction (an idempotent reply)."""

MAX_ROUNDS = 100
"""Enough for any talk, and few enough to show on one page."""

MAX_MESSAGE = 5000

EVENT_NAMES = {
    QuoteAct.ASK: "quote.asked",
    QuoteAct.OFFER: "quote.offered",
    QuoteAct.ASK_BACK: "quote.asked_back",
    QuoteAct.COUNTER: "quote.countered",
    QuoteAct.ACCEPT: "quote.accepted",
    QuoteAct.DECLINE: "quote.declined",
    QuoteAct.WITHDRAW: "quote.withdrawn",
    QuoteAct.EXPIRE: "quote.expired",
}


def begin(actor: Actor, quote_id: uuid.UUID, act: str, side: str | None = None) -> Quote:
    """The quote, locked, for ``act`` by the actor's side (which must be ``side`` when given).

    Raises ``NotFound``, ``Forbidden``, ``QuoteRunOut``, ``TooManyRounds`` or ``IllegalTransition``.
    """
    quote = lock_quote(quotes_visible_to(actor), quote_id)
    own_side = side_of(actor, quote)
    if own_side is None or side not in (None, own_side):
        raise Forbidden(_("Only the %(side)s may do this.") % {"side": side or _("buyer or the vendor")})
    if not speaks_for(actor, own_side):
        raise Forbidden(_("Your role may read quotes, not take part in them."))
    _require_legal(actor, quote, act, own_side)
    return quote


def _require_legal(actor: Actor, quote: Quote, act: str, side: str) -> None:
    if has_run_out(quote):
        raise QuoteRunOut(_("Ask for a new quote."), due_at=quote.due_at.isoformat(), state=quote.state)
    target = ACTS.get((side, act), {}).get(quote.state)
    if target is None:
        raise illegal(actor, quote)
    if target in OPEN and quote.round_count >= MAX_ROUNDS:
        raise TooManyRounds(_("Come to an end with this one, or begin a new one."), most=MAX_ROUNDS)


def illegal(actor: Actor, quote: Quote) -> IllegalTransition:
    """The refusal of an act that the quote's state does not allow; it says what the actor may do instead."""
    acts = acts_open_to(actor, quote)
    state = QuoteState(quote.state).label
    if acts:
        detail = _("The quote: %(state)s. You may now: %(acts)s.") % {"state": state, "acts": ", ".join(acts)}
    else:
        detail = _("The quote: %(state)s. There is nothing for you to do now.") % {"state": state}
    return IllegalTransition(detail, state=quote.state, legal_moves=QUOTE_MOVES.legal_moves(quote.state), acts=acts)


def advance(actor: Actor, quote: Quote, act: str, **changes: Any) -> None:
    """Compare-and-set to where ``act`` leads, in the database and on the instance; one more round is counted.

    The round count is the quote's version: of two acts that answer the same round one wins, the other is refused.
    """
    side = side_of(actor, quote) or Side.EXCHANGE
    target = ACTS[side, act][quote.state]
    now = clock.now()
    changes |= {"state": target, "round_count": quote.round_count + 1, "last_round_at": now}
    if target not in OPEN:
        changes |= {"due_at": None, "closed_at": now}
    if target not in (QuoteState.OFFERED, QuoteState.ACCEPTED):
        changes |= {"current_offer": None, "least_quantity": None}
    changed = Quote.objects.filter(id=quote.id, state=quote.state, round_count=quote.round_count).update(**changes)
    if not changed:
        quote.refresh_from_db()
        raise illegal(actor, quote)
    for name, value in changes.items():
        setattr(quote, name, value)


def keep(
    actor: Actor,
    quote: Quote,
    act: str,
    *rows: Model,
    message: str = "",
    volume: int | None = None,
    offer: Offer | None = None,
    also_insert: AlsoInsert = None,
    **payload: Any,
) -> None:
    """Insert the round that has just been counted, with its evidence, then what ``also_insert`` makes of the quote."""
    said = round_of(actor, quote, act, message=message, volume=volume, offer=offer)
    insert_together(*rows, said, evidence(actor, quote, said, **payload))
    if also_insert:
        insert_together(also_insert(quote))


def round_of(
    actor: Actor, quote: Quote, act: str, *, message: str = "", volume: int | None = None, offer: Offer | None = None
) -> QuoteRound:
    """The unsaved round that the quote counted last."""
    return QuoteRound(
        quote=quote,
        buyer_org_id=quote.buyer_org_id,
        vendor_org_id=quote.vendor_org_id,
        number=quote.round_count,
        side=side_of(actor, quote) or Side.EXCHANGE,
        act=act,
        actor_id=actor.user_id,
        actor_role=actor.role,
        actor_label=actor.label,
        message=message,
        volume=volume,
        offer=offer,
        valid_until=offer.valid_until if offer is not None else None,
        created_at=quote.last_round_at,
    )


def evidence(actor: Actor, quote: Quote, said: QuoteRound, **payload: Any) -> AuditEvent:
    """The audit event of a round; what was written is in it by its SHA-256, for people write what they like."""
    kept = {
        "number": quote.number,
        "round": said.number,
        "side": str(said.side),
        "product": str(quote.product_id),
        "volume": said.volume,
        "message_sha256": hashlib.sha256(said.message.encode()).hexdigest(),
    }
    if said.offer_id is not None:
        kept |= {"offer": str(said.offer_id), "valid_until": said.valid_until.isoformat()}
    return event(
        EVENT_NAMES[said.act],
        actor=actor,
        subject=("quote", quote.id),
        on_behalf_of=quote.vendor_org_id if said.side == Side.VENDOR else quote.buyer_org_id,
        buyer_org_id=quote.buyer_org_id,
        vendor_org_id=quote.vendor_org_id,
        payload=kept | payload,
    )


def time_to_answer() -> datetime.datetime:
    """Until when the side that has the word must answer."""
    return clock.now() + datetime.timedelta(days=settings.QUOTE_ANSWER_DAYS)


def cleaned(
    *, message: str, must_say: bool = False, volume: int | None = None, volume_name: str = "volume"
) -> tuple[str, Findings]:
    """The message without white space around it, and what is wrong with it and with the volume."""
    findings = Findings()
    with findings.at("/message"):
        message = clean_text(message, most=MAX_MESSAGE)
        if must_say and not message:
            raise ValidationError(_("Say something: the other side will read it."))
    if volume is not None and not 1 <= volume <= MAX_QUANTITY:
        findings.errors[f"/{volume_name}"] = _("From 1 to %(most)d units.") % {"most": MAX_QUANTITY}
    return message, findings
