"""Which days of an account: a calendar month, or from one day to another."""

from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from market.api.serializers import DayField, KeyField, StrictSerializer, TextField
from market.documents import periods
from market.documents.periods import Period
from market.kernel import clock
from market.ledger.states import GUARDED

LANGUAGES = ("en", "zh-hans")


class PeriodFilters(StrictSerializer):
    """A month, or two days; the present month when nothing is given."""

    month = TextField(required=False, max_length=7, help_text="Such as `2026-11`; the present one by default.")
    date_from = DayField(required=False, help_text="First business day (Asia/Shanghai), included; with `date_until`.")
    date_until = DayField(required=False, help_text="Last business day (Asia/Shanghai), included; with `date_from`.")

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        """Leave one thing: ``period``."""
        month = values.pop("month", None)
        first, last = values.pop("date_from", None), values.pop("date_until", None)
        if month is not None and (first or last):
            raise serializers.ValidationError({"month": _("Give a month, or two days, not both.")})
        if (first is None) != (last is None):
            missing = "date_until" if last is None else "date_from"
            raise serializers.ValidationError({missing: _("Give both days, or a month.")})
        if first and last < first:
            raise serializers.ValidationError({"date_until": _("The last day is before the first.")})
        if first and first.year < periods.FIRST_YEAR:
            raise serializers.ValidationError({"date_from": _("Use a year from 1992 to 9998.")})
        values["period"] = self._month(month) if month is not None else self._days(first, last)
        return values

    @staticmethod
    def _month(text: str) -> Period:
        try:
            return periods.month(text)
        except ValueError as error:
            raise serializers.ValidationError({"month": _("Write a month as 2026-11.")}) from error

    @staticmethod
    def _days(first, last) -> Period:
        return Period(first, last) if first else periods.month_of(clock.business_date())


class StatementFilters(PeriodFilters):
    """What a list of statements can be narrowed by."""

    kind = serializers.ChoiceField([(kind.value, kind.label) for kind in GUARDED], required=False)
    organization = KeyField(required=False, help_text="For auditors and operators: whose accounts.")


class FileFilters(PeriodFilters):
    """Which days, and in which language the file speaks."""

    language = serializers.ChoiceField(
        LANGUAGES, required=False, help_text="Of a workbook or PDF; what `Accept-Language` asks for when left out."
    )


def language_of(given: dict[str, Any]) -> str:
    """The language that was asked for, by name or by header."""
    return given.get("language") or ("zh-hans" if (get_language() or "").startswith("zh") else "en")
