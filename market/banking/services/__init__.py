"""Everything that banking does, one public function a business act."""

from market.banking.services.importing import Import, import_statement
from market.banking.services.queue import assign_to_buyer, assign_to_payout, return_to_sender, set_aside

__all__ = ["Import", "assign_to_buyer", "assign_to_payout", "import_statement", "return_to_sender", "set_aside"]
