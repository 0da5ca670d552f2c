"""What the first pages show of the trade as a whole. A room that knows its figures alone has panels of its own."""

import datetime
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Organization
from accounts.states import OrganizationState
from market.audit.models import AuditEvent
from market.catalog.states import Sector
from market.kernel import clock
from market.kernel.actors import Actor
from market.ledger.models import Account
from market.ledger.states import AccountKind
from market.orders.models import Order
from market.orders.selectors import orders_visible_to
from market.orders.states import WAITING, OrderState
from market.outbox.models import Job
from market.outbox.states import JobState
from market.workspaces.access import Workspace
from market.workspaces.dashboard import Chart, Figure, Number, Share, Shares, register, remembered, yuan

DAYS = 30
TOP_SECTORS = 8
LAST_DAYS = gettext_lazy("last 30 days")
WORTH_NOTHING = (*WAITING, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REFUNDED)
"""Orders that nobody has paid for, or whose money went back: they are counted, but add no value."""


class Period:
    """The orders of the last ``DAYS`` business days, counted once and shown in several figures.

    ``whose`` names the orders among all that are remembered for ``DASHBOARD_SECONDS``: a million of them take
    PostgreSQL half a second, and nobody reads a month's curve by the second.
    """

    def __init__(self, whose: str, orders: QuerySet[Order]) -> None:
        today = clock.business_date()
        self.days = [today - datetime.timedelta(days=back) for back in reversed(range(DAYS))]
        self._whose = f"{whose}:{today}"
        self._orders = orders.filter(placed_at__gte=clock.business_midnight(self.days[0])).order_by()
        self._count: Counter[datetime.date] = Counter()
        self._amount: Counter[datetime.date] = Counter()
        self._states: Counter[str] = Counter()
        for state, day, count, amount in remembered(f"orders:{self._whose}", self._counted):
            self._count[day] += count
            self._amount[day] += 0 if state in WORTH_NOTHING else amount
            self._states[state] += count

    def _counted(self) -> list[tuple[str, datetime.date, int, int]]:
        rows = (
            self._orders.annotate(day=TruncDate("placed_at", tzinfo=clock.BUSINESS_ZONE))
            .values_list("state", "day")
            .annotate(Count("id"), Sum("amount"))
        )
        return [(state, day, count, int(amount)) for state, day, count, amount in rows]

    @property
    def number_of_orders(self) -> int:
        """All of the period."""
        return self._count.total()

    @property
    def amount(self) -> int:
        """What was paid for in the period and did not go back as a whole, in fen."""
        return self._amount.total()

    def count_chart(self) -> Chart:
        """Orders a day."""
        return Chart(_("Orders a day"), self._labels(), [self._count[day] for day in self.days], unit=_("orders"))

    def amount_chart(self) -> Chart:
        """Yuan a day; drawn only, so that a float does no harm."""
        values = [self._amount[day] / 100 for day in self.days]
        return Chart(_("Value of orders a day (yuan)"), self._labels(), values, kind="line", unit=_("yuan"))

    def states(self, orders_url: str) -> Shares:
        """Orders by state, in the order of a trade."""
        return Shares(
            _("Orders by state, last 30 days"),
            [
                Share(label, self._states[state], f"{self._states[state]:,}", f"{orders_url}?state__exact={state}")
                for state, label in OrderState.choices
                if self._states[state]
            ],
        )

    def sectors(self) -> Shares:
        """Where the value is, the largest first. One query."""
        found = remembered(f"sectors:{self._whose}", self._by_sector)
        return Shares(
            _("Sectors by value, last 30 days"),
            [Share(f"{sector} {Sector(sector).label}", amount, yuan(amount)) for sector, amount in found],
        )

    def _by_sector(self) -> list[tuple[str, int]]:
        worth = self._orders.exclude(state__in=WORTH_NOTHING)
        rows = worth.values_list("product__sector").annotate(sum=Sum("amount"))
        return [(sector, int(amount)) for sector, amount in rows.order_by("-sum", "product__sector")[:TOP_SECTORS]]

    def _labels(self) -> list[str]:
        return [f"{day:%m-%d}" for day in self.days]


