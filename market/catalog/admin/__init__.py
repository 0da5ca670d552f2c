"""The catalogue on the three admin sites. Importing the modules registers their pages."""

from market.catalog.admin import auditor, operator, vendor

__all__ = ["auditor", "operator", "vendor"]
