from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from accounts.states import Role
from market.kernel.actors import Actor
from market.settlement import services
from market.settlement.forms import RefundForm
from market.settlement.models import BatchLine, Capture, Payout, SettlementBatch
from market.settlement.states import PayoutState
from market.workspaces.acts import Act, ReasonForm
from market.workspaces.bases import OrganizationScope, OrganizationScopedAdmin, WorkspaceAdmin, WorkspaceInline
from market.workspaces.columns import yuan
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site, vendor_site

LINES_A_PAGE = 50
NET, GROSS = yuan("net", _("net (yuan)")), yuan("gross", _("gross (yuan)"))
COMMISSION, VAT = yuan("commission", _("commission (yuan)")), yuan("vat", _("VAT (yuan)"))
CARRIED = yuan("carried", _("carried over (yuan)"))
AMOUNT = yuan("amount", _("amount (yuan)"))


class EarningsMembers:
    """On the vendor site, what the organisation earns is for those who handle its money."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request, (Role.OWNER, Role.FINANCE))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, (Role.OWNER, Role.FINANCE))


class ReadCaptures:
    """How captures look, on every site."""

    icon = "call_split"
    list_display = ("order", "charge", GROSS, NET, COMMISSION, VAT, "schedule", "captured_at")
    list_filter = (("captured_at", BusinessDayFilter), "taxpayer_type")
    list_select_related = ("order", "charge", "vendor_org", "schedule")
    search_fields = ("order__number",)
    fields = (
        "order",
        "charge",
        "vendor_org",
        GROSS,
        NET,
        COMMISSION,
        VAT,
        "currency",
        "schedule",
        "taxpayer_type",
        "sector",
        yuan("volume_before", _("captured before in the month (yuan)")),
        "captured_at",
    )
    readonly_fields = fields


def _refund(actor: Actor, capture: Capture, answers: dict[str, Any]) -> None:
    services.refund_captured(actor=actor, order_id=capture.order_id, **answers)


def _may_refund(actor: Actor, capture: Capture) -> bool:
    return actor.role == Role.OPERATOR


@admin.register(Capture, site=auditor_site)
class CaptureAdmin(ReadCaptures, WorkspaceAdmin):
    list_display = ("order", "vendor_org", *ReadCaptures.list_display[1:])
    search_fields = (*ReadCaptures.search_fields, "vendor_org__name")


@admin.register(Capture, site=operator_site)
class RefundableCaptureAdmin(CaptureAdmin):
    acts = (
        Act(
            "refund",
            _("Refund the order"),
            _refund,
            _may_refund,
            form_class=RefundForm,
            explanation=_(
                "The buyer gets the money at once. Net, commission and VAT are taken back in the proportions captured; "
                "what the vendor no longer holds, it owes, and its next captures repay it."
            ),
            is_dangerous=True,
        ),
    )


@admin.register(Capture, site=vendor_site)
class OwnCaptureAdmin(EarningsMembers, ReadCaptures, OrganizationScopedAdmin):
    pass


class LinesInline(WorkspaceInline):
    """The captured orders of a batch, a page at a time."""

    model = BatchLine
    verbose_name = _("order")
    verbose_name_plural = _("orders")
    per_page = LINES_A_PAGE
    hide_title = True
    fields = (
        "order_number",
        "part",
        yuan("capture__gross", _("gross (yuan)")),
        yuan("capture__net", _("net (yuan)")),
        yuan("capture__commission", _("commission (yuan)")),
        yuan("capture__vat", _("VAT (yuan)")),
        "captured_at",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("capture__order", "capture__charge")

    @admin.display(description=_("order number"))
    def order_number(self, line: BatchLine) -> str:
        return line.capture.order.number

    @admin.display(description=_("part of the order"))
    def part(self, line: BatchLine) -> str:
        return line.capture.charge.part

    @admin.display(description=_("captured"))
    def captured_at(self, line: BatchLine) -> str:
        return date_format(timezone.localtime(line.capture.captured_at), "DATETIME_FORMAT")


class PayoutsInline(WorkspaceInline):
    """The payments of a batch; more than one only when one bounced."""

    model = Payout
    fields = ("reference", AMOUNT, "state", "hold", "sent_at", "ended_at", "bounce_reason")
    readonly_fields = fields
    hide_title = True
    show_change_link = True


class OwnLinesInline(EarningsMembers, OrganizationScope, LinesInline):
    pass


class OwnPayoutsInline(EarningsMembers, OrganizationScope, PayoutsInline):
    pass


class ReadBatches:
    """How batches look, on every site."""

    icon = "account_balance"
    list_display = ("cutoff", "order_count", GROSS, NET, COMMISSION, VAT, "created_at")
    list_filter = (("cutoff", BusinessDayFilter),)
    list_select_related = ("vendor_org",)
    fields = ("vendor_org", "cutoff", "order_count", GROSS, NET, COMMISSION, VAT, CARRIED, "currency", "created_at")
    readonly_fields = fields
    inlines = (PayoutsInline, LinesInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("vendor_org")


@admin.register(SettlementBatch, site=operator_site)
@admin.register(SettlementBatch, site=auditor_site)
class BatchAdmin(ReadBatches, WorkspaceAdmin):
    list_display = ("vendor_org", *ReadBatches.list_display)
    search_fields = ("vendor_org__name",)


@admin.register(SettlementBatch, site=vendor_site)
class OwnBatchAdmin(EarningsMembers, ReadBatches, OrganizationScopedAdmin):
    inlines = (OwnPayoutsInline, OwnLinesInline)


class ReadPayouts:
    """How payouts look, on every site."""

    icon = "payments"
    list_display = ("reference", AMOUNT, "state", "hold", "sent_at")
    list_filter = ("state", "hold", ("created_at", BusinessDayFilter))
    list_select_related = ("vendor_org", "batch")
    search_fields = ("reference",)
    fields = (
        "reference", "batch", "vendor_org", AMOUNT, "currency", "state", "hold", "to_account", "to_code",
        "sent_at", "ended_at", "bounce_reason", "created_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("to bank account"))
    def to_account(self, payout: Payout) -> str:
        return payout.shown_bank_account

    @admin.display(description=_("to bank code"))
    def to_code(self, payout: Payout) -> str:
        return payout.shown_bank_code


def payout_act(
    name: str,
    label: str,
    service: Any,
    *states: str,
    when: Callable[[Actor, Payout], bool] = lambda actor, payout: True,
    **options: Any,
) -> Act:
    """A button for treasurers on payouts in one of ``states``, when ``when`` says so too."""

    def perform(actor: Actor, payout: Payout, answers: dict[str, Any]) -> None:
        service(actor=actor, payout_id=payout.id, **answers)

    def is_offered(actor: Actor, payout: Payout) -> bool:
        return actor.role in (Role.OPERATOR, Role.FINANCE) and payout.state in states and when(actor, payout)

    return Act(name, label, perform, is_offered, **options)


class ReadPayoutsAndWho(ReadPayouts):
    """With the persons of the exchange who released it, which are no business of the vendor's."""

    fields = (*ReadPayouts.fields, "needs_approval", "released_by", "approved_by")
    readonly_fields = fields


