"""What may be done to a quote, by act. Each act is one round, kept for ever, with its evidence."""

from market.negotiation.services.accepting import accept
from market.negotiation.services.answering import ask_back, make_offer
from market.negotiation.services.asking import ask, counter
from market.negotiation.services.ending import decline, expire_overdue, withdraw

__all__ = ["accept", "ask", "ask_back", "counter", "decline", "expire_overdue", "make_offer", "withdraw"]
