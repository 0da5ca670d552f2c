"""What settlement shows on the workspaces' first pages."""

import datetime
import uuid
from collections.abc import Iterator

from django.db.models import Count, QuerySet, Sum
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.states import Role
from market.catalog.states import Sector
from market.kernel import clock
from market.kernel.actors import Actor
from market.ledger.models import Account
from market.ledger.states import AccountKind
from market.settlement.errors import NoFeeSchedule
from market.settlement.fee_texts import per_cent
from market.settlement.models import Payout, SettlementBatch
from market.settlement.selectors import (
    AGES,
    last_close,
    last_report,
    open_stop,
    receivables_by_age,
    scales_of,
    volume_of,
)
from market.settlement.states import PayoutState
from market.workspaces import notices
from market.workspaces.access import Workspace
from market.workspaces.dashboard import Chart, Figure, Number, Panel, Share, Shares, register, yuan

DAYS_SHOWN = 30


def _figures(site: str, vendor_id: uuid.UUID | None) -> Iterator[Figure]:
    """What is owed, what is under way, what was settled lately, of one vendor or of all: four queries."""

    def own(rows: QuerySet, column: str = "vendor_org_id") -> QuerySet:
        return rows if vendor_id is None else rows.filter(**{column: vendor_id})

    payables = own(Account.objects.filter(kind=AccountKind.PAYABLE), "organization_id")
    owed = payables.aggregate(total=Sum("balance"))["total"] or 0
    title = _("Owed to vendors") if vendor_id is None else _("Owed to you")
    yield Number(title, yuan(int(owed)), _("captured and not paid out"), icon="savings")

    alive = own(Payout.objects.filter(state__in=[PayoutState.PENDING, PayoutState.SENT]))
    counts = dict(alive.order_by().values_list("state").annotate(Count("id")))
    page = reverse(f"{site}:settlement_payout_changelist")
    for state, title in ((PayoutState.PENDING, _("Payouts waiting")), (PayoutState.SENT, _("Payouts on their way"))):
        url = f"{page}?state__exact={state}"
        yield Number(title, f"{counts.get(state, 0):,}", url=url, icon="payments")

    ages = receivables_by_age(vendor_id)
    if ages:
        sums = {age: sum(owed[age] for owed in ages.values()) for age in AGES}
        title = _("Owed by vendors, by days") if vendor_id is None else _("What you owe, by days")
        url = reverse(f"{site}:settlement_refund_changelist")
        yield Shares(title, [Share(age, amount, yuan(amount), url) for age, amount in sums.items()])

    since = clock.now() - datetime.timedelta(days=DAYS_SHOWN)
    batches = own(SettlementBatch.objects.filter(cutoff__gte=since)).order_by("cutoff").values_list("cutoff")
    days: dict[str, int] = {}
    for cutoff, net in batches.annotate(total=Sum("net")):
        day = clock.business_date(cutoff).isoformat()
        days[day] = days.get(day, 0) + int(net)
    yield Chart(_("Settled, by cutoff"), list(days), [net / 100 for net in days.values()], unit=_("yuan"))


def tiers(actor: Actor) -> Iterator[Figure]:
    """What the vendor has sold this month on its way through the tiers of the commission: three queries."""
    try:
        scales = scales_of(actor.organization_id)
    except NoFeeSchedule:
        return
    volume, url = volume_of(actor.organization_id), reverse("vendor:settlement_feeschedule_changelist")
    for scale in scales:
        rates = [(0, scale.rates.commission_bps), *scale.rates.tiers]
        now = max(tier for tier in rates if tier[0] <= volume)
        title = _("Commission now: %(rate)s") % {"rate": per_cent(now[1])}
        if scale.sector:
            title = f"{title} · {Sector(scale.sector).label}"
        parts = [Share(_("Sold this month"), volume, yuan(volume), url)]
        for begins, bps in rates:
            if begins > volume:
                words = {"rate": per_cent(bps), "volume": yuan(begins)}
                left = _("%(amount)s to go") % {"amount": yuan(begins - volume)}
                parts.append(Share(_("%(rate)s from %(volume)s on") % words, begins, left, url))
                break
        yield Shares(title, parts)


def everything(site: str) -> Panel:
    """The panel of a site whose members see all vendors."""

    def panel(actor: Actor) -> Iterator[Figure]:
        return _figures(site, None)

    return panel


def own(actor: Actor) -> Iterator[Figure]:
    """The panel of a vendor's members who handle its money."""
    if actor.role in (Role.OWNER, Role.FINANCE):
        yield from _figures("vendor", actor.organization_id)
        yield from tiers(actor)


def books(site: str) -> Panel:
    """Whether the books add up, for those who run or audit the exchange: two queries."""

    def panel(actor: Actor) -> Iterator[Figure]:
        report, close = last_report(), last_close()
        if report is None:
            return
        value = _("Every fen adds up") if report.is_clean else _("Drift")
        note = _("closed up to %(day)s") % {"day": close.day} if close else ""
        url = reverse(f"{site}:settlement_reconciliationreport_change", args=[report.id])
        yield Number(_("Books"), str(value), note, url=url, icon="balance")

    return panel


def stop_notice(site: str) -> notices.Source:
    """The banner that shows while payments to vendors are stopped: one query."""

    def source(actor: Actor) -> Iterator[notices.Notice]:
        stop = open_stop()
        if stop is not None:
            url = reverse(f"{site}:settlement_payoutstop_change", args=[stop.id])
            text = _("The books do not add up: payments to vendors are stopped since %(day)s.") % {"day": stop}
            yield notices.Notice(text, url)

    return source


for _workspace, _site in ((Workspace.OPERATOR, "operator"), (Workspace.AUDITOR, "auditor")):
    register(_workspace, books(_site))
    notices.register(_workspace, stop_notice(_site))
register(Workspace.OPERATOR, everything("operator"))
register(Workspace.AUDITOR, everything("auditor"))
register(Workspace.VENDOR, own)
