"""Filters of lists: declared, validated, and never silently ignored."""

from typing import Any

from rest_framework.request import Request

from market.api.paging import CursorPaging
from market.api.serializers import StrictSerializer

PAGING = (CursorPaging.cursor_query_param, CursorPaging.page_size_query_param)


def filters_of(request: Request, filters: type[StrictSerializer]) -> dict[str, Any]:
    """The query parameters that ``filters`` declares, as validated values; those not given are left out.

    Raises DRF's ``ValidationError`` (422) for a wrong value and for a parameter nobody knows: a misspelt filter must
    not return everything. Give the same class to ``extend_schema(parameters=[...])`` to describe it.
    """
    given = {name: value for name, value in request.query_params.items() if name not in PAGING}
    serializer = filters(data=given)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
