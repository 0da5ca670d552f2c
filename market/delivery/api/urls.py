from django.urls import path

from market.delivery.api import downloads, views

urlpatterns = [
    path("entitlements", views.Entitlements.as_view(), name="entitlements"),
    path("entitlements/<uuid:entitlement_id>", views.EntitlementDetail.as_view(), name="entitlement"),
    path("entitlements/<uuid:entitlement_id>/links", views.EntitlementLinks.as_view(), name="entitlement-links"),
    path("entitlements/<uuid:entitlement_id>/receipts", views.Receipts.as_view(), name="entitlement-receipts"),
    path("downloads/<str:token>", downloads.Download.as_view(), name="download"),
]
