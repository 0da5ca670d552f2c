"""The tables of orders, whichever file of this package they stand in."""

from market.orders.models.amendments import Amendment
from market.orders.models.charges import Charge
from market.orders.models.disputes import Dispute, DisputeEvidence
from market.orders.models.limits import SpendingLimit
from market.orders.models.orders import Order, OrderTerms

__all__ = ["Amendment", "Charge", "Dispute", "DisputeEvidence", "Order", "OrderTerms", "SpendingLimit"]
