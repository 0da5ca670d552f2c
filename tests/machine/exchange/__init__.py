"""The real exchange behind the model's acts: services, outbox and ledger, over committed rows."""

from tests.machine.exchange.money import Exchange
from tests.machine.exchange.orders import PRICES

__all__ = ["PRICES", "Exchange"]
