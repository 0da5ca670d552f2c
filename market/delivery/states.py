from django.db import models
from django.utils.translation import gettext_lazy as _

from market.kernel.states import TransitionTable


class DeliveryState(models.TextChoices):
    """One try at handing an order over."""

    RUNNING = "running", _("running")
    HANDED_OVER = "handed_over", _("handed over")
    FAILED = "failed", _("failed")
    ABANDONED = "abandoned", _("abandoned: the order was cancelled")


DELIVERY_MOVES = TransitionTable(
    {DeliveryState.RUNNING: [DeliveryState.HANDED_OVER, DeliveryState.FAILED, DeliveryState.ABANDONED]}
)


class Channel(models.TextChoices):
    """By which way the buyer receives."""

    DOWNLOAD = "download", _("signed download links")


class Standing(models.TextChoices):
    """Whether an entitlement lets its buyer download now."""

    ACTIVE = "active", _("active")
    SUSPENDED = "suspended", _("suspended")
    ENDED = "ended", _("ended")
    REVOKED = "revoked", _("revoked")
