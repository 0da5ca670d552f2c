"""Query strings as strict as bodies: an unknown, repeated or malformed parameter is a 422 that names it."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request

from market.api.paging import CursorPaging
from market.api.serializers import StrictSerializer
from market.kernel.errors import InvalidInput


class ListQuery(StrictSerializer):
    """The parameters of every list; a room's list adds its filters in a subclass."""

    cursor = serializers.CharField(
        required=False, max_length=500, help_text=_("From the next or previous link of a page.")
    )
    page_size = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=CursorPaging.max_page_size,
        help_text=_("Items a page; 50 when left out."),
    )


def parse_query(request: Request, query_class: type[ListQuery]) -> dict[str, Any]:
    """The filters of a list request, validated, without the paging parameters. Raises ``InvalidInput``."""
    repeated = [name for name, values in request.query_params.lists() if len(values) > 1]
    if repeated:
        raise InvalidInput(errors={f"/{name}": _("Give this parameter once.") for name in sorted(repeated)})
    query = query_class(data=request.query_params.dict())
    query.is_valid(raise_exception=True)
    return {name: value for name, value in query.validated_data.items() if name not in ListQuery().fields}
