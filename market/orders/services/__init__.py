"""What may be done to an order, by act. Money moves and evidence is left in the act's own transaction."""

from market.orders.services.accepting import accept, accept_overdue, mark_settled
from market.orders.services.amending import confirm as confirm_amendment
from market.orders.services.amending import decline as decline_amendment
from market.orders.services.amending import expire_amendments
from market.orders.services.amending import propose as propose_amendment
from market.orders.services.amending import withdraw as withdraw_amendment
from market.orders.services.approving import approve, decline, remove_limit, set_limit
from market.orders.services.bulk import place_many
from market.orders.services.deciding import decide_dispute
from market.orders.services.delivering import mark_delivered, mark_delivering, mark_delivery_failed, retry_delivery
from market.orders.services.disputing import (
    answer_dispute,
    attach_evidence,
    close_unanswered,
    dispute,
    escalate_undecided,
)
from market.orders.services.ending import cancel, refund_failed, refund_overdue_failures
from market.orders.services.lines import accept_lines
from market.orders.services.placing import place
from market.orders.services.renewing import renew
from market.orders.services.running import await_payment, end_access, resume_access
from market.orders.services.waiting import expire_waiting, pay_waiting, wake_waiting

__all__ = [
    "accept",
    "accept_lines",
    "accept_overdue",
    "answer_dispute",
    "approve",
    "attach_evidence",
    "await_payment",
    "cancel",
    "close_unanswered",
    "confirm_amendment",
    "decide_dispute",
    "decline",
    "decline_amendment",
    "dispute",
    "end_access",
    "escalate_undecided",
    "expire_amendments",
    "expire_waiting",
    "mark_delivered",
    "mark_delivering",
    "mark_delivery_failed",
    "mark_settled",
    "pay_waiting",
    "place",
    "propose_amendment",
    "place_many",
    "refund_failed",
    "refund_overdue_failures",
    "remove_limit",
    "renew",
    "resume_access",
    "retry_delivery",
    "set_limit",
    "wake_waiting",
    "withdraw_amendment",
]
