"""What may be done about delivery, by act."""

from market.delivery.services.disputes import revoke_refunded, testify
from market.delivery.services.entitlements import issue_links, require_active, revoke_entitlement
from market.delivery.services.handing_over import give_up, hand_over
from market.delivery.services.sending import Sending, downloadable, start_sending

__all__ = [
    "Sending",
    "downloadable",
    "give_up",
    "hand_over",
    "issue_links",
    "require_active",
    "revoke_entitlement",
    "revoke_refunded",
    "start_sending",
    "testify",
]
