"""The kinds of durable work that accounts ask of higher rooms, which register the handlers."""

OPEN_ACCOUNTS = "ledger.open_accounts"
"""An organisation may trade from now on, or in a new capacity: open the accounts it needs; subject the organisation."""
