"""The kinds of durable work that the ledger asks of higher rooms, which register the handlers."""

DEPOSITED = "ledger.deposited"
"""Money came into a buyer's wallet; key ``<transfer id>``, or ``<statement id>:<buyer id>`` for all that a bank
statement brought; subject the buyer."""
