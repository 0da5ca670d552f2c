"""The kinds of durable work that accounts ask of higher rooms, which register the handlers, and of itself."""

OPEN_ACCOUNTS = "ledger.open_accounts"
"""An organisation may trade from now on, or in a new capacity: open the accounts it needs; subject the organisation."""

CHANGE_BANK_ACCOUNT = "accounts.change_bank_account"
"""A vendor's approved bank account has cooled: use it from now on; due when it is in force, subject the change."""
