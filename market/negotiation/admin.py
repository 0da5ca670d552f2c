"""Quotes in the workspaces: vendors answer in theirs, operators and auditors read."""

import datetime
from collections.abc import Iterator
from typing import Any

from django.contrib.admin import SimpleListFilter, register
from django.db.models import Case, Model, QuerySet, Value, When
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from market.catalog.admin.pages import badge, price_text
from market.catalog.states import PriceModel
from market.kernel import clock, money
from market.kernel.actors import Actor
from market.negotiation import selectors, services
from market.negotiation.forms import TERMS, AnswerForm, LastWordForm, QuestionForm, answer_of
from market.negotiation.models import Quote, QuoteRound
from market.negotiation.states import HAS_THE_WORD, OPEN, QuoteAct, QuoteState, Side
from market.workspaces.acts import Act
from market.workspaces.bases import OrganizationScopedAdmin, WholeNumberSearch, WorkspaceAdmin
from market.workspaces.columns import minute_text
from market.workspaces.filters import BusinessDayFilter
from market.workspaces.sites import auditor_site, operator_site, vendor_site

COLOURS = {
    QuoteState.ASKED.value: "warning",
    QuoteState.ASKED_BACK.value: "info",
    QuoteState.OFFERED.value: "primary",
    QuoteState.ACCEPTED.value: "success",
    QuoteState.DECLINED.value: "danger",
}


