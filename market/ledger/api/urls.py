from django.urls import path

from market.ledger.api import views

urlpatterns = [
    path("balances", views.Balances.as_view(), name="balances"),
    path("transfers", views.Transfers.as_view(), name="transfers"),
]
