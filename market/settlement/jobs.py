"""The kinds of durable work that settlement asks of itself."""

RUN = "settlement.run"
"""Settle what was captured before a day; key: that day, ISO 8601. One job a day however often it is asked for."""
