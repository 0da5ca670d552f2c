"""List filters that say what they do."""

import datetime

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateFilter

from market.kernel import clock


class BusinessDayFilter(RangeDateFilter):
    """From one business day (Asia/Shanghai) to another, both included; what is no date filters nothing.

    Use as ``list_filter = [("placed_at", BusinessDayFilter)]``.
    """

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        first, last = self._day("from"), self._day("to")
        if first:
            queryset = queryset.filter(**{f"{self.field_path}__gte": clock.business_midnight(first)})
        if last and last < datetime.date.max:
            end = clock.business_midnight(last + datetime.timedelta(days=1))
            queryset = queryset.filter(**{f"{self.field_path}__lt": end})
        return queryset

    def _day(self, end: str) -> datetime.date | None:
        try:
            day = datetime.date.fromisoformat(self.used_parameters.get(f"{self.field_path}_{end}") or "")
        except ValueError:
            return None
        # PostgreSQL and the zone's offset leave no room beside the first day of all.
        return day if day.year > 1 else None
