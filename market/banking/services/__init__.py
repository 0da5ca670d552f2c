"""Everything that banking does, one public function a business act."""

from market.banking.services.importing import Import, import_statement
from market.banking.services.payment_files import hand_in, make_payment_file, take_payment_file
from market.banking.services.queue import assign_to_buyer, assign_to_payout, return_to_sender, set_aside

__all__ = [
    "Import",
    "assign_to_buyer",
    "assign_to_payout",
    "hand_in",
    "import_statement",
    "make_payment_file",
    "return_to_sender",
    "set_aside",
    "take_payment_file",
]
