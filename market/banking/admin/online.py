"""Online payments: what buyers started, and what providers received; what is left in doubt is decided here."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from market.banking import selectors, services
from market.banking.admin.statements import TREASURERS
from market.banking.forms import BuyerForm
from market.banking.models import OnlinePayment, PaymentIntent
from market.banking.states import OnlineState
from market.kernel.actors import Actor
from market.workspaces.acts import Act, ReasonForm
from market.workspaces.bases import WorkspaceAdmin
from market.workspaces.columns import yuan
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site

AMOUNT = yuan("amount", _("amount (yuan)"))


@admin.register(PaymentIntent, site=operator_site)
@admin.register(PaymentIntent, site=auditor_site)
class IntentAdmin(WorkspaceAdmin):
    """Nothing is done to them here: the buyer pays, and the provider says so."""

    icon = "shopping_cart_checkout"
    list_display = ("reference", "buyer_org", AMOUNT, "provider", "state", "started_at", "paid_at")
    list_filter = ("state", "provider", ("started_at", BusinessDayFilter))
    search_fields = ("reference", "buyer_org__name")
    fields = (
        "reference", "buyer_org", AMOUNT, "currency", "provider", "state", "started_by", "started_at", "expires_at",
        "paid_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentIntent]:
        return super().get_queryset(request).select_related("buyer_org", "started_by")


class ReadOnlinePayments:
    """How payments look, on every site."""

    icon = "credit_score"
    list_display = ("transaction_id", "provider", AMOUNT, "currency", "state", "doubt", "buyer_org", "received_at")
    list_filter = ("state", "doubt", "provider", ("received_at", BusinessDayFilter))
    search_fields = ("transaction_id", "reference")
    fields = (
        "transaction_id", "provider", "reference", AMOUNT, "currency", "intent", "state", "doubt", "buyer_org",
        "received_at", "reason", "decided_by", "decided_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[OnlinePayment]:
        return selectors.online_payments().order_by("-id")


def payment_act(name: str, label: str, service: Any, **options: Any) -> Act:
    """A button for treasurers on payments that wait."""

    def perform(actor: Actor, payment: OnlinePayment, answers: dict[str, Any]) -> None:
        service(actor=actor, payment_id=payment.id, **answers)

    def is_offered(actor: Actor, payment: OnlinePayment) -> bool:
        return actor.role in TREASURERS and payment.state == OnlineState.WAITING

    return Act(name, label, perform, is_offered, **options)


@admin.register(OnlinePayment, site=operator_site)
class OnlinePaymentAdmin(ReadOnlinePayments, WorkspaceAdmin):
    acts = (
        payment_act(
            "assign",
            _("It is a buyer's"),
            services.assign_online_payment,
            form_class=BuyerForm,
            explanation=_("The money goes into the buyer's wallet at once. This is final."),
        ),
        payment_act(
            "aside",
            _("Set aside"),
            services.set_online_payment_aside,
            form_class=ReasonForm,
            explanation=_("Give the money back at the provider first: here no money moves."),
            is_dangerous=True,
        ),
    )


@admin.register(OnlinePayment, site=auditor_site)
class AuditedOnlinePaymentAdmin(ReadOnlinePayments, WorkspaceAdmin):
    pass
