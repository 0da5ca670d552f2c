"""The tables of settlement, one module a subject."""

from market.settlement.models.books import DayClose, PayoutStop, ReconciliationReport
from market.settlement.models.earnings import BatchLine, Capture, Payout, SettlementBatch
from market.settlement.models.fees import FeeOverride, FeeSchedule, MonthlyVolume
from market.settlement.models.refunds import Refund

__all__ = [
    "BatchLine",
    "Capture",
    "DayClose",
    "FeeOverride",
    "FeeSchedule",
    "MonthlyVolume",
    "Payout",
    "PayoutStop",
    "ReconciliationReport",
    "Refund",
    "SettlementBatch",
]
