"""Columns and read-only fields that every room shows alike."""

import datetime
from collections.abc import Callable
from typing import Any

from django.contrib.admin import display
from django.utils.functional import Promise

from market.kernel.clock import BUSINESS_ZONE
from market.kernel.money import to_text


def moment_text(moment: datetime.datetime) -> str:
    """A moment to the second in the exchange's own time zone."""
    return f"{moment.astimezone(BUSINESS_ZONE):%Y-%m-%d %H:%M:%S}"


def minute_text(moment: datetime.datetime) -> str:
    """A moment to the minute in the exchange's own time zone."""
    return f"{moment.astimezone(BUSINESS_ZONE):%Y-%m-%d %H:%M}"


def yuan(field: str, label: str | Promise) -> Callable[[Any], str]:
    """Fen in ``field`` as yuan, for ``list_display``, ``fields`` and ``readonly_fields``; sorts by the field.

    ``field`` may follow relations: ``yuan("capture__net", ...)``. Numbers are grouped: ``1,234,567.89``.
    """

    @display(description=label, ordering=field)
    def column(row: Any) -> str:
        value = row
        for name in field.split("__"):
            value = getattr(value, name)
        whole, fen = to_text(abs(value)).split(".")
        return f"{'-' if value < 0 else ''}{int(whole):,}.{fen}"

    column.__name__ = f"{field}_yuan"
    return column
