from django.db import models
from django.utils.translation import gettext_lazy as _

from market.kernel.states import TransitionTable


class PayoutState(models.TextChoices):
    """``pending`` waits for what ``hold`` says; ``confirmed`` and ``bounced`` come from the bank.

    Confirmed: it left the exchange's account. The vendor's bank may still send it back days later.
    """

    PENDING = "pending", _("pending")
    SENT = "sent", _("sent")
    CONFIRMED = "confirmed", _("confirmed")
    BOUNCED = "bounced", _("bounced")


PAYOUT_MOVES = TransitionTable(
    {
        PayoutState.PENDING: [PayoutState.SENT],
        PayoutState.SENT: [PayoutState.CONFIRMED, PayoutState.BOUNCED],
        PayoutState.CONFIRMED: [PayoutState.BOUNCED],
    }
)


class PayoutHold(models.TextChoices):
    """Why a payout is still pending."""

    NO_BANK_ACCOUNT = "no_bank_account", _("the vendor has no bank account on file")
    NOT_VERIFIED = "not_verified", _("the vendor is not verified for trading")
    CAME_BACK = "came_back", _("the last payment came back")
    NEEDS_APPROVAL = "needs_approval", _("two persons must release it")
