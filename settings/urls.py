"""The whole address space. Besides settings/celery.py, the only place that knows every room.
/healthz and /readyz are answered by settings/health.py before an address is looked up."""

from django.conf import settings
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView

from market.orders.api import express
from market.workspaces.sites import auditor_site, operator_site, vendor_site

# A room has an API when it has api/urls.py.
api = [
    path("", include(f"{room}.api.urls"))
    for room in settings.ROOMS
    if (settings.BASE_DIR / room.replace(".", "/") / "api" / "urls.py").exists()
]

urlpatterns = [
    path("admin/", operator_site.urls),
    path("vendor/", vendor_site.urls),
    path("auditor/", auditor_site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/redoc/", SpectacularRedocView.as_view(template_name="redoc.html", url_name="schema"), name="redoc"),
    path("api/v1/", include(api)),
]

# Requests so frequent that a plainly good one skips what it does not need, such as sessions (settings/middleware.py).
lanes = {("POST", "/api/v1/orders"): express}

handler400 = "market.api.problems.bad_request"
handler403 = "market.api.problems.permission_denied"
handler404 = "market.api.problems.not_found"
handler500 = "market.api.problems.server_error"
