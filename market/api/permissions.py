"""What a token may do at all. Selectors decide which objects it sees, services which roles may act."""

from django.utils.translation import gettext as _
from django.views import View
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class HasScope(BasePermission):
    """The token carries the scope the view names for the method, or one of several.

    A view declares ``scopes = {"GET": ("orders:read", "delivery:read"), "POST": "orders:write"}``; a method without
    an entry is refused, so that a forgotten declaration closes the door instead of opening it. A method the view does
    not have is 405.
    """

    def has_permission(self, request: Request, view: View) -> bool:
        token = request.auth
        if token is None:
            return False
        if request.method not in view.allowed_methods:
            raise MethodNotAllowed(request.method)
        method = "GET" if request.method in ("HEAD", "OPTIONS") else request.method
        enough = getattr(view, "scopes", {}).get(method, ())
        scopes = [enough] if isinstance(enough, str) else list(enough)
        self.message = _("Use a token with the scope %(scopes)s.") % {"scopes": " / ".join(scopes)}
        return not set(token.scopes).isdisjoint(scopes)
