from django.urls import path

from market.billing.api import subscriptions, usage

urlpatterns = [
    path("orders/<uuid:order_id>/usage", usage.Usage.as_view(), name="usage"),
    path("orders/<uuid:order_id>/usage/records", usage.UsageRecords.as_view(), name="usage-records"),
    path("orders/<uuid:order_id>/meter/top-up", usage.TopUpMeter.as_view(), name="meter-top-up"),
    path("orders/<uuid:order_id>/meter/end", usage.EndMeter.as_view(), name="meter-end"),
    path("statements", usage.Statements.as_view(), name="statements"),
    path("statements/<uuid:statement_id>", usage.StatementDetail.as_view(), name="statement"),
    path("subscriptions", subscriptions.Subscriptions.as_view(), name="subscriptions"),
    path("subscriptions/<uuid:subscription_id>", subscriptions.SubscriptionDetail.as_view(), name="subscription"),
    path(
        "subscriptions/<uuid:subscription_id>/cancel",
        subscriptions.CancelSubscription.as_view(),
        name="subscription-cancel",
    ),
    path(
        "subscriptions/<uuid:subscription_id>/resume",
        subscriptions.ResumeSubscription.as_view(),
        name="subscription-resume",
    ),
]
