"""Settlement's pages in the workspaces, one module a subject."""

from market.settlement.admin import books, earnings, fees, refunds
from market.settlement.admin.earnings import EarningsMembers

__all__ = ["EarningsMembers", "books", "earnings", "fees", "refunds"]
