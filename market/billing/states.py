from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from market.kernel.states import TransitionTable


class SubscriptionState(models.TextChoices):
    """Where a running contract stands. ``past_due``: an instalment is late; ``suspended``: so late that nothing may be
    received until it is paid."""

    RUNNING = "running", _("running")
    PAST_DUE = "past_due", _("past due")
    SUSPENDED = "suspended", _("suspended")
    ENDED = "ended", pgettext_lazy("contract", "ended")


SUBSCRIPTION_MOVES = TransitionTable(
    {
        SubscriptionState.RUNNING: [SubscriptionState.PAST_DUE, SubscriptionState.ENDED],
        SubscriptionState.PAST_DUE: [
            SubscriptionState.RUNNING,
            SubscriptionState.SUSPENDED,
            SubscriptionState.ENDED,
        ],
        SubscriptionState.SUSPENDED: [SubscriptionState.RUNNING, SubscriptionState.ENDED],
    }
)

LATE = (SubscriptionState.PAST_DUE, SubscriptionState.SUSPENDED)
"""States of a subscription that waits for money."""


class PeriodState(models.TextChoices):
    """Where one month of a subscription stands: its money is still in the wallet, in escrow, due to the vendor, or the
    month is not used and costs nothing."""

    PLANNED = "planned", _("planned")
    FUNDED = "funded", _("funded")
    CHARGED = "charged", _("charged")
    DROPPED = "dropped", _("dropped")


class Renewal(models.TextChoices):
    """What happens at the end of the term."""

    NEVER = "never", _("not renewed")
    AUTOMATIC = "automatic", _("renewed by itself")
    CANCELLED = "cancelled", _("cancelled by the buyer")
    DECLINED = "declined", _("declined by the vendor")
    AGREED = "agreed", _("ends early, as agreed")


class EndReason(models.TextChoices):
    """Why a subscription ended."""

    TERM_OVER = "term_over", _("the term was over")
    RENEWED = "renewed", _("renewed for another term")
    TRIAL = "trial", _("ended within the trial")
    AGREEMENT = "agreement", _("ended early by agreement")
    UNPAID = "unpaid", _("not paid")


class MeterState(models.TextChoices):
    """Where metered use stands. ``stopped``: the prepayment is used up, and what costs more is refused."""

    RUNNING = "running", _("running")
    STOPPED = "stopped", pgettext_lazy("use", "stopped")
    ENDED = "ended", pgettext_lazy("contract", "ended")


METER_MOVES = TransitionTable(
    {
        MeterState.RUNNING: [MeterState.STOPPED, MeterState.ENDED],
        MeterState.STOPPED: [MeterState.RUNNING, MeterState.ENDED],
    }
)
