from django.db import models
from django.utils.translation import gettext_lazy as _

from market.kernel.states import TransitionTable


class PayoutState(models.TextChoices):
    """``pending`` waits for a bank account or an approval; ``confirmed`` and ``bounced`` come from the bank."""

    PENDING = "pending", _("pending")
    SENT = "sent", _("sent")
    CONFIRMED = "confirmed", _("confirmed")
    BOUNCED = "bounced", _("bounced")


PAYOUT_MOVES = TransitionTable(
    {
        PayoutState.PENDING: [PayoutState.SENT],
        PayoutState.SENT: [PayoutState.CONFIRMED, PayoutState.BOUNCED],
    }
)
