"""What delivery does for orders' jobs."""

from market.delivery import services
from market.orders import jobs
from market.outbox.registry import Handler, register

register(jobs.DELIVER, Handler(perform=services.hand_over, is_long=True, give_up=services.give_up))