class WaitingFilter(SimpleListFilter):
    """By whose answer is due."""

    title = _("waiting for")
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: WorkspaceAdmin) -> list[tuple[str, Any]]:
        return [(side.value, side.label) for side in (Side.VENDOR, Side.BUYER)] + [("nobody", _("nobody: closed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Quote]) -> QuerySet[Quote]:
        if self.value() == "nobody":
            return queryset.exclude(state__in=OPEN)
        if self.value() in (Side.VENDOR, Side.BUYER):
            return selectors.filter_quotes(queryset, waiting_for=self.value())
        return queryset


def deadline(at) -> str:
    """Like ``minute_text``; the midnight that ends a day is written as that day's 24:00."""
    day = localtime(at, clock.BUSINESS_ZONE)
    if day.time() != datetime.time.min:
        return minute_text(at)
    return f"{day.date() - datetime.timedelta(days=1)} 24:00"


class ReadQuotes(WholeNumberSearch):
    """How quotes look, on every site."""

    icon = "forum"
    list_display = ("number", "state_badge", "product", "buyer_org", "vendor_org", "volume", "due", "last_round_at")
    list_filter = (WaitingFilter, "state", ("asked_at", BusinessDayFilter))
    list_select_related = ("product", "buyer_org", "vendor_org")
    search_fields = ("number",)
    search_help_text = _("Quote number, or the quote's key")
    fieldsets = (
        (_("Where it stands"), {"fields": ("state_line", "next_step", "offer_line", "order_line")}),
        (_("What was asked for"), {"fields": ("product", "buyer", "vendor", "purpose", "volume")}),
        (_("What was said"), {"fields": ("talk",)}),
    )
    readonly_fields = (
        "number", "state_line", "next_step", "offer_line", "order_line", "product", "buyer", "vendor", "purpose",
        "volume", "talk",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Quote]:
        related = ("product", "buyer_org", "vendor_org", "current_offer", "order")
        return super().get_queryset(request).select_related(*related)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Quote | None:
        """The quote with who reads it: people are named to their own organisation and to auditors only."""
        quote = super().get_object(request, object_id, from_field)
        if quote is not None:
            quote.reader = self.actor(request)
        return quote

    @display(description=_("state"), ordering="state", label=COLOURS)
    def state_badge(self, quote: Quote) -> tuple[str, Any]:
        """The state as a coloured badge."""
        return quote.state, self.state_text(quote)

    def state_text(self, quote: Quote) -> Any:
        """The state in words."""
        return quote.get_state_display()

    @display(description=_("ends by itself"), ordering="due_at")
    def due(self, quote: Quote) -> str:
        """Until when an answer is due."""
        return deadline(quote.due_at) if quote.due_at else "-"

    @display(description=_("state"))
    def state_line(self, quote: Quote) -> SafeString:
        """Number and state, for the top of the page."""
        return format_html("{} {}", quote.number, badge(quote.state, self.state_text(quote), COLOURS))

    @display(description=_("next"))
    def next_step(self, quote: Quote) -> Any:
        """Who must do what until when."""
        if quote.state not in OPEN:
            return _("Nothing: it is closed.")
        if selectors.has_run_out(quote):
            return _("Its time has run out.")
        sentences = {
            QuoteState.ASKED: _("The vendor answers by %(at)s, or it ends by itself."),
            QuoteState.ASKED_BACK: _("The buyer answers by %(at)s, or it ends by itself."),
            QuoteState.OFFERED: _("The buyer can accept until %(at)s."),
        }
        if HAS_THE_WORD[quote.state] == selectors.side_of(quote.reader, quote):
            sentences[QuoteState.ASKED] = _("Your answer is due by %(at)s, or it ends by itself.")
        return sentences[quote.state] % {"at": deadline(quote.due_at)}

    @display(description=_("offer that stands"))
    def offer_line(self, quote: Quote) -> SafeString | str:
        """Price and least quantity, leading to the offer."""
        if quote.current_offer is None:
            return "-"
        price = self.linked(quote.current_offer, price_text(quote.current_offer))
        if quote.least_quantity is None:
            return price
        return format_html("{} · {}", price, _("for at least %(number)d units") % {"number": quote.least_quantity})

    @display(description=_("order"))
    def order_line(self, quote: Quote) -> SafeString | str:
        """The order that came of it."""
        if quote.order is None:
            return "-"
        amount = f"{quote.order.currency} {money.to_text(quote.order.amount)}"
        return format_html("{} · {}", self.linked(quote.order, quote.order.number), amount)

    @display(description=_("buyer"))
    def buyer(self, quote: Quote) -> str:
        return f"{quote.buyer_org.name} ({quote.buyer_org.uscc})"

    @display(description=_("vendor"))
    def vendor(self, quote: Quote) -> str:
        return f"{quote.vendor_org.name} ({quote.vendor_org.uscc})"

    @display(description=_("rounds"))
    def talk(self, quote: Quote) -> SafeString:
        """Everything that was said, one card a round; the reader's own side stands to the right."""
        rounds = [self.shown(quote, said) for said in selectors.rounds_of(quote)]
        own_side = selectors.side_of(quote.reader, quote) or Side.VENDOR
        return render_to_string("negotiation/rounds.html", {"rounds": rounds, "own_side": own_side})

    def shown(self, quote: Quote, said: QuoteRound) -> dict[str, Any]:
        """One round as the page shows it."""
        organizations = {Side.BUYER: quote.buyer_org.name, Side.VENDOR: quote.vendor_org.name}
        return {
            "number": said.number,
            "side": said.side,
            "who": organizations.get(said.side, ""),
            "does": said.get_act_display(),
            "at": minute_text(said.created_at),
            "person": said.actor_label if selectors.may_name(quote.reader, said) else "",
            "message": said.message,
            "facts": list(self.facts(quote, said)),
        }

    def facts(self, quote: Quote, said: QuoteRound) -> Iterator[tuple[Any, Any]]:
        """What a round fixes beside its words."""
        if said.offer is not None:
            offer = said.offer
            yield _("price"), self.linked(offer, price_text(offer))
            if said.volume is not None:
                yield _("for at least (units)"), said.volume
            yield _("licence terms"), offer.licence
            yield _("acceptance period (days)"), offer.acceptance_days
            stands = quote.current_offer_id == offer.id
            until = deadline(said.valid_until)
            yield _("valid until"), until if stands else _("%(until)s, no longer stands") % {"until": until}
        elif said.act == QuoteAct.ACCEPT:
            yield _("units ordered"), said.volume
            yield _("order"), self.linked(quote.order, quote.order.number)
        elif said.volume is not None:
            yield _("units wanted"), said.volume
        if said.act == QuoteAct.ASK:
            yield _("purpose"), quote.purpose

    def linked(self, row: Model, text: str) -> SafeString | str:
        """A link to the row's page on the same site, where there is one."""
        if type(row) not in self.admin_site._registry:
            return text
        view = f"{self.admin_site.name}:{row._meta.app_label}_{row._meta.model_name}_change"
        return format_html('<a class="text-link" href="{}">{}</a>', reverse(view, args=[row.pk]), text)


@register(Quote, site=operator_site)
@register(Quote, site=auditor_site)
class QuoteAdmin(ReadQuotes, WorkspaceAdmin):
    """Every quote, to read."""


def is_open(name: str, *states: str):
    """Whether the act of that name is offered to the actor now (in these states only, when named)."""

    def is_offered(actor: Actor, quote: Quote) -> bool:
        return name in selectors.acts_open_to(actor, quote) and (not states or quote.state in states)

    return is_offered


def first_draft(actor: Actor, quote: Quote) -> dict[str, Any]:
    """What the offer's form begins with: the terms offered last, for as many units as the buyer wants."""
    offer = selectors.offer_to_start_from(quote)
    draft = {} if offer is None else {name: getattr(offer, name) for name in TERMS}
    if offer is not None and offer.tiers and offer.price_model != PriceModel.METERED:
        del draft["amount"]  # the scale says it
    return draft | {"least_quantity": quote.volume}


def make_offer(actor: Actor, quote: Quote, given: dict[str, Any]) -> None:
    services.make_offer(actor=actor, quote_id=quote.id, **answer_of(given))


def ask_back(actor: Actor, quote: Quote, given: dict[str, Any]) -> None:
    services.ask_back(actor=actor, quote_id=quote.id, message=given["message"])


def decline(actor: Actor, quote: Quote, given: dict[str, Any]) -> None:
    services.decline(actor=actor, quote_id=quote.id, message=given["message"])


def withdraw(actor: Actor, quote: Quote, given: dict[str, Any]) -> None:
    services.withdraw(actor=actor, quote_id=quote.id, message=given["message"])


@register(Quote, site=vendor_site)
class QuotesToAnswer(ReadQuotes, OrganizationScopedAdmin):
    """What buyers ask the vendor for; those that wait for it stand first, the most urgent on top."""

    list_display = ("number", "state_badge", "product", "buyer_org", "volume", "due", "last_round_at")
    search_fields = ("number", "product__title", "product__code", "buyer_org__name")
    search_help_text = _("Quote number, product or buyer")
    ordering = (
        Case(When(state=QuoteState.ASKED, then=Value(0)), When(state__in=OPEN, then=Value(1)), default=Value(2)),
        "due_at",
        "-id",
    )
    acts = (
        Act(
            "offer",
            _("Make an offer"),
            make_offer,
            is_open(QuoteAct.OFFER),
            AnswerForm,
            initial=first_draft,
            explanation=_(
                "For this buyer alone. When it accepts, an order comes of it at once, on exactly these terms. It may "
                "also decline, or answer with other wishes: then this offer ends and you can make another."
            ),
        ),
        Act(
            "ask-back",
            _("Ask back"),
            ask_back,
            is_open(QuoteAct.ASK_BACK),
            QuestionForm,
            explanation=_("The buyer answers first; then it is your turn again."),
        ),
        Act(
            "decline",
            _("Decline"),
            decline,
            is_open(QuoteAct.DECLINE),
            LastWordForm,
            explanation=_("You make no offer, and the quote is closed."),
            is_dangerous=True,
        ),
        Act(
            "withdraw-offer",
            _("Withdraw the offer"),
            withdraw,
            is_open(QuoteAct.WITHDRAW, QuoteState.OFFERED),
            LastWordForm,
            explanation=_("The buyer can no longer accept it. Then it is your turn again: make another, or decline."),
            is_dangerous=True,
        ),
        Act(
            "withdraw-question",
            _("Take the question back"),
            withdraw,
            is_open(QuoteAct.WITHDRAW, QuoteState.ASKED_BACK),
            LastWordForm,
            explanation=_("Then it is your turn again: make an offer, ask something else, or decline."),
        ),
    )

    def state_text(self, quote: Quote) -> Any:
        """The state in words, from where the vendor stands."""
        return _("waits for you") if quote.state == QuoteState.ASKED else super().state_text(quote)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Quote], search_term: str
    ) -> tuple[QuerySet[Quote], bool]:
        """One vendor's quotes are few enough to look into names."""
        return super(WholeNumberSearch, self).get_search_results(request, queryset, search_term)
