"""What the bank said and what it is told, for operators and auditors."""

from market.banking.admin import online, payment_files, statements

__all__ = ["online", "payment_files", "statements"]