@admin.register(Payout, site=operator_site)
class PayoutAdmin(ReadPayoutsAndWho, WorkspaceAdmin):
    list_display = ("reference", "vendor_org", *ReadPayouts.list_display[1:])
    search_fields = (*ReadPayouts.search_fields, "vendor_org__name")
    acts = (
        payout_act(
            "send",
            _("Send"),
            services.send_payout,
            PayoutState.PENDING,
            when=lambda actor, payout: not payout.needs_approval or payout.approved_by_id is not None,
            explanation=_(
                "It goes to the bank account that the vendor has on file now: check it if the last payment came back."
            ),
        ),
        payout_act(
            "release",
            _("Release"),
            services.release_payout,
            PayoutState.PENDING,
            when=lambda actor, payout: payout.needs_approval and payout.released_by_id is None,
            explanation=_("It is above the limit: another person must then approve it, and with that it is sent."),
        ),
        payout_act(
            "approve",
            _("Approve"),
            services.approve_payout,
            PayoutState.PENDING,
            when=lambda actor, payout: (
                payout.approved_by_id is None and payout.released_by_id not in (None, actor.user_id)
            ),
            explanation=_("You are the second person: the payout is sent at once."),
        ),
        payout_act(
            "void",
            _("Give up"),
            services.void_payout,
            PayoutState.PENDING,
            form_class=ReasonForm,
            explanation=_("It will not be sent. What of it is still payable is due with the vendor's next batch."),
            is_dangerous=True,
        ),
        payout_act(
            "confirm",
            _("Confirm"),
            services.confirm_payout,
            PayoutState.SENT,
            explanation=_("The bank's statement shows that the payment left. It may still come back."),
        ),
        payout_act(
            "bounce",
            _("Came back"),
            services.bounce_payout,
            PayoutState.SENT,
            PayoutState.CONFIRMED,
            form_class=ReasonForm,
            explanation=_("The bank returned the payment: the money is payable again, and a new payout waits."),
            is_dangerous=True,
        ),
    )


@admin.register(Payout, site=auditor_site)
class AuditedPayoutAdmin(ReadPayoutsAndWho, WorkspaceAdmin):
    list_display = ("reference", "vendor_org", *ReadPayouts.list_display[1:])
    search_fields = (*ReadPayouts.search_fields, "vendor_org__name")


@admin.register(Payout, site=vendor_site)
class OwnPayoutAdmin(EarningsMembers, ReadPayouts, OrganizationScopedAdmin):
    pass
