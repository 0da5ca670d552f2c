"""Everything that settlement does, one public function a business act."""

from market.settlement.services.approvals import approve_payout, release_payout
from market.settlement.services.backlog import capture_due
from market.settlement.services.bank_answers import confirm_payouts
from market.settlement.services.books import Reconciliation, reconcile
from market.settlement.services.capture import capture_many
from market.settlement.services.closing import (
    ask_for_check,
    ask_for_close,
    check_books,
    close_day,
    day_to_close,
    perform_close,
)
from market.settlement.services.fees import (
    SpecialRate,
    announce_fee_schedule,
    copy_fee_schedule,
    create_fee_schedule,
    discard_fee_draft,
    save_fee_draft,
)
from market.settlement.services.payouts import bounce_payout, confirm_payout, send_payout, void_payout
from market.settlement.services.refunds import refund_captured, repay_receivables
from market.settlement.services.run import SettlementRun, ask_for_run, cutoff_due, perform_run, run_settlement
from market.settlement.services.stops import explain_stop, lift_stop

__all__ = [
    "approve_payout",
    "release_payout",
    "Reconciliation",
    "SettlementRun",
    "SpecialRate",
    "announce_fee_schedule",
    "ask_for_check",
    "ask_for_close",
    "ask_for_run",
    "bounce_payout",
    "capture_due",
    "capture_many",
    "check_books",
    "close_day",
    "confirm_payout",
    "confirm_payouts",
    "copy_fee_schedule",
    "create_fee_schedule",
    "cutoff_due",
    "day_to_close",
    "discard_fee_draft",
    "explain_stop",
    "lift_stop",
    "perform_close",
    "perform_run",
    "reconcile",
    "refund_captured",
    "repay_receivables",
    "run_settlement",
    "save_fee_draft",
    "send_payout",
    "void_payout",
]
