from django.urls import path

from market.negotiation.api import views

urlpatterns = [
    path("quotes", views.Quotes.as_view(), name="quotes"),
    path("quotes/<uuid:quote_id>", views.QuoteDetail.as_view(), name="quote"),
    path("quotes/<uuid:quote_id>/counter", views.CounterQuote.as_view(), name="quote-counter"),
    path("quotes/<uuid:quote_id>/accept", views.AcceptQuote.as_view(), name="quote-accept"),
    path("quotes/<uuid:quote_id>/decline", views.DeclineQuote.as_view(), name="quote-decline"),
    path("quotes/<uuid:quote_id>/withdraw", views.WithdrawQuote.as_view(), name="quote-withdraw"),
]
