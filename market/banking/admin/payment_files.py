"""Payment files: made for a run, taken by a treasurer, handed in at the bank."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from market.banking import selectors, services
from market.banking.admin.statements import TREASURERS
from market.banking.forms import PaymentFileForm
from market.banking.models import Payment, PaymentFile
from market.banking.states import FileState
from market.kernel import clock
from market.settlement.errors import PayoutsStopped
from market.workspaces.acts import Act
from market.workspaces.bases import WorkspaceAdmin, WorkspaceInline
from market.workspaces.columns import yuan
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site

TOTAL = yuan("total", _("total (yuan)"))


class PaymentsInline(WorkspaceInline):
    """The payments of a file, a page at a time."""

    model = Payment
    per_page = 50
    hide_title = True
    fields = ("position", "payout", "creditor_name", yuan("payout__amount", _("amount (yuan)")))
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Payment]:
        return super().get_queryset(request).select_related("payout").order_by("position")


class ReadFiles:
    """How payment files look, on every site."""

    icon = "send_money"
    list_display = ("message_id", "cutoff_day", "payment_count", TOTAL, "execute_on", "state", "made_at")
    list_filter = ("state", ("cutoff", BusinessDayFilter))
    search_fields = ("message_id",)
    fields = (
        "message_id", "cutoff_day", "payment_count", TOTAL, "currency", "execute_on", "debtor_name", "debtor_account",
        "debtor_bic", "file_sha256", "state", "made_by", "made_at", "handed_in_by", "handed_in_at",
    )  # fmt: skip
    readonly_fields = fields
    inlines = (PaymentsInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentFile]:
        return selectors.payment_files().order_by("-id")

    @admin.display(description=_("settled before"), ordering="cutoff")
    def cutoff_day(self, file: PaymentFile) -> str:
        return clock.business_date(file.cutoff).isoformat()


@admin.register(PaymentFile, site=operator_site)
class PaymentFileAdmin(ReadFiles, WorkspaceAdmin):
    form = PaymentFileForm
    add_roles = TREASURERS
    fields = (*ReadFiles.fields, "download")
    readonly_fields = fields
    acts = (
        Act(
            "hand-in",
            _("Handed in"),
            lambda actor, file, answers: services.hand_in(actor=actor, file_id=file.id),
            lambda actor, file: actor.role in TREASURERS and file.state == FileState.MADE,
            explanation=_("The bank has the file. Its statements will confirm each payment or bring it back."),
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        take = path(
            "<path:object_id>/file/", self.admin_site.admin_view(self.file_view), name="banking_paymentfile_file"
        )
        return [take, *super().get_urls()]

    def get_fields(self, request: HttpRequest, obj: PaymentFile | None = None) -> tuple[str, ...]:
        return ("day",) if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: PaymentFile | None = None) -> tuple[str, ...]:
        return () if obj is None else self.readonly_fields

    def get_inlines(self, request: HttpRequest, obj: PaymentFile | None) -> tuple:
        return () if obj is None else self.inlines

    def save_model(self, request: HttpRequest, obj: PaymentFile, form: ModelForm, change: bool) -> None:
        cutoff = selectors.cutoff_to_pay(form.cleaned_data["day"])
        made = services.make_payment_file(actor=self.actor(request), cutoff=cutoff)
        obj.id, obj.message_id = made.id, made.message_id

    def response_add(
        self, request: HttpRequest, obj: PaymentFile, post_url_continue: str | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse(f"{self.admin_site.name}:banking_paymentfile_change", args=[obj.id]))

    def file_view(self, request: HttpRequest, object_id: str) -> HttpResponse | StreamingHttpResponse:
        """The file for the bank, for treasurers only: it names accounts in full."""
        if not self._may(request, TREASURERS):
            raise PermissionDenied
        file: Any = self.get_object(request, unquote(object_id))
        if file is None:
            raise Http404
        try:
            file, pieces = services.take_payment_file(actor=self.actor(request), file_id=file.id)
        except PayoutsStopped as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse(f"{self.admin_site.name}:banking_paymentfile_change", args=[file.id]))
        response = StreamingHttpResponse(pieces, content_type="application/xml")
        response["Content-Disposition"] = f'attachment; filename="{file.message_id}.xml"'
        response["Cache-Control"] = "no-store"
        return response

    @admin.display(description=_("file for the bank"))
    def download(self, file: PaymentFile) -> SafeString:
        url = reverse(f"{self.admin_site.name}:banking_paymentfile_file", args=[file.id])
        return format_html('<a class="text-link" href="{}">{}.xml</a>', url, file.message_id)


@admin.register(PaymentFile, site=auditor_site)
class AuditedPaymentFileAdmin(ReadFiles, WorkspaceAdmin):
    pass
