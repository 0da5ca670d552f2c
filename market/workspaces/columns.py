"""Columns and read-only fields that every room shows alike."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import display
from django.utils.functional import Promise

from market.kernel.money import to_text


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
