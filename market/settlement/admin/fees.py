"""What the exchange takes: schedules to write, announce, read, and try out on a past month."""

import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.states import Role
from market.kernel import clock
from market.kernel.actors import Actor
from market.settlement import services
from market.settlement.admin.earnings import EarningsMembers
from market.settlement.fee_texts import scale_text
from market.settlement.forms import AnnouncementForm, FeeScheduleForm
from market.settlement.models import FeeSchedule
from market.settlement.selectors import fee_schedules_visible_to
from market.settlement.services.fees import FIRST_YEAR, LAST_YEAR
from market.settlement.simulation import Simulation, csv_of, simulate
from market.workspaces.acts import Act
from market.workspaces.bases import WorkspaceAdmin
from market.workspaces.dashboard import Curve, Curves, yuan
from market.workspaces.sites import auditor_site, operator_site, vendor_site

VENDORS_SHOWN, VENDORS_DRAWN = 100, 12
RATES = ("scale", "special", "vat_general_bps", "vat_small_scale_bps")


class ReadFeeSchedules:
    """How fee schedules look, on every site."""

    icon = "percent"
    list_display = ("named", "scale", "vat_general_bps", "vat_small_scale_bps", "effective_from")
    fields = ("named", *RATES, "effective_from", "created_at")
    readonly_fields = fields

    @admin.display(description=_("version"), ordering="version")
    def named(self, schedule: FeeSchedule) -> str:
        return str(schedule)

    @admin.display(description=_("commission"))
    def scale(self, schedule: FeeSchedule) -> str:
        return scale_text(schedule)

    @admin.display(description=_("special rates"))
    def special(self, schedule: FeeSchedule) -> SafeString | str:
        rates = [(str(rate), scale_text(rate)) for rate in schedule.overrides.all()]
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}: {}</li>", rates)) if rates else "—"

    def get_queryset(self, request: HttpRequest) -> QuerySet[FeeSchedule]:
        return fee_schedules_visible_to(self.actor(request))


def _announce(actor: Actor, schedule: FeeSchedule, answers: dict[str, Any]) -> None:
    services.announce_fee_schedule(actor=actor, schedule_id=schedule.id, **answers)


def _discard(actor: Actor, schedule: FeeSchedule, answers: dict[str, Any]) -> FeeSchedule | None:
    """Its page is gone with it, so another schedule's is shown."""
    services.discard_fee_draft(actor=actor, schedule_id=schedule.id)
    return FeeSchedule.objects.first()


def _is_own_draft(actor: Actor, schedule: FeeSchedule) -> bool:
    return actor.role == Role.OPERATOR and schedule.version is None


