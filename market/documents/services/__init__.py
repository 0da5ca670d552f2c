"""Everything that documents do, one public function a business act."""

from market.documents.services.invoicing import request_invoice, save_profile, withdraw_invoice
from market.documents.services.issuing import issue_invoice, open_document, red_letter, reject_invoice

__all__ = [
    "issue_invoice",
    "open_document",
    "red_letter",
    "reject_invoice",
    "request_invoice",
    "save_profile",
    "withdraw_invoice",
]
