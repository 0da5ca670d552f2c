from django.urls import path

from market.documents.api import views

_ACCOUNT = "account-statements/<uuid:account_id>"

urlpatterns = [
    path("account-statements", views.AccountStatements.as_view(), name="account-statements"),
    path(_ACCOUNT, views.AccountStatement.as_view(), name="account-statement"),
    path(f"{_ACCOUNT}/lines", views.StatementLines.as_view(), name="account-statement-lines"),
    path(f"{_ACCOUNT}/statement.csv", views.StatementCsv.as_view(), name="account-statement-csv"),
    path(f"{_ACCOUNT}/statement.xlsx", views.StatementWorkbook.as_view(), name="account-statement-xlsx"),
    path(f"{_ACCOUNT}/statement.pdf", views.StatementPaper.as_view(), name="account-statement-pdf"),
]
