"""Orders on the three admin sites. Importing the modules registers their pages."""

from market.orders.admin import contracts, orders

__all__ = ["contracts", "orders"]
