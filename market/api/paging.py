"""Cursor paging: constant work a page, however far in."""

from rest_framework.pagination import CursorPagination


class CursorPaging(CursorPagination):
    """``?cursor=`` and ``?page_size=`` (1 to 200, 50 by default), newest first by time-ordered key."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
