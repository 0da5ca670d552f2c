"""What the bank's statements say of very many payouts at once."""

import uuid
from collections.abc import Collection

from django.db import connection, transaction
from django.utils.translation import gettext as _

from market.audit.services import insert_events_of
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.errors import IllegalTransition
from market.settlement.services.payouts import require_treasurer
from market.settlement.states import PAYOUT_MOVES

# One array however many: as many parameters as payouts would take longer to read than to carry out.
CONFIRM = """
UPDATE settlement_payout SET state = 'confirmed', ended_at = %(now)s
 WHERE id = ANY(%(payouts)s::uuid[]) AND state = ANY(%(from)s)
"""

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
        with connection.cursor() as cursor:
            cursor.execute(CONFIRM, {"payouts": keys, "now": clock.now(), "from": PAYOUT_MOVES.sources("confirmed")})
            confirmed = cursor.rowcount
        if confirmed != len(keys):
            raise IllegalTransition(_("One of the payouts does not wait for the bank's word any more. Try again."))
        insert_events_of(PROOFS, {"payouts": keys}, name="payout.confirmed", actor=actor, subject_type="payout")