@admin.register(FeeSchedule, site=operator_site)
class FeeScheduleAdmin(ReadFeeSchedules, WorkspaceAdmin):
    """Drafts are written here; announced, a schedule is only read."""

    form = FeeScheduleForm
    fields = (*ReadFeeSchedules.fields, "simulation")
    readonly_fields = fields
    add_roles = change_roles = (Role.OPERATOR,)
    acts = (
        Act(
            "announce",
            _("Announce"),
            _announce,
            _is_own_draft,
            form_class=AnnouncementForm,
            explanation=_(
                "It gets the next version and never changes again. What is captured from then on pays by it."
            ),
        ),
        Act(
            "discard",
            _("Throw away"),
            _discard,
            _is_own_draft,
            explanation=_("Nobody has paid by it and nobody will."),
            is_dangerous=True,
        ),
        Act(
            "copy",
            _("Draft the next version"),
            lambda actor, schedule, answers: services.copy_fee_schedule(actor=actor, schedule_id=schedule.id),
            lambda actor, schedule: actor.role == Role.OPERATOR and schedule.version is not None,
            explanation=_("A draft with the same rates, to be changed and announced."),
        ),
    )

    def has_change_permission(self, request: HttpRequest, obj: FeeSchedule | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.version is None)

    def get_fields(self, request: HttpRequest, obj: FeeSchedule | None = None) -> tuple[str, ...]:
        if obj is None:
            return FeeScheduleForm.Meta.fields
        return (*FeeScheduleForm.Meta.fields, "simulation") if self.has_change_permission(request, obj) else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: FeeSchedule | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        return ("simulation",) if self.has_change_permission(request, obj) else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: FeeSchedule, form: ModelForm, change: bool) -> None:
        draft = obj.id if change else None
        obj.id = services.save_fee_draft(actor=self.actor(request), schedule_id=draft, **form.cleaned_data).id

    def response_add(
        self, request: HttpRequest, obj: FeeSchedule, post_url_continue: str | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect(self._page_of(obj))

    @admin.display(description=_("try it out"))
    def simulation(self, schedule: FeeSchedule) -> SafeString:
        url = reverse("operator:settlement_feeschedule_simulation", args=[schedule.id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, _("A past month under this schedule"))

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        name = "settlement_feeschedule_simulation"
        return [
            path("<path:object_id>/simulation/", wrap(self.simulation_view), name=name),
            path("<path:object_id>/simulation.csv", wrap(self.simulation_file), name=f"{name}_csv"),
            *super().get_urls(),
        ]

    def _simulated(self, request: HttpRequest, object_id: str) -> tuple[FeeSchedule, Simulation]:
        if not self.has_view_permission(request):
            raise PermissionDenied
        schedule = self.get_object(request, unquote(object_id))
        if schedule is None:
            raise Http404
        return schedule, simulate(schedule=schedule, month=_month(request))

    def simulation_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A month as it was and as it would have been."""
        schedule, made = self._simulated(request, object_id)
        month = f"{made.month:%Y-%m}"
        file = reverse("operator:settlement_feeschedule_simulation_csv", args=[schedule.id])
        context = self.admin_site.each_context(request) | {
            "title": _("%(month)s under %(schedule)s") % {"month": month, "schedule": schedule},
            "opts": self.opts,
            "media": self.media,
            "schedule": schedule,
            "month": month,
            "latest": f"{clock.business_date():%Y-%m}",
            "back": self._page_of(schedule),
            "file": f"{file}?month={month}",
            "sums": _sums(made),
            "picture": _picture(made),
            "header": HEADER,
            "rows": [(row.name, _numbers(row)) for row in made.vendors[:VENDORS_SHOWN]],
            "more": len(made.vendors) > VENDORS_SHOWN,
            "shown": VENDORS_SHOWN,
            "all": len(made.vendors),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "settlement/simulation.html", context)

    def simulation_file(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        """The same as CSV, all vendors."""
        schedule, made = self._simulated(request, object_id)
        response = StreamingHttpResponse(csv_of(made), content_type="text/csv; charset=utf-8")
        name = f"simulation-{schedule.version or 'draft'}-{made.month:%Y-%m}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "no-store"
        return response


HEADER = (
    _("vendor"), _("gross (yuan)"), _("commission"), _("would be"), _("VAT"), _("would be"), _("net"), _("would be"),
    _("difference"),
)  # fmt: skip


def _numbers(row: Any) -> list[str]:
    amounts = (
        row.gross, row.commission, row.new_commission, row.vat, row.new_vat, row.net, row.new_net, row.difference
    )  # fmt: skip
    return [yuan(amount) for amount in amounts]


def _sums(made: Simulation) -> list[tuple[object, str, str, str]]:
    pairs = (
        (_("Commission"), made.total.commission, made.total.new_commission),
        (_("VAT"), made.total.vat, made.total.new_vat),
        (_("Net of the vendors"), made.total.net, made.total.new_net),
    )
    return [
        (name, yuan(was), yuan(would_be), f"{'+' if would_be >= was else ''}{yuan(would_be - was)}")
        for name, was, would_be in pairs
    ]


def _picture(made: Simulation) -> Curves:
    drawn = made.vendors[:VENDORS_DRAWN]
    curves = [
        Curve(_("as it was"), [row.commission / 100 for row in drawn], colour="var(--color-base-400)"),
        Curve(_("as it would be"), [row.new_commission / 100 for row in drawn]),
    ]
    return Curves(_("Commission of the largest vendors (yuan)"), [row.name for row in drawn], curves)


def _month(request: HttpRequest) -> datetime.date:
    """The month that was asked for; what makes no sense, and nothing, is last month."""
    last = (clock.business_date().replace(day=1) - datetime.timedelta(days=1)).replace(day=1)
    try:
        month = datetime.date.fromisoformat(f"{request.GET.get('month', '')}-01")
    except ValueError:
        return last
    return month if FIRST_YEAR <= month.year <= LAST_YEAR else last


@admin.register(FeeSchedule, site=auditor_site)
class AuditedFeeScheduleAdmin(ReadFeeSchedules, WorkspaceAdmin):
    pass


@admin.register(FeeSchedule, site=vendor_site)
class PublishedFeeScheduleAdmin(EarningsMembers, ReadFeeSchedules, WorkspaceAdmin):
    """Every vendor pays by the same schedules, but does not see drafts and what others have been granted."""
