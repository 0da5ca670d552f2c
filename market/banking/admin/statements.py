"""What the bank said, for operators and auditors; what is left in doubt is decided here."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.states import Role
from market.banking import selectors, services
from market.banking.forms import BuyerForm, PayoutForm, ProviderForm, StatementForm
from market.banking.models import BankLine, BankStatement
from market.banking.states import LineState
from market.kernel.actors import Actor
from market.workspaces.acts import Act, ReasonForm
from market.workspaces.bases import WorkspaceAdmin, WorkspaceInline
from market.workspaces.columns import yuan
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site

TREASURERS = (Role.OPERATOR, Role.FINANCE)
AMOUNT = yuan("amount", _("amount (yuan)"))
BALANCES = (
    yuan("opening", _("opening (yuan)")),
    yuan("credits", _("credits (yuan)")),
    yuan("debits", _("debits (yuan)")),
    yuan("closing", _("closing (yuan)")),
)


class ReadLines:
    """How lines look, on every site."""

    icon = "receipt_long"
    list_display = ("booked_on", "side", AMOUNT, "party_name", "words", "state", "doubt", "buyer_org", "payout")
    list_display_links = ("booked_on",)
    list_filter = ("state", "doubt", "is_credit")
    list_select_related = ("buyer_org", "payout")
    search_fields = ("bank_reference", "payment_reference", "code")
    search_help_text = _("The bank's reference, a payment reference or a remittance code, in full")
    fields = (
        "statement", "bank_reference", "booked_on", "value_on", "side", AMOUNT, "currency", "party_name",
        "party_account", "end_to_end_id", "remittance_text", "is_return", "return_reason", "state", "doubt", "code",
        "payment_reference", "buyer_org", "payout", "return_reference", "reason", "decided_by", "decided_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[BankLine]:
        return selectors.lines().order_by("-id")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[BankLine], search_term: str
    ) -> tuple[QuerySet[BankLine], bool]:
        """Whole references only."""
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(Q(bank_reference=term) | Q(payment_reference=term) | Q(code=term)), False

    @admin.display(description=_("credit or debit"), ordering="is_credit")
    def side(self, line: BankLine) -> str:
        return _("credit") if line.is_credit else _("debit")

    @admin.display(description=_("words on the payment"))
    def words(self, line: BankLine) -> str:
        return Truncator(line.remittance_text).chars(60)


def queue_act(name: str, label: str, service: Any, sides: tuple[bool, ...], **options: Any) -> Act:
    """A button for treasurers on waiting lines of these sides (True for credits)."""

    def perform(actor: Actor, line: BankLine, answers: dict[str, Any]) -> None:
        service(actor=actor, line_id=line.id, **answers)

    def is_offered(actor: Actor, line: BankLine) -> bool:
        return actor.role in TREASURERS and line.state == LineState.WAITING and line.is_credit in sides

    return Act(name, label, perform, is_offered, **options)


@admin.register(BankLine, site=operator_site)
class BankLineAdmin(ReadLines, WorkspaceAdmin):
    acts = (
        queue_act(
            "assign",
            _("It is a buyer's"),
            services.assign_to_buyer,
            (True,),
            form_class=BuyerForm,
            explanation=_("The money goes into the buyer's wallet at once. This is final."),
        ),
        queue_act(
            "payout",
            _("It is a payout's"),
            services.assign_to_payout,
            (True, False),
            form_class=PayoutForm,
            explanation=_("Money that went out confirms the payout; money that came in is that payment coming back."),
        ),
        queue_act(
            "provider",
            _("It is the payment provider's"),
            services.assign_to_provider,
            (True,),
            form_class=ProviderForm,
            explanation=_("The provider pays over what buyers have paid to it. Their wallets have the money already."),
        ),
        queue_act(
            "return",
            _("Return to the sender"),
            services.return_to_sender,
            (True,),
            form_class=ReasonForm,
            explanation=_("It is nobody's here. Order the payment at the bank under the reference that you get."),
            is_dangerous=True,
        ),
        queue_act(
            "aside",
            _("Set aside"),
            services.set_aside,
            (True, False),
            form_class=ReasonForm,
            explanation=_("Such as the bank's own fees, or what has been booked by hand: no money moves."),
            is_dangerous=True,
        ),
    )


@admin.register(BankLine, site=auditor_site)
class AuditedBankLineAdmin(ReadLines, WorkspaceAdmin):
    pass


class LinesInline(WorkspaceInline):
    """The lines of a statement, a page at a time."""

    model = BankLine
    per_page = 50
    hide_title = True
    show_change_link = True
    verbose_name_plural = _("lines that were new")
    fields = ("booked_on", "is_credit", AMOUNT, "party_name", "state", "doubt", "buyer_org", "payout")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[BankLine]:
        return super().get_queryset(request).select_related("buyer_org", "payout").order_by("entry", "detail")


class ReadStatements:
    """How statements look, on every site."""

    icon = "account_balance"
    list_display = ("statement_id", "closed_on", *BALANCES, "line_count", "waiting", "imported_at")
    list_filter = (("imported_at", BusinessDayFilter),)
    search_fields = ("statement_id",)
    fields = (
        "statement_id", "account", "opened_on", "closed_on", *BALANCES, "currency", "line_count", "waiting",
        "version", "file_sha256", "imported_by", "imported_at",
    )  # fmt: skip
    readonly_fields = fields
    inlines = (LinesInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BankStatement]:
        open_lines = Count("lines", filter=Q(lines__state=LineState.WAITING))
        return selectors.statements().annotate(open_lines=open_lines).order_by("-id")

    @admin.display(description=_("lines that wait"))
    def waiting(self, statement: BankStatement) -> int:
        return statement.open_lines


@admin.register(BankStatement, site=operator_site)
class BankStatementAdmin(ReadStatements, WorkspaceAdmin):
    form = StatementForm
    add_roles = TREASURERS

    def get_fields(self, request: HttpRequest, obj: BankStatement | None = None) -> tuple[str, ...]:
        return ("file",) if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: BankStatement | None = None) -> tuple[str, ...]:
        return () if obj is None else self.readonly_fields

    def get_inlines(self, request: HttpRequest, obj: BankStatement | None) -> tuple:
        return () if obj is None else self.inlines

    def save_model(self, request: HttpRequest, obj: BankStatement, form: ModelForm, change: bool) -> None:
        found = services.import_statement(actor=self.actor(request), file=form.cleaned_data["file"])
        obj.id, obj.statement_id = found.statements[0].id, found.statements[0].statement_id
        request.found = found

    def response_add(
        self, request: HttpRequest, obj: BankStatement, post_url_continue: str | None = None
    ) -> HttpResponse:
        """To the statement, with a word about what came of its lines."""
        found = request.found
        if found.new:
            waiting = found.by_state.get(LineState.WAITING, 0)
            text = ngettext(
                "%(new)d new line, of which %(waiting)d waits for a decision.",
                "%(new)d new lines, of which %(waiting)d wait for a decision.",
                found.new,
            )
            messages.success(request, text % {"new": found.new, "waiting": waiting})
        else:
            messages.info(request, _("Nothing new: all of it had been imported before."))
        return HttpResponseRedirect(reverse(f"{self.admin_site.name}:banking_bankstatement_change", args=[obj.id]))


@admin.register(BankStatement, site=auditor_site)
class AuditedBankStatementAdmin(ReadStatements, WorkspaceAdmin):
    pass
