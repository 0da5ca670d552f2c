"""The three admin sites. A model that is not registered on a site cannot be reached from it."""

from django.core.paginator import InvalidPage
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from market.kernel.actors import Actor
from market.kernel.errors import Forbidden
from market.workspaces.access import Workspace


class WorkspaceSite(UnfoldAdminSite):
    """An admin site entered by membership, not by a staff flag."""

    enable_nav_sidebar = True

    def __init__(self, name: str, workspace: Workspace, title: str) -> None:
        super().__init__(name)
        self.workspace = workspace
        self.site_title = self.site_header = title
        self.index_title = title

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

    def each_context(self, request: HttpRequest) -> dict:
        context = super().each_context(request)
        title = self.site_title
        return context | {"site_title": title, "site_header": title, "actor": self.find_actor(request)}

    def search(self, request: HttpRequest, extra_context: dict | None = None) -> TemplateResponse:
        """The command search; a page number that is none is a 404, not a crash."""
        try:
            return super().search(request, extra_context)
        except (ValueError, InvalidPage) as error:
            raise Http404 from error


operator_site = WorkspaceSite("operator", Workspace.OPERATOR, _("Qianshu operations"))
vendor_site = WorkspaceSite("vendor", Workspace.VENDOR, _("Qianshu vendor workspace"))
auditor_site = WorkspaceSite("auditor", Workspace.AUDITOR, _("Qianshu auditor workspace"))
