"""Subscriptions in the workspaces: vendors see their subscribers and may decline to renew, the others read."""

from collections import Counter
from typing import Any

from django.contrib.admin import register
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from market.billing import selectors, services
from market.billing.models import Period, Subscription
from market.billing.states import PeriodState, Renewal, SubscriptionState
from market.catalog.admin.pages import badge, tables
from market.kernel import money
from market.kernel.actors import Actor
from market.orders.admin.of_order import OfOrder, order_link
from market.workspaces.acts import Act
from market.workspaces.bases import OrganizationScopedAdmin, WorkspaceAdmin
from market.workspaces.columns import minute_text
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site, vendor_site

COLOURS = {
    SubscriptionState.RUNNING.value: "success",
    SubscriptionState.PAST_DUE.value: "warning",
    SubscriptionState.SUSPENDED.value: "danger",
}
NEXT = {
    "payment": _("the next instalment is drawn"),
    "notice": _("the buyer is told of the renewal"),
    "renewal": _("another term follows"),
    "term_end": _("the term is over"),
    "suspension": _("suspended, unless the late instalment is paid"),
    "end": _("ended, unless the late instalment is paid"),
}


def months_chart(periods: list[Period]) -> SafeString:
    """One block a month, dark when over and charged, light when paid ahead; the numbers stand in the title."""
    counts = Counter(period.state for period in periods)
    title = ", ".join(f"{PeriodState(state).label} {counts[state]}" for state in PeriodState if counts[state])
    blocks = format_html_join("", '<span class="{}"></span>', ((period.state,) for period in periods))
    return format_html('<div class="workspace-months" role="img" title="{0}" aria-label="{0}">{1}</div>', title, blocks)


def legend(periods: list[Period]) -> SafeString:
    """What the blocks mean, with their numbers and yuan."""
    counts = Counter(period.state for period in periods)
    sums = Counter()
    for period in periods:
        sums[period.state] += period.amount
    lines = (
        (state.value, state.label, counts[state], money.to_text(sums[state])) for state in PeriodState if counts[state]
    )
    entry = '<span><span class="workspace-months"><span class="{}"></span></span>{}: {} ({})</span>'
    return format_html('<div class="workspace-legend">{}</div>', format_html_join("", entry, lines))


