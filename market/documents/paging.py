"""Pages of a statement's lines: forward through time, each page with the balance that it begins with."""

import base64
import binascii
import datetime
import uuid

from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from market.api.paging import CursorPaging
from market.documents.selectors.statements import Line, Position
from market.kernel.errors import InvalidInput

CURSOR = CursorPaging.cursor_query_param


def size_of(request: Request) -> int:
    """How many lines a page holds; ``filters_of`` has seen to it that it is a number in range."""
    return int(request.query_params.get(CursorPaging.page_size_query_param, CursorPaging.page_size))


def position_of(request: Request) -> Position | None:
    """After which line the page begins; None for the first page. Raises ``InvalidInput`` for a made-up cursor."""
    return position(request.query_params.get(CURSOR))


def position(text: str | None) -> Position | None:
    """The same, out of the cursor's text."""
    if not text:
        return None
    try:
        moment, key = base64.urlsafe_b64decode(text.encode()).decode().split("|")
        found = datetime.datetime.fromisoformat(moment), uuid.UUID(key)
        if found[0].tzinfo is None or not 1970 <= found[0].year <= 9998:
            raise ValueError("no moment of ours")
    except (ValueError, binascii.Error) as error:
        raise InvalidInput(errors={"/cursor": _("Take the cursor from the next link of a page.")}) from error
    return found


def cursor_after(line: Line) -> str:
    """The cursor of the page that begins after ``line``."""
    return base64.urlsafe_b64encode(f"{line.posted_at.isoformat()}|{line.id}".encode()).decode()


def next_link(request: Request, line: Line) -> str:
    """Where that page is."""
    return replace_query_param(request.build_absolute_uri(), CURSOR, cursor_after(line))
