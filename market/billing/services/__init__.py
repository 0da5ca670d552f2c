"""What may be done to running contracts, by act."""

from market.billing.services.beginning import begin as begin_subscription
from market.billing.services.charging import charge_months
from market.billing.services.collecting import collect_due, end_lapsed, suspend_late
from market.billing.services.ending import terminate as terminate_subscription
from market.billing.services.leaving import leave as end_meter
from market.billing.services.meters import begin as begin_meter
from market.billing.services.meters import end_early as end_meter_early
from market.billing.services.meters import top_up as top_up_meter
from market.billing.services.renewing import cancel as cancel_subscription
from market.billing.services.renewing import decline as decline_renewal
from market.billing.services.renewing import end_term, end_terms, give_notice
from market.billing.services.renewing import resume as resume_subscription
from market.billing.services.statements import close_due
from market.billing.services.usage import record as record_usage

__all__ = [
    "begin_meter",
    "begin_subscription",
    "cancel_subscription",
    "charge_months",
    "close_due",
    "collect_due",
    "decline_renewal",
    "end_lapsed",
    "end_meter",
    "end_meter_early",
    "end_term",
    "end_terms",
    "give_notice",
    "record_usage",
    "resume_subscription",
    "suspend_late",
    "terminate_subscription",
    "top_up_meter",
]
