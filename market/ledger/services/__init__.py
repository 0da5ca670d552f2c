"""Everything that the ledger does, one public function a business act."""

from market.ledger.services.closing import close_books
from market.ledger.services.correcting import (
    approve_correction,
    decline_correction,
    propose_adjustment,
    propose_reversal,
)
from market.ledger.services.transfers import (
    deposit,
    insert_transfers_of,
    open_accounts,
    posting,
    reversal,
    shortage,
    transfer,
)

__all__ = [
    "approve_correction",
    "close_books",
    "decline_correction",
    "deposit",
    "insert_transfers_of",
    "open_accounts",
    "posting",
    "propose_adjustment",
    "propose_reversal",
    "reversal",
    "shortage",
    "transfer",
]
