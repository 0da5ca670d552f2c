"""Cursor paging: constant work a page, however far in."""

import uuid

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request


class CursorPaging(CursorPagination):
    """``?cursor=`` and ``?page_size=`` (1 to 200, 50 by default), newest first by time-ordered key."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def decode_cursor(self, request: Request) -> Cursor | None:
        """The place a link points to. A cursor that none of our links has is refused (400), not guessed at."""
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                uuid.UUID(cursor.position)
        except (NotFound, ValueError) as error:
            raise ParseError(_("The cursor is not one of ours: follow the links next and previous.")) from error
        return cursor
