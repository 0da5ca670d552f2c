"""A month that is over becomes due to the vendor."""

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from market.billing.models import Period, Subscription
from market.billing.states import PeriodState
from market.kernel import clock
from market.kernel.actors import SYSTEM
from market.kernel.database import insert_together
from market.orders.models import Charge
from market.orders.services.charging import capture_job, charge
from market.orders.services.steps import BATCH, evidence


def charge_months() -> int:
    """Charge every funded month that is over; returns how many.

    In batches; any number of callers may run at once, each takes what no other holds, and the database refuses a part
    of an order twice.
    """
    charged = 0
    while batch := _charge(Period.objects.all()):
        charged += batch
    return charged


def charge_months_of(subscription: Subscription) -> int:
    """The same for one subscription, which the caller has locked."""
    return _charge(Period.objects.filter(subscription=subscription))


def _charge(periods: QuerySet[Period]) -> int:
    now = clock.now()
    later = Period.objects.filter(subscription=OuterRef("subscription"), number__gt=OuterRef("number"))
    with transaction.atomic():
        over = list(
            periods.filter(state=PeriodState.FUNDED, ends_before__lte=clock.business_date(now))
            .select_related("subscription__order")
            .annotate(is_followed=Exists(later.exclude(state=PeriodState.DROPPED)))
            .order_by("ends_before", "id")
            .select_for_update(of=("self",), skip_locked=True, no_key=True)[:BATCH]
        )
        Period.objects.filter(id__in=[period.id for period in over]).update(state=PeriodState.CHARGED, charged_at=now)
        charges = [_charge_of(period) for period in over]
        insert_together(
            charges,
            [capture_job(made) for made in charges],
            [
                evidence(
                    "subscription.month_charged",
                    SYSTEM,
                    period.subscription.order,
                    month=period.number,
                    part=period.part,
                    charged=period.amount,
                )
                for period in over
            ],
        )
    return len(over)


def _charge_of(period: Period) -> Charge:
    return charge(period.subscription.order, part=period.part, amount=period.amount, is_final=not period.is_followed)
