"""Account statements over HTTP: read only, out of the ledger as it is."""

import uuid

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.filters import filters_of
from market.api.openapi import problems
from market.documents import paging
from market.documents.api import examples
from market.documents.api.serializers import (
    AccountStatementSerializer,
    LinesPageSerializer,
    StatementLineSerializer,
)
from market.documents.downloads import statement_response
from market.documents.parameters import FileFilters, PeriodFilters, StatementFilters, language_of
from market.documents.selectors import statements as selectors
from market.documents.writers import FORMS

TAGS = ["account statements"]
PERIOD = (
    "The period is a calendar `month`, or `date_from` to `date_until`, in Asia/Shanghai; the present month if none."
)


class AccountStatements(GenericAPIView):
    """The statements of the accounts you may see."""

    scopes = {"GET": Scope.LEDGER_READ}
    serializer_class = AccountStatementSerializer

    @extend_schema(
        operation_id="account_statements_list",
        summary="List account statements",
        description="One for each account of your organisation (wallet, escrow, payable, receivable), or of "
        f"everybody's for auditors and operators, without its lines. {PERIOD}",
        tags=TAGS,
        parameters=[StatementFilters],
        responses={200: AccountStatementSerializer(many=True), **problems(422)},
        examples=[OpenApiExample("A vendor's November", examples.STATEMENT, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """A page of statements."""
        filters = filters_of(request, StatementFilters)
        period = filters.pop("period")
        accounts = selectors.accounts_with_statements(request.auth.actor).filter(**filters)
        made = selectors.statements(self.paginate_queryset(accounts), period)
        return self.get_paginated_response(AccountStatementSerializer(made, many=True).data)


class AccountStatement(APIView):
    """One account's statement."""

    scopes = {"GET": Scope.LEDGER_READ}

    @extend_schema(
        operation_id="account_statements_retrieve",
        summary="Read an account statement",
        description=f"Opening balance, what came in, what went out, closing balance. {PERIOD}",
        tags=TAGS,
        parameters=[PeriodFilters],
        responses={200: AccountStatementSerializer, **problems(404, 422)},
        examples=[OpenApiExample("A vendor's November", examples.STATEMENT, response_only=True)],
    )
    def get(self, request: Request, account_id: uuid.UUID) -> Response:
        """The figures of the period."""
        period = filters_of(request, PeriodFilters)["period"]
        account = selectors.account_with_statement(request.auth.actor, account_id)
        return Response(AccountStatementSerializer(selectors.statement(account, period)).data)


class StatementLines(APIView):
    """What moved."""

    scopes = {"GET": Scope.LEDGER_READ}

    @extend_schema(
        operation_id="account_statements_lines",
        summary="List the movements of a statement",
        description=f"Oldest first, each with the balance after it. {PERIOD} Follow `next` until it is null; "
        "`page_size` is 1 to 200, 50 by default.",
        tags=TAGS,
        parameters=[PeriodFilters],
        responses={200: LinesPageSerializer, **problems(404, 422)},
        examples=[OpenApiExample("A sale", {"next": None, "results": [examples.LINE]}, response_only=True)],
    )
    def get(self, request: Request, account_id: uuid.UUID) -> Response:
        """A page of movements."""
        period = filters_of(request, PeriodFilters)["period"]
        account = selectors.account_with_statement(request.auth.actor, account_id)
        size = paging.size_of(request)
        lines = selectors.page(account, period, after=paging.position_of(request), size=size + 1)
        shown = lines[:size]
        more = paging.next_link(request, shown[-1]) if len(lines) > size else None
        return Response({"next": more, "results": StatementLineSerializer(shown, many=True).data})


class StatementFile(APIView):
    """A statement to keep."""

    scopes = {"GET": Scope.LEDGER_READ}
    form: str

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """The address names the form: whatever ``Accept`` says, it is this or a problem document."""
        renderer = self.get_renderers()[0]
        return renderer, renderer.media_type

    def respond(self, request: Request, account_id: uuid.UUID) -> HttpResponse:
        """The file in the form of this view."""
        given = filters_of(request, FileFilters)
        account = selectors.account_with_statement(request.auth.actor, account_id)
        return statement_response(request._request, account, given["period"], self.form, language_of(given))


def _schema(form: str, description: str):
    return extend_schema(
        operation_id=f"account_statements_{form}",
        summary=f"Download a statement as {form.upper()}",
        description=f"{description} At most {FORMS[form].limit:,} lines. `ETag` is the SHA-256 of the file. {PERIOD}",
        tags=TAGS,
        parameters=[FileFilters],
        responses={
            (200, FORMS[form].content_type.split(";")[0]): OpenApiResponse(OpenApiTypes.BINARY, "The file."),
            304: None,
            **problems(404, 422, s409="Too many lines for such a file (`limit`), or the books do not add up."),
        },
    )


class StatementCsv(StatementFile):
    """For programs."""

    form = "csv"

    @_schema(
        "csv",
        "UTF-8, amounts in yuan and in whole fen, times with `+08:00`. Text cells that a spreadsheet would take for a "
        "formula begin with an apostrophe, as do those that began with one.",
    )
    def get(self, request: Request, account_id: uuid.UUID) -> HttpResponse:
        """A file."""
        return self.respond(request, account_id)


class StatementWorkbook(StatementFile):
    """For people who calculate."""

    form = "xlsx"

    @_schema("xlsx", "A workbook whose amounts are numbers and whose texts are never formulas.")
    def get(self, request: Request, account_id: uuid.UUID) -> HttpResponse:
        """A file."""
        return self.respond(request, account_id)


class StatementPaper(StatementFile):
    """For people who file."""

    form = "pdf"

    @_schema("pdf", "PDF/A-3, fonts embedded, Chinese included.")
    def get(self, request: Request, account_id: uuid.UUID) -> HttpResponse:
        """A file."""
        return self.respond(request, account_id)
