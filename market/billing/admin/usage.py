"""Metered use in the workspaces, to read: meters with a picture of their use, statements, and records one by one."""

import datetime
import uuid
from typing import Any

from django.contrib.admin import register
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from market.billing import selectors
from market.billing.admin.charts import bars, chart
from market.billing.models import Meter, Statement, UsageDay, UsageRecord
from market.billing.states import MeterState
from market.catalog.admin.pages import badge, tables
from market.catalog.price_texts import reason_text, sentence, unit_price_text
from market.catalog.pricing import Line
from market.kernel import clock, money
from market.orders.admin.of_order import OfOrder
from market.workspaces.bases import OrganizationScopedAdmin, WorkspaceAdmin
from market.workspaces.columns import minute_text, yuan
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site, vendor_site

DAYS = 30
"""Days that a picture shows, today included."""

PREPAID = yuan("prepaid", _("paid ahead"))
CHARGED = yuan("charged", _("charged by statements"))
DRAWN_THIS_MONTH = yuan("drawn", _("drawn this month (yuan)"))
DRAWN = yuan("drawn", _("drawn (yuan)"))
AMOUNT = yuan("amount", _("amount (yuan)"))

COLOURS = {MeterState.RUNNING.value: "success", MeterState.STOPPED.value: "danger"}
NEXT = {
    "statement": _("the month is closed into a statement"),
    "last_statement": _("the last statement; what is left of the prepayment goes back to the buyer"),
}


def span() -> tuple[datetime.date, datetime.date]:
    """First and last day of a picture."""
    today = clock.business_date()
    return today - datetime.timedelta(days=DAYS - 1), today


