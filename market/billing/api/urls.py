from django.urls import path

from market.billing.api import usage

urlpatterns = [
    path("orders/<uuid:order_id>/usage", usage.Usage.as_view(), name="usage"),
    path("orders/<uuid:order_id>/usage/records", usage.UsageRecords.as_view(), name="usage-records"),
    path("orders/<uuid:order_id>/meter/top-up", usage.TopUpMeter.as_view(), name="meter-top-up"),
    path("statements", usage.Statements.as_view(), name="statements"),
    path("statements/<uuid:statement_id>", usage.StatementDetail.as_view(), name="statement"),
]
