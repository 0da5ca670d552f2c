from django.urls import path

from market.documents.api import invoices, views

_ACCOUNT = "account-statements/<uuid:account_id>"

urlpatterns = [
    path("account-statements", views.AccountStatements.as_view(), name="account-statements"),
    path(_ACCOUNT, views.AccountStatement.as_view(), name="account-statement"),
    path(f"{_ACCOUNT}/lines", views.StatementLines.as_view(), name="account-statement-lines"),
    path(f"{_ACCOUNT}/statement.csv", views.StatementCsv.as_view(), name="account-statement-csv"),
    path(f"{_ACCOUNT}/statement.xlsx", views.StatementWorkbook.as_view(), name="account-statement-xlsx"),
    path(f"{_ACCOUNT}/statement.pdf", views.StatementPaper.as_view(), name="account-statement-pdf"),
    path("invoice-profile", invoices.Profile.as_view(), name="invoice-profile"),
    path("invoiceable-orders", invoices.InvoiceableOrders.as_view(), name="invoiceable-orders"),
    path("invoices", invoices.Invoices.as_view(), name="invoices"),
    path("invoices/<uuid:invoice_id>", invoices.InvoiceDetail.as_view(), name="invoice"),
    path("invoices/<uuid:invoice_id>/withdraw", invoices.Withdraw.as_view(), name="invoice-withdraw"),
    path(
        "invoices/<uuid:invoice_id>/documents/<uuid:document_id>/file",
        invoices.DocumentFile.as_view(),
        name="invoice-file",
    ),
]
