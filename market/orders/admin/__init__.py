"""Orders on the three admin sites. Importing the modules registers their pages."""

from market.orders.admin import orders

__all__ = ["orders"]
