"""What the bank's statements say of very many payouts at once."""

import uuid
from collections.abc import Collection

from django.db import transaction
from django.utils.translation import gettext as _

from market.audit.services import insert_events_of
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.errors import IllegalTransition
from market.settlement.models import Payout
from market.settlement.services.payouts import require_treasurer
from market.settlement.states import PAYOUT_MOVES, PayoutState

PROOFS = """
SELECT settlement_uuid7() AS id, payout.id AS subject_id, payout.vendor_org_id AS on_behalf_of_org_id,
       NULL::uuid AS buyer_org_id, payout.vendor_org_id,
       jsonb_build_object('batch', payout.batch_id, 'reference', payout.reference, 'amount', payout.amount,
                          'currency', payout.currency) AS payload
  FROM settlement_payout AS payout
 WHERE payout.id = ANY(%(payouts)s::uuid[])
"""


def confirm_payouts(*, actor: Actor, payout_ids: Collection[uuid.UUID]) -> None:
    """The bank says that these payments left: ``confirm_payout`` for all of them, in two statements.

    Raises ``IllegalTransition`` when one of them was not sent, and then none is confirmed.
    """
    require_treasurer(actor)
    keys = list(payout_ids)
    if not keys:
        return
    with transaction.atomic():
        sent = Payout.objects.filter(id__in=keys, state__in=PAYOUT_MOVES.sources(PayoutState.CONFIRMED))
        if sent.update(state=PayoutState.CONFIRMED, ended_at=clock.now()) != len(keys):
            raise IllegalTransition(_("One of the payouts does not wait for the bank's word any more. Try again."))
        insert_events_of(PROOFS, {"payouts": keys}, name="payout.confirmed", actor=actor, subject_type="payout")
