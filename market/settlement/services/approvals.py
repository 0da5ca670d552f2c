"""A large payout leaves when two persons have released it, one after the other."""

import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from market.kernel.actors import Actor
from market.kernel.database import insert_together
from market.kernel.errors import Forbidden, SamePerson
from market.settlement.models import Payout
from market.settlement.services.payouts import find_payout, payout_event, require_treasurer, send_payout
from market.settlement.states import PAYOUT_MOVES, PayoutState


def release_payout(*, actor: Actor, payout_id: uuid.UUID) -> None:
    """The first person releases a payout above the limit; the second one's approval sends it.

    Raises ``Forbidden`` for anybody but a treasurer in person, ``IllegalTransition`` when somebody has released it
    before or it has been sent, ``NotFound``.
    """
    payout = _for_a_person(actor, payout_id)
    waiting = Payout.objects.filter(
        id=payout_id, state=PayoutState.PENDING, needs_approval=True, released_by=None, approved_by=None
    )
    with transaction.atomic():
        if not waiting.update(released_by_id=actor.user_id):
            raise PAYOUT_MOVES.illegal(payout.state, PayoutState.SENT)
        insert_together(payout_event("payout.released", actor, payout))


def approve_payout(*, actor: Actor, payout_id: uuid.UUID) -> None:
    """The second person approves what the first has released, and the payout is sent in the same moment.

    Raises ``SamePerson`` for the one who released it, or when nobody has; ``PayoutHeld`` when something else
    keeps it; ``IllegalTransition`` when it has been sent, ``NotFound``, ``Forbidden``.
    """
    payout = _for_a_person(actor, payout_id)
    if payout.state == PayoutState.PENDING and payout.released_by_id in (None, actor.user_id):
        raise SamePerson(_("One person releases it and another one approves it."))
    released = Payout.objects.filter(id=payout_id, state=PayoutState.PENDING, released_by__isnull=False)
    with transaction.atomic():
        if (
            not released.exclude(released_by_id=actor.user_id)
            .filter(approved_by=None)
            .update(approved_by_id=actor.user_id)
        ):
            raise PAYOUT_MOVES.illegal(find_payout(payout_id).state, PayoutState.SENT)
        insert_together(payout_event("payout.approved", actor, payout))
        send_payout(actor=actor, payout_id=payout_id)


def _for_a_person(actor: Actor, payout_id: uuid.UUID) -> Payout:
    require_treasurer(actor)
    if actor.user_id is None:
        raise Forbidden(_("A person must do this."))
    return find_payout(payout_id)
