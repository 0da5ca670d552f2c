"""What the bank said and what it is told, for operators and auditors."""

from market.banking.admin import payment_files, statements

__all__ = ["payment_files", "statements"]
