"""The kinds of durable work that orders ask of higher rooms, which register the handlers."""

DELIVER = "delivery.deliver"
"""Hand the order over; key ``<order id>:<try>``, subject the order."""

CAPTURE = "settlement.capture"
"""Divide a charge's money; key ``<charge id>``, subject the charge."""

BEGIN = "billing.begin"
"""An order that runs (``orders.selectors.is_running``) was accepted: its charges begin; key ``<order id>``, subject the
order."""

END = "billing.end"
"""An order that runs ends early, by agreement: charge what was used, return the rest; key ``<order id>:<version of the
terms>``, subject the order."""

DISPUTED = "delivery.testify"
"""An order was disputed: attach to the dispute what was really sent; key ``<order id>``, subject the order."""

REVOKE = "delivery.revoke"
"""A delivered order was refunded whole: the buyer may no longer receive it; key ``<order id>``, subject the order."""
