"""The buyer of a metered contract wants no more."""

import uuid

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from market.billing.closing import set_next_close
from market.billing.errors import MeterEnded
from market.billing.models import Meter
from market.billing.services.meters import lock_own_meter, save
from market.billing.services.statements import close_through
from market.billing.states import MeterState
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together
from market.ledger.services import posting
from market.orders import services as orders
from market.orders.selectors import BUYING_ROLES
from market.orders.services.steps import AlsoInsert, evidence


def leave(*, actor: Actor, order_id: uuid.UUID, also_insert: AlsoInsert = None) -> Meter:
    """Use counts until now and the right to receive ends; the vendor keeps its days for late records, then comes the
    last statement, and what is left of the prepayment returns.

    Nobody else has to agree: the price is in the use, and what was used is paid. Raises ``MeterEnded`` also when use is
    over already, ``NotMetered``, ``Forbidden``, ``NotFound``.
    """
    actor.require_role(*BUYING_ROLES)
    with posting(), transaction.atomic():
        meter = lock_own_meter(actor, order_id, "buyer")
        close_through(meter)
        now = clock.now()
        if meter.state == MeterState.ENDED or meter.ends_at <= now:
            raise MeterEnded(_("Its use is over already."))
        meter.ends_at = now
        set_next_close(meter)
        save(meter, "ends_at", "closes_at")
        orders.end_access(order_id=order_id, at=now)
        insert_together(
            evidence("meter.cancelled", actor, meter.order, ends_at=now.isoformat()),
            also_insert(meter) if also_insert else None,
        )
    return meter