class ReadSubscriptions(OfOrder):
    """How subscriptions look, on every site."""

    icon = "event_repeat"
    list_display = (
        "order", "state_badge", "product", "buyer_org", "vendor_org", "months", "next_payment", "renewal",
        "ends_before",
    )  # fmt: skip
    list_filter = ("state", "renewal", "is_instalment", ("began_at", BusinessDayFilter))
    list_select_related = ("order__product", "buyer_org", "vendor_org")
    search_help_text = _("Whole order number, or the subscription's key")
    fieldsets = (
        (_("Where it stands"), {"fields": ("state_line", "next_step", "months_line", "renewal_line")}),
        (_("The contract"), {"fields": ("order_line", "product", "buyer", "vendor", "term", "price")}),
        (_("Its months"), {"fields": ("month_table",)}),
    )
    readonly_fields = (
        "state_line", "next_step", "months_line", "renewal_line", "order_line", "product", "buyer", "vendor", "term",
        "price", "month_table",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        """With the next payment, and the months of all rows in one more query."""
        return selectors.with_next_payment(super().get_queryset(request)).prefetch_related("periods")

    @display(description=_("state"), ordering="state", label=COLOURS)
    def state_badge(self, subscription: Subscription) -> tuple[str, Any]:
        """The state as a coloured badge."""
        return subscription.state, subscription.get_state_display()

    @display(description=_("months"))
    def months(self, subscription: Subscription) -> SafeString:
        """The small chart of months paid and ahead."""
        return months_chart(list(subscription.periods.all()))

    @display(description=_("next payment"))
    def next_payment(self, subscription: Subscription) -> str:
        """When and how much is drawn next."""
        if subscription.next_due_on is None or subscription.state == SubscriptionState.ENDED:
            return "-"
        return f"{subscription.next_due_on} · {subscription.currency} {money.to_text(subscription.next_amount)}"

    @display(description=_("state"))
    def state_line(self, subscription: Subscription) -> SafeString:
        """The state, and why it ended."""
        shown = badge(subscription.state, subscription.get_state_display(), COLOURS)
        return format_html("{} {}", shown, subscription.get_end_reason_display())

    @display(description=_("next"))
    def next_step(self, subscription: Subscription) -> Any:
        """What happens by itself next, and when."""
        due = selectors.next_deadline(subscription)
        if due is None:
            return _("Nothing: it has ended.")
        return format_html("{}: {}", minute_text(due["at"]), NEXT[due["what"]])

    @display(description=_("months"))
    def months_line(self, subscription: Subscription) -> SafeString:
        """The chart with its meaning."""
        periods = list(subscription.periods.all())
        return format_html("<div>{}{}</div>", months_chart(periods), legend(periods))

    @display(description=_("at the end of the term"))
    def renewal_line(self, subscription: Subscription) -> SafeString | str:
        """Whether another term follows, and the day of notice."""
        text = Renewal(subscription.renewal).label
        following = getattr(subscription.order, "renewed_by", None)
        if following is not None:
            return format_html("{} · {}", text, order_link(self.admin_site, following.id, following.number))
        if subscription.renewal_refusal:
            return f"{text} · {subscription.renewal_refusal}"
        if subscription.renewal == Renewal.AUTOMATIC:
            return format_html("{} · {} {}", text, _("notice on"), subscription.notice_on.isoformat())
        return text

    @display(description=_("term"))
    def term(self, subscription: Subscription) -> SafeString:
        """First paid day, and the day on which it is over."""
        return format_html("{} – {}", subscription.starts_on.isoformat(), subscription.ends_before.isoformat())

    @display(description=_("price of the term (yuan)"))
    def price(self, subscription: Subscription) -> SafeString:
        """The whole price, and how it is paid."""
        how = _("paid by the month") if subscription.is_instalment else _("paid at once")
        return format_html("{} · {}", money.to_text(subscription.amount), how)

    @display(description=_("months"))
    def month_table(self, subscription: Subscription) -> SafeString:
        """Every month with its days, amount and state."""
        headers = [_("month"), _("begins"), _("ends before"), _("due on"), _("amount (yuan)"), _("state")]
        rows = [
            [
                period.number,
                period.starts_on.isoformat(),
                period.ends_before.isoformat(),
                period.due_on.isoformat(),
                money.to_text(period.amount),
                period.get_state_display(),
            ]
            for period in subscription.periods.all()
        ]
        return tables([("", headers, rows)])


@register(Subscription, site=operator_site)
@register(Subscription, site=auditor_site)
class SubscriptionAdmin(ReadSubscriptions, WorkspaceAdmin):
    """Every subscription, to read."""


def may_decline(actor: Actor, subscription: Subscription) -> bool:
    return "decline" in selectors.acts_open_to(actor, subscription)


def decline(actor: Actor, subscription: Subscription, given: dict[str, Any]) -> None:
    services.decline_renewal(actor=actor, subscription_id=subscription.id)


@register(Subscription, site=vendor_site)
class SubscriberAdmin(ReadSubscriptions, OrganizationScopedAdmin):
    """The vendor's own subscribers."""

    list_display = ("order", "state_badge", "product", "buyer_org", "months", "next_payment", "renewal", "ends_before")
    acts = (
        Act(
            "decline",
            _("Do not renew"),
            decline,
            may_decline,
            explanation=_(
                "The contract ends with its term, and the buyer sees it at once. You can say so until the day on which "
                "the buyer is told of the renewal; after that day it may count on another term."
            ),
            is_dangerous=True,
        ),
    )
