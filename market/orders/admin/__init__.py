"""Orders on the three admin sites. Importing the modules registers their pages."""

from market.orders.admin import amendments, contracts, disputes, orders

__all__ = ["amendments", "contracts", "disputes", "orders"]
