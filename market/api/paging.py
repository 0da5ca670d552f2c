"""Cursor paging: constant work a page, however far in."""

import uuid

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from market.kernel.errors import InvalidInput


class CursorPaging(CursorPagination):
    """``?cursor=`` and ``?page_size=`` (1 to 200, 50 by default), newest first by time-ordered key.

    Every list is ordered by its key, so a position is a UUID; any other cursor is a 422 that names it.
    """

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def decode_cursor(self, request: Request) -> Cursor | None:
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                uuid.UUID(cursor.position)
        except (NotFound, ValueError) as error:
            raise InvalidInput(
                errors={"/cursor": _("Take the cursor from the next or previous link of a page.")}
            ) from error
        return cursor
