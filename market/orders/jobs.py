"""The kinds of durable work that orders ask of higher rooms, which register the handlers."""

DELIVER = "delivery.deliver"
"""Hand the order over; key ``<order id>:<try>``, subject the order."""

CAPTURE = "settlement.capture"
"""Divide the accepted order's escrow; key ``<order id>``, subject the order."""
