"""The catalogue on the three admin sites. Importing the modules registers their pages."""

from market.catalog.admin import approvals, auditor, operator, vendor

__all__ = ["approvals", "auditor", "operator", "vendor"]
