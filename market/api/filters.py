"""Filters of lists: declared, validated, and never silently ignored."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request

from market.api.paging import CursorPaging
from market.api.serializers import StrictSerializer

PAGING = (CursorPaging.cursor_query_param, CursorPaging.page_size_query_param)


class _Paging(serializers.Serializer):
    """What every list takes besides its filters; the cursor itself is the paging's affair."""

    page_size = serializers.IntegerField(required=False, min_value=1, max_value=CursorPaging.max_page_size)


class NoFilters(StrictSerializer):
    """A list that cannot be narrowed."""


def filters_of(request: Request, filters: type[StrictSerializer]) -> dict[str, Any]:
    """The query parameters that ``filters`` declares, as validated values; those not given are left out.

    Raises DRF's ``ValidationError`` (422) that names every parameter which is wrong, unknown or given twice: a misspelt
    filter must not return everything. Give the same class to ``extend_schema(parameters=[...])`` to describe it.
    """
    given = request.query_params.dict()
    faults: dict[str, Any] = {
        name: [_("Give this parameter once.")] for name, values in request.query_params.lists() if len(values) > 1
    }
    paging = _Paging(data=given)
    query = filters(data={name: value for name, value in given.items() if name not in PAGING})
    for part in (paging, query):
        if not part.is_valid():
            faults = part.errors | faults
    if faults:
        raise serializers.ValidationError(faults)
    return dict(query.validated_data)