class ReadMeters(OfOrder):
    """How meters look, on every site."""

    icon = "speed"
    list_display = (
        "order", "state_badge", "product", "buyer_org", "vendor_org", "use", "units_text", DRAWN_THIS_MONTH,
        "left_text",
    )  # fmt: skip
    list_filter = ("state", ("began_at", BusinessDayFilter))
    list_select_related = ("order__product", "order__offer", "buyer_org", "vendor_org")
    money_fields = (PREPAID, CHARGED, DRAWN_THIS_MONTH, "left_text", "top_ups", "warned_at")
    contract_fields = ("order_line", "product", "buyer", "vendor", "price", "starts_at", "free_until", "ends_at")
    fieldsets = (
        (_("Use"), {"fields": ("state_line", "picture", "open_line", "next_step", "last_record_at")}),
        (_("Its money (yuan)"), {"fields": money_fields}),
        (_("The contract"), {"fields": contract_fields}),
        (_("Its statements"), {"fields": ("statement_table",)}),
    )
    readonly_fields = tuple(name for _title, options in fieldsets for name in options["fields"])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Meter]:
        """With the days of the picture, for all rows in one more query."""
        first, _last = span()
        recent = Prefetch("days", UsageDay.objects.filter(day__gte=first), to_attr="recent_days")
        return super().get_queryset(request).prefetch_related(recent)

    def every_day(self, meter: Meter) -> list[UsageDay]:
        """Days without use included."""
        first, _last = span()
        known = {used.day: used for used in meter.recent_days}
        days = (first + datetime.timedelta(days=number) for number in range(DAYS))
        return [known.get(day) or UsageDay(day=day, units=0, records=0, drawn=0) for day in days]

    @display(description=_("state"), ordering="state", label=COLOURS)
    def state_badge(self, meter: Meter) -> tuple[str, Any]:
        """The state as a coloured badge."""
        return meter.state, meter.get_state_display()

    @display(description=_("state"))
    def state_line(self, meter: Meter) -> SafeString:
        return badge(meter.state, meter.get_state_display(), COLOURS)

    @display(description=_("last 30 days"))
    def use(self, meter: Meter) -> SafeString:
        """The small picture of use by day."""
        return bars(self.every_day(meter), meter.order.offer.unit, 24)

    @display(description=_("last 30 days"))
    def picture(self, meter: Meter) -> SafeString:
        """The same, larger."""
        return chart(self.every_day(meter), meter.order.offer.unit)

    @display(description=_("units this month"), ordering="units")
    def units_text(self, meter: Meter) -> str:
        return f"{meter.units:,} {meter.order.offer.unit}"

    @display(description=_("left (yuan)"))
    def left_text(self, meter: Meter) -> str:
        """What was paid ahead and nothing has drawn."""
        whole, fen = money.to_text(meter.left).split(".")
        return f"{int(whole):,}.{fen}"

    @display(description=_("open month"))
    def open_line(self, meter: Meter) -> SafeString:
        """How what it has drawn comes about."""
        return lines_table(
            f"{meter.month:%Y-%m}: {meter.units:,} {meter.order.offer.unit}", selectors.open_month(meter).lines
        )

    @display(description=_("next"))
    def next_step(self, meter: Meter) -> Any:
        """What happens by itself next, and when."""
        due = selectors.meter_deadline(meter)
        if due is None:
            return _("Nothing: it has ended.")
        return format_html("{}: {}", minute_text(due["at"]), NEXT[due["what"]])

    @display(description=_("price"))
    def price(self, meter: Meter) -> str:
        return sentence(meter.order.offer)

    @display(description=_("statements"))
    def statement_table(self, meter: Meter) -> SafeString | str:
        """Closed months, each with a link."""
        rows = [
            [
                self.statement_link(closed),
                f"{closed.units:,} {closed.unit}",
                money.to_text(closed.amount),
                f"{closed.records:,}",
            ]
            for closed in selectors.statements_of(meter)
        ]
        headers = [_("month"), _("units"), _("amount (yuan)"), _("records")]
        return tables([("", headers, rows)]) if rows else "-"

    def statement_link(self, statement: Statement) -> SafeString:
        url = reverse(f"{self.admin_site.name}:billing_statement_change", args=[statement.id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, statement)


def lines_table(title: str, lines: Any) -> SafeString:
    """How an amount comes about, line by line."""
    headers = [_("why"), _("units"), _("price of a unit (yuan)"), _("entry fee (yuan)")]
    rows = [
        [reason_text(line), f"{line.quantity:,}", unit_price_text(line.unit_price), money.to_text(line.flat)]
        for line in lines
    ]
    return tables([(title, headers, rows)]) if rows else format_html("{}", title)


class ReadStatements(OfOrder):
    """How statements look, on every site."""

    icon = "request_quote"
    list_display = (
        "month_text",
        "order",
        "product",
        "buyer_org",
        "vendor_org",
        "units_text",
        AMOUNT,
        "closed_at",
    )
    list_filter = ("is_final", "is_capped", ("closed_at", BusinessDayFilter))
    list_select_related = ("order__product", "buyer_org", "vendor_org")
    fields = (
        "month_text", "order_line", "product", "buyer", "vendor", "units_text", "carried", "free_units", "records",
        AMOUNT, "is_capped", "is_final", "line_table", "closed_at", "id",
    )  # fmt: skip
    readonly_fields = fields

    @display(description=_("month"), ordering="month")
    def month_text(self, statement: Statement) -> str:
        return str(statement)

    @display(description=_("units"), ordering="units")
    def units_text(self, statement: Statement) -> str:
        return f"{statement.units:,} {statement.unit}"

    @display(description=_("how it comes about"))
    def line_table(self, statement: Statement) -> SafeString:
        """The frozen lines in words."""
        return lines_table(f"{statement.units:,} {statement.unit}", [Line(**line) for line in statement.lines])


class ReadRecords(OfOrder):
    """How records look, on every site."""

    icon = "receipt_long"
    list_display = ("record_id", "order", "units", "used_at", "month_text", "is_trial", DRAWN, "recorded_at")
    list_filter = (("used_at", BusinessDayFilter), ("recorded_at", BusinessDayFilter), "is_trial")
    list_select_related = ("order",)
    search_help_text = _("Whole order number, the record's id with it after a space, or the record's key")
    fields = (
        "record_id", "order_line", "units", "used_at", "month_text", "is_trial", DRAWN, "taken_back",
        "recorded_at", "id",
    )  # fmt: skip
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[UsageRecord], search_term: str
    ) -> tuple[QuerySet[UsageRecord], bool]:
        """``QS20270305-ABCDEFGHJK gw1-000417``: the unique index begins with the order."""
        number, _space, record_id = search_term.strip().partition(" ")
        try:
            return queryset.filter(id=uuid.UUID(number)), False
        except ValueError:
            found, _may = super().get_search_results(request, queryset, number)
            return (found.filter(record_id=record_id.strip()) if record_id else found), False

    @display(description=_("billed in"), ordering="month")
    def month_text(self, record: UsageRecord) -> str:
        return f"{record.month:%Y-%m}"

    @display(description=_("taken back"))
    def taken_back(self, record: UsageRecord) -> str:
        """Which record it takes back, or which took it back."""
        if record.reverses is not None:
            return f"← {record.reverses}"
        later = UsageRecord.objects.filter(reverses=record).first()
        return f"→ {later}" if later is not None else "-"


@register(Meter, site=operator_site)
@register(Meter, site=auditor_site)
class MeterAdmin(ReadMeters, WorkspaceAdmin):
    """Every meter, to read."""


@register(Meter, site=vendor_site)
class OwnMeterAdmin(ReadMeters, OrganizationScopedAdmin):
    """What the vendor's own buyers use."""

    list_display = ("order", "state_badge", "product", "buyer_org", "use", "units_text", DRAWN_THIS_MONTH, "left_text")


@register(Statement, site=operator_site)
@register(Statement, site=auditor_site)
class StatementAdmin(ReadStatements, WorkspaceAdmin):
    """Every statement, to read."""


@register(Statement, site=vendor_site)
class OwnStatementAdmin(ReadStatements, OrganizationScopedAdmin):
    """The vendor's own statements."""

    list_display = ("month_text", "order", "product", "buyer_org", "units_text", AMOUNT, "closed_at")


@register(UsageRecord, site=operator_site)
@register(UsageRecord, site=auditor_site)
class UsageRecordAdmin(ReadRecords, WorkspaceAdmin):
    """Every record, to read."""


@register(UsageRecord, site=vendor_site)
class OwnUsageRecordAdmin(ReadRecords, OrganizationScopedAdmin):
    """What the vendor itself reported."""
