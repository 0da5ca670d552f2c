from django.urls import path

from market.banking.api import views

urlpatterns = [
    path("payments", views.Payments.as_view(), name="payments"),
    path("payments/<uuid:payment_id>", views.PaymentDetail.as_view(), name="payment"),
    path("payments/notifications/<str:provider>", views.Notifications.as_view(), name="payment-notifications"),
]