def _list(workspace: str, model: str, query: str = "") -> str:
    """The address of a list on that site."""
    return reverse(f"{workspace}:{model}_changelist") + query


def _held(kind: str, **where: Any) -> int:
    """The sum of guarded balances of one kind, in fen."""
    return int(Account.objects.filter(kind=kind, **where).aggregate(sum=Sum("balance"))["sum"] or 0)


def _volume(period: Period, orders_url: str) -> Iterator[Number]:
    yield Number(_("Orders"), f"{period.number_of_orders:,}", LAST_DAYS, orders_url, "receipt_long")
    yield Number(_("Value of orders"), yuan(period.amount), _("last 30 days, paid and kept"), orders_url, "payments")


def for_auditors(actor: Actor) -> Iterator[Figure]:
    """How much is traded, where, and how much evidence there is. Four queries."""
    orders_url = _list("auditor", "orders_order")
    period = Period("all", orders_visible_to(actor))
    today = AuditEvent.objects.filter(occurred_at__gte=clock.business_midnight(clock.business_date())).count()
    yield from _volume(period, orders_url)
    yield Number(_("In escrow"), yuan(_held(AccountKind.ESCROW)), _("all buyers"), "", "lock")
    yield Number(_("Audit events"), f"{today:,}", _("today"), _list("auditor", "audit_auditevent"), "fact_check")
    yield period.count_chart()
    yield period.amount_chart()
    yield period.states(orders_url)
    yield period.sectors()


def for_operators(actor: Actor) -> Iterator[Figure]:
    """What waits for somebody, then how trade goes. Five queries."""
    orders_url = _list("operator", "orders_order")
    dead = Job.objects.filter(state=JobState.DEAD).count()
    failed = Order.objects.filter(state=OrderState.DELIVERY_FAILED).count()
    unverified = Organization.objects.filter(state=OrganizationState.PENDING).count()
    period = Period("all", orders_visible_to(actor))
    yield Number(
        _("Failed deliveries"),
        f"{failed:,}",
        _("retry or refund"),
        _list("operator", "orders_order", "?state__exact=delivery_failed"),
        "running_with_errors",
    )
    yield Number(
        _("Dead letters"),
        f"{dead:,}",
        _("work that gave up"),
        _list("operator", "outbox_job", "?state__exact=dead"),
        "report",
    )
    yield Number(
        _("Organisations to verify"),
        f"{unverified:,}",
        _("registered, not yet verified"),
        _list("operator", "accounts_organization", "?state__exact=pending"),
        "domain_verification",
    )
    yield Number(_("In escrow"), yuan(_held(AccountKind.ESCROW)), _("all buyers"), "", "lock")
    yield from _volume(period, orders_url)
    yield period.count_chart()
    yield period.amount_chart()
    yield period.states(orders_url)


def for_vendors(actor: Actor) -> Iterator[Figure]:
    """The own sales. Two queries."""
    organization = {"vendor_org_id": actor.organization_id}
    orders_url = _list("vendor", "orders_order")
    period = Period(str(actor.organization_id), Order.objects.filter(**organization))
    open_orders = Order.objects.filter(state=OrderState.DELIVERED, **organization).count()
    yield from _volume(period, orders_url)
    yield Number(
        _("Waiting for acceptance"),
        f"{open_orders:,}",
        _("delivered"),
        f"{orders_url}?state__exact=delivered",
        "hourglass_top",
    )
    yield period.count_chart()
    yield period.amount_chart()
    yield period.states(orders_url)


register(Workspace.AUDITOR, for_auditors)
register(Workspace.OPERATOR, for_operators)
register(Workspace.VENDOR, for_vendors)
