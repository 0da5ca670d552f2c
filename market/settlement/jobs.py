"""The kinds of durable work that settlement asks of itself."""

RUN = "settlement.run"
"""Settle what was captured before a day; key: that day, ISO 8601. One job a day however often it is asked for."""

CLOSE = "settlement.close_day"
"""Close every business day up to one and look at the books; key: that day, ISO 8601."""

CHECK = "settlement.check_books"
"""Look at the books now and keep what is found; key: anything new."""
