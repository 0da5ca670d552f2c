"""The three admin sites. A model that is not registered on a site cannot be reached from it."""

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.templatetags.static import static
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from market.kernel.actors import Actor
from market.kernel.clock import BUSINESS_ZONE
from market.kernel.database import deadlock_refused
from market.kernel.errors import BusinessError, Forbidden
from market.workspaces import dashboard
from market.workspaces.access import Workspace
from market.workspaces.forms import SignInForm
from market.workspaces.navigation import sidebar
from market.workspaces.notices import notices
from market.workspaces.theme import accent

NO_ROUTE = "view_on_site"
"""Django's redirect to an object's public page asks any model's default manager, so it is not offered."""

SEARCH_RESULTS = 100

STATUS_OF: dict[type[Exception], int] = {
    Http404: 404,
    PermissionDenied: 403,
    SuspiciousOperation: 400,
    BusinessError: 0,
}
REFUSALS = tuple(STATUS_OF)
EXPLANATIONS: dict[int, Promise] = {
    400: _("This address makes no sense here."),
    403: _("Your role does not allow this."),
    404: _("There is nothing here that you may see."),
}


class WorkspaceSite(UnfoldAdminSite):
    """An admin site entered by membership, not by a staff flag."""

    enable_nav_sidebar = True
    index_template = "workspaces/index.html"
    login_template = "workspaces/sign_in.html"

    def __init__(
        self, name: str, workspace: Workspace, title: str | Promise, header: str | Promise, symbol: str
    ) -> None:
        super().__init__(name)
        self.workspace = workspace
        self.site_title = title
        self.site_header = header
        self.index_title = _("Overview")
        self.symbol = symbol
        self.login_form = functools.partial(SignInForm, workspace=workspace)

    def get_urls(self) -> list[URLPattern]:
        return [route for route in super().get_urls() if getattr(route, "name", "") != NO_ROUTE]

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Callable[..., HttpResponse]:
        """Every page of the site goes through here: its links lead back to this site, its times are those of the
        business zone, and a query string that PostgreSQL cannot hold (NUL) is dropped."""
        inner = super().admin_view(view, cacheable)

        @functools.wraps(inner)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            request.current_app = self.name
            if any("\x00" in text for name, values in request.GET.lists() for text in (name, *values)):
                return HttpResponseRedirect(request.path)
            with timezone.override(BUSINESS_ZONE):
                try:
                    with deadlock_refused():
                        response = inner(request, *args, **kwargs)
                except REFUSALS as refusal:
                    response = self._refused(request, refusal)
                return response.render() if isinstance(response, SimpleTemplateResponse) else response

        return page

    def _refused(self, request: HttpRequest, refusal: Exception) -> TemplateResponse:
        """A page for a person, in this workspace, where the API would answer with a problem document."""
        if isinstance(refusal, BusinessError):
            status = refusal.status
        else:
            status = next(status for kind, status in STATUS_OF.items() if isinstance(refusal, kind))
        context = self.each_context(request) | {"title": EXPLANATIONS.get(status, str(refusal)), "status": status}
        return TemplateResponse(request, "workspaces/refused.html", context, status=status)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The sign-in page; whoever came without a destination goes to the first page of this site."""
        if not request.GET.get(REDIRECT_FIELD_NAME) and not request.POST.get(REDIRECT_FIELD_NAME):
            request.GET = request.GET.copy()
            request.GET[REDIRECT_FIELD_NAME] = reverse(f"{self.name}:index")
        return super().login(request, extra_context)

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the signed-in user has a membership that admits it here."""
        return self.find_actor(request) is not None

    def find_actor(self, request: HttpRequest) -> Actor | None:
        """Who the signed-in user is in this workspace, or None."""
        if not request.user.is_authenticated:
            return None
        return request.user.actor_in(self.workspace)

    def actor(self, request: HttpRequest) -> Actor:
        """Who acts; raises ``Forbidden`` for whom this workspace does not admit."""
        actor = self.find_actor(request)
        if actor is None:
            raise Forbidden
        return actor

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        return context | {
            "site_title": self.site_title,
            "site_header": self.site_header,
            "site_subheader": _("Qianshu data exchange"),
            "site_symbol": self.symbol,
            "site_url": None,
            "colors": context["colors"] | {"primary": accent(self.workspace)},
            "styles": [*context["styles"], static("workspaces/workspaces.css")],
            "actor": self.find_actor(request),
            "notices": notices(self.workspace, self.find_actor(request)),
            "workspaces": [
                {"title": site.site_title, "url": reverse(f"{site.name}:index")} for site in SITES if site is not self
            ],
        }

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """What the actor may open; asked for several times a page, so kept for the life of the request."""
        if app_label is not None:
            return super().get_app_list(request, app_label)
        known = request.__dict__.setdefault("_app_lists", {})
        if self.name not in known:
            known[self.name] = super().get_app_list(request)
        return known[self.name]

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        return sidebar(self, request)

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Find pages of this site by name. (The theme's own search keeps results under a key that names no site.)"""
        term = request.GET.get("s", "").strip().lower()
        if not term:
            return HttpResponse()
        paginator = Paginator(self._search_apps(self.get_app_list(request), term), SEARCH_RESULTS)
        results = paginator.get_page(request.GET.get("page"))
        part = "command" if "extended" in request.GET else "search"
        context = {"page_obj": paginator, "results": results, "page_counter": results.start_index() - 1}
        return TemplateResponse(
            request, f"unfold/helpers/{part}_results.html", context, headers={"HX-Trigger": "search"}
        )

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The first page: the figures that rooms have registered for this workspace."""
        figures = dashboard.figures(self.workspace, self.actor(request))
        numbers = [figure for figure in figures if isinstance(figure, dashboard.Number)]
        pictures = [figure for figure in figures if not isinstance(figure, dashboard.Number)]
        return super().index(request, {"numbers": numbers, "pictures": pictures} | (extra_context or {}))


operator_site = WorkspaceSite("operator", Workspace.OPERATOR, _("Qianshu operations"), _("Operations"), "domain")
vendor_site = WorkspaceSite("vendor", Workspace.VENDOR, _("Qianshu vendors"), _("Vendor workspace"), "storefront")
auditor_site = WorkspaceSite("auditor", Workspace.AUDITOR, _("Qianshu auditors"), _("Auditor workspace"), "fact_check")
SITES = (operator_site, vendor_site, auditor_site)
