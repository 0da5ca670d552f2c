"""Running contracts on the three admin sites. Importing the modules registers their pages."""

from market.billing.admin import subscriptions, usage

__all__ = ["subscriptions", "usage"]
