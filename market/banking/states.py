from django.db import models
from django.utils.translation import gettext_lazy as _

from market.kernel.states import TransitionTable


class LineState(models.TextChoices):
    """What became of a line. ``waiting`` is the operators' queue; all else is final."""

    WAITING = "waiting", _("waits for a decision")
    DEPOSITED = "deposited", _("deposited")
    CONFIRMED = "confirmed", _("confirms a payout")
    BOUNCED = "bounced", _("a payout came back")
    RETURNED = "returned", _("to be returned to the sender")
    RETURN_PAID = "return_paid", _("a return was paid")
    PROVIDER = "provider", _("paid over by the payment provider")
    SET_ASIDE = "set_aside", _("set aside")


LINE_MOVES = TransitionTable({LineState.WAITING: [state for state in LineState if state != LineState.WAITING]})


class Doubt(models.TextChoices):
    """Why a line was not matched by itself."""

    NO_CODE = "no_code", _("no remittance code and no payment reference")
    MISSPELT = "misspelt", _("what looks like a remittance code is misspelt")
    UNKNOWN_CODE = "unknown_code", _("no buyer has this remittance code")
    SEVERAL = "several", _("more than one remittance code or payment reference")
    CLOSED = "closed", _("the buyer's organisation is closed")
    ALREADY_POSTED = "already_posted", _("another deposit has been booked under this bank reference")
    UNKNOWN_REFERENCE = "unknown_reference", _("no payout has this payment reference")
    AMOUNT = "amount", _("the amount is not the payout's")
    NOT_SENT = "not_sent", _("the payout does not wait for the bank's word")
    NOT_MARKED = "not_marked", _("it names a payout but is not marked as a returned payment")
    DETAILS = "details", _("the details do not add up to the entry")
    REVERSAL = "reversal", _("the bank takes back something that it booked before")


class FileState(models.TextChoices):
    """What became of a payment file at the bank."""

    MADE = "made", _("ready for the bank")
    HANDED_IN = "handed_in", _("handed in at the bank")


FILE_MOVES = TransitionTable({FileState.MADE: [FileState.HANDED_IN]})


class IntentState(models.TextChoices):
    """Whether what a buyer wanted to pay online has been paid. A provider may say so after it said otherwise."""

    OPEN = "open", _("not paid yet")
    PAID = "paid", _("paid")
    ENDED = "ended", _("ended without payment")


INTENT_MOVES = TransitionTable(
    {IntentState.OPEN: [IntentState.PAID, IntentState.ENDED], IntentState.ENDED: [IntentState.PAID]}
)


class OnlineState(models.TextChoices):
    """What became of money that a provider has received. ``waiting`` is the operators' queue; all else is final."""

    WAITING = "waiting", _("waits for a decision")
    DEPOSITED = "deposited", _("deposited")
    SET_ASIDE = "set_aside", _("set aside")


ONLINE_MOVES = TransitionTable({OnlineState.WAITING: [OnlineState.DEPOSITED, OnlineState.SET_ASIDE]})


class OnlineDoubt(models.TextChoices):
    """Why a payment was not deposited by itself."""

    UNKNOWN = "unknown", _("nobody here has started this payment")
    AMOUNT = "amount", _("the amount or currency is another")
    PAID_BEFORE = "paid_before", _("it has been paid before")
    CLOSED = "closed", _("the buyer's organisation is closed")
    ALREADY_POSTED = "already_posted", _("another deposit has been booked under this number")
