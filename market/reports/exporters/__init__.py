"""The kinds of reports, registered in the order in which they are offered."""

from market.reports.exporters.base import Exporter, exporter_of, exporters, register
from market.reports.exporters.events import EVENTS
from market.reports.exporters.transactions import TRANSACTIONS
from market.reports.exporters.transfers import TRANSFERS

for _exporter in (TRANSACTIONS, TRANSFERS, EVENTS):
    register(_exporter)

__all__ = ["EVENTS", "TRANSACTIONS", "TRANSFERS", "Exporter", "exporter_of", "exporters", "register"]
