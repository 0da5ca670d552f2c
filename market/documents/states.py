from django.db import models
from django.utils.translation import gettext_lazy as _

from market.kernel.states import TransitionTable


class InvoiceKind(models.TextChoices):
    """What the buyer's tax office takes it for: input tax can be deducted with a special one only."""

    GENERAL = "general", _("general VAT invoice")
    SPECIAL = "special", _("special VAT invoice")


class InvoiceState(models.TextChoices):
    """``requested`` waits for the vendor; what was issued can only be taken back by a red-letter invoice."""

    REQUESTED = "requested", _("requested")
    ISSUED = "issued", _("issued")
    RED_LETTERED = "red_lettered", _("red-lettered")
    REJECTED = "rejected", _("rejected")
    WITHDRAWN = "withdrawn", _("withdrawn")


INVOICE_MOVES = TransitionTable(
    {
        InvoiceState.REQUESTED: [InvoiceState.ISSUED, InvoiceState.REJECTED, InvoiceState.WITHDRAWN],
        InvoiceState.ISSUED: [InvoiceState.RED_LETTERED],
        # In several parts, up to the whole amount.
        InvoiceState.RED_LETTERED: [InvoiceState.RED_LETTERED],
    }
)


class Colour(models.TextChoices):
    """A blue invoice says what was sold; a red-letter one takes it back, in whole or in part."""

    BLUE = "blue", _("invoice")
    RED = "red", _("red-letter invoice")
