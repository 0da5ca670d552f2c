"""The tables of running contracts, whichever file of this package they stand in."""

from market.billing.models.meters import Meter
from market.billing.models.statements import Statement
from market.billing.models.subscriptions import Period, Subscription
from market.billing.models.usage import UsageDay, UsageRecord

__all__ = ["Meter", "Period", "Statement", "Subscription", "UsageDay", "UsageRecord"]
