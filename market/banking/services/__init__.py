"""Everything that banking does, one public function a business act."""

from market.banking.services.importing import Import, import_statement
from market.banking.services.online import (
    assign_online_payment,
    checkout_address,
    set_online_payment_aside,
    start_payment,
    take_notification,
)
from market.banking.services.payment_files import hand_in, make_payment_file, take_payment_file
from market.banking.services.queue import (
    assign_to_buyer,
    assign_to_payout,
    assign_to_provider,
    return_to_sender,
    set_aside,
)

__all__ = [
    "Import",
    "assign_online_payment",
    "assign_to_buyer",
    "assign_to_payout",
    "assign_to_provider",
    "checkout_address",
    "hand_in",
    "import_statement",
    "make_payment_file",
    "return_to_sender",
    "set_aside",
    "set_online_payment_aside",
    "start_payment",
    "take_notification",
    "take_payment_file",
]
