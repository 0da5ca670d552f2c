from django.urls import path

from market.reports.api import views

urlpatterns = [
    path("reports", views.ReportsView.as_view(), name="reports"),
    path("reports/<uuid:report_id>", views.ReportView.as_view(), name="report"),
    path("reports/<uuid:report_id>/file", views.ReportFileView.as_view(), name="reports-file"),
    path("events", views.EventsView.as_view(), name="events"),
]
