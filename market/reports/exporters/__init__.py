"""The kinds of reports. Importing this package registers them all, in the order in which they are offered."""

from market.reports.exporters.base import Exporter, exporter_of, exporters
from market.reports.exporters.events import EVENTS
from market.reports.exporters.transactions import TRANSACTIONS
from market.reports.exporters.transfers import TRANSFERS

__all__ = ["EVENTS", "TRANSACTIONS", "TRANSFERS", "Exporter", "exporter_of", "exporters"]
