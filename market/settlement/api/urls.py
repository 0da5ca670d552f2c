from django.urls import path

from market.settlement.api import preview, refunds, views

urlpatterns = [
    path("quotes/preview", preview.QuotePreview.as_view(), name="quote-preview"),
    path("settlement/batches", views.Batches.as_view(), name="settlement-batches"),
    path("settlement/batches/<uuid:batch_id>", views.BatchDetail.as_view(), name="settlement-batch"),
    path("settlement/payouts", views.Payouts.as_view(), name="settlement-payouts"),
    path("settlement/payouts/<uuid:payout_id>", views.PayoutDetail.as_view(), name="settlement-payout"),
    path("settlement/refunds", refunds.Refunds.as_view(), name="settlement-refunds"),
    path("settlement/fee-schedules", views.FeeSchedules.as_view(), name="settlement-fee-schedules"),
]
