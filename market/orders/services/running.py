"""What the room that runs contracts reports about an order: until when, and whether, its buyer may receive."""

import datetime
import uuid
from collections.abc import Iterable, Mapping

from django.db.models import Case, DateTimeField, Value, When

from market.orders.models import Order


def end_access(*, order_id: uuid.UUID, at: datetime.datetime) -> None:
    """The right to receive under this order ends ``at`` that moment."""
    Order.objects.filter(id=order_id).update(access_until=at)


def await_payment(
    *, until: Mapping[uuid.UUID, datetime.datetime], suspended_at: datetime.datetime | None = None
) -> None:
    """A payment of these orders' contracts is late: something happens at the moment ``until`` unless it is made.

    With ``suspended_at`` nothing may be received under them from then on. One statement.
    """
    if not until:
        return
    moments = [When(id=order_id, then=Value(moment, DateTimeField())) for order_id, moment in until.items()]
    changes = {} if suspended_at is None else {"suspended_at": suspended_at}
    Order.objects.filter(id__in=list(until)).update(
        payment_due_at=Case(*moments, output_field=DateTimeField()), **changes
    )


def resume_access(*, order_ids: Iterable[uuid.UUID]) -> None:
    """No payment of these orders' contracts is late any more: the right to receive is as before."""
    Order.objects.filter(id__in=list(order_ids)).update(suspended_at=None, payment_due_at=None)
