from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from market.kernel.states import TransitionTable


class PayoutState(models.TextChoices):
    """``pending`` waits for what ``hold`` says; ``confirmed`` and ``bounced`` come from the bank.

    Confirmed: it left the exchange's account. The vendor's bank may still send it back days later. What a void one
    would have paid is due with the next batch.
    """

    PENDING = "pending", _("pending")
    SENT = "sent", _("sent")
    CONFIRMED = "confirmed", _("confirmed")
    BOUNCED = "bounced", _("bounced")
    VOID = "void", pgettext_lazy("payout", "void")


PAYOUT_MOVES = TransitionTable(
    {
        PayoutState.PENDING: [PayoutState.SENT, PayoutState.VOID],
        PayoutState.SENT: [PayoutState.CONFIRMED, PayoutState.BOUNCED],
        PayoutState.CONFIRMED: [PayoutState.BOUNCED],
    }
)


class PayoutHold(models.TextChoices):
    """Why a payout is still pending."""

    NO_BANK_ACCOUNT = "no_bank_account", _("the vendor has no bank account on file")
    NOT_VERIFIED = "not_verified", _("the vendor is not verified for trading")
    ACCOUNT_LOST = "account_lost", _("the vendor's old bank account is lost and the new one is not in force")
    CLAWED_BACK = "clawed_back", _("refunds took back what it would pay")
    CAME_BACK = "came_back", _("the last payment came back")
    NEEDS_APPROVAL = "needs_approval", _("two persons must release it")
