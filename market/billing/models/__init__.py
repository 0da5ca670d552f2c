"""The tables of running contracts, whichever file of this package they stand in."""

from market.billing.models.subscriptions import Period, Subscription

__all__ = ["Period", "Subscription"]
