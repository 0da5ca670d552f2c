from collections.abc import Mapping

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from market.kernel.states import TransitionTable


class QuoteState(models.TextChoices):
    """Where a quote stands. In each open state exactly one side has the word; the other may only withdraw."""

    ASKED = "asked", _("waits for the vendor")
    ASKED_BACK = "asked_back", _("vendor asked back")
    OFFERED = "offered", _("offer made")
    ACCEPTED = "accepted", pgettext_lazy("quote", "accepted")
    DECLINED = "declined", _("declined")
    WITHDRAWN = "withdrawn", _("withdrawn")
    EXPIRED = "expired", _("expired")


class Side(models.TextChoices):
    """Who speaks in a round."""

    BUYER = "buyer", _("buyer")
    VENDOR = "vendor", _("vendor")
    EXCHANGE = "exchange", _("exchange")


class QuoteAct(models.TextChoices):
    """What a round does."""

    ASK = "ask", _("asks for a quote")
    OFFER = "offer", _("makes an offer")
    ASK_BACK = "ask_back", _("asks back")
    COUNTER = "counter", _("answers")
    ACCEPT = "accept", _("accepts the offer")
    DECLINE = "decline", _("declines")
    WITHDRAW = "withdraw", _("withdraws")
    EXPIRE = "expire", _("time ran out")


ACTS: Mapping[tuple[str, str], Mapping[str, str]] = {
    (Side.VENDOR, QuoteAct.OFFER): {QuoteState.ASKED: QuoteState.OFFERED},
    (Side.VENDOR, QuoteAct.ASK_BACK): {QuoteState.ASKED: QuoteState.ASKED_BACK},
    (Side.VENDOR, QuoteAct.DECLINE): {QuoteState.ASKED: QuoteState.DECLINED},
    (Side.VENDOR, QuoteAct.WITHDRAW): {
        QuoteState.OFFERED: QuoteState.ASKED,
        QuoteState.ASKED_BACK: QuoteState.ASKED,
    },
    (Side.BUYER, QuoteAct.ACCEPT): {QuoteState.OFFERED: QuoteState.ACCEPTED},
    (Side.BUYER, QuoteAct.COUNTER): {
        QuoteState.OFFERED: QuoteState.ASKED,
        QuoteState.ASKED_BACK: QuoteState.ASKED,
    },
    (Side.BUYER, QuoteAct.DECLINE): {
        QuoteState.OFFERED: QuoteState.DECLINED,
        QuoteState.ASKED_BACK: QuoteState.DECLINED,
    },
    (Side.BUYER, QuoteAct.WITHDRAW): {QuoteState.ASKED: QuoteState.WITHDRAWN},
    (Side.EXCHANGE, QuoteAct.EXPIRE): {
        QuoteState.ASKED: QuoteState.EXPIRED,
        QuoteState.ASKED_BACK: QuoteState.EXPIRED,
        QuoteState.OFFERED: QuoteState.EXPIRED,
    },
}
"""Who may do what, from which state, and where it leads. A vendor who withdraws takes back its offer or its question
and has the word again; a buyer who counters turns the offer down (it cannot be accepted any more) and asks anew."""


def _moves() -> dict[str, list[str]]:
    moves: dict[str, list[str]] = {}
    for steps in ACTS.values():
        for source, target in steps.items():
            targets = moves.setdefault(source, [])
            if target not in targets:
                targets.append(target)
    return moves


QUOTE_MOVES = TransitionTable(_moves())

OPEN = (QuoteState.ASKED, QuoteState.ASKED_BACK, QuoteState.OFFERED)
"""States that end by themselves at the quote's deadline."""

HAS_THE_WORD = {
    QuoteState.ASKED: Side.VENDOR,
    QuoteState.ASKED_BACK: Side.BUYER,
    QuoteState.OFFERED: Side.BUYER,
}
"""Whose answer an open quote waits for."""


def acts_of(side: str, state: str) -> list[str]:
    """What ``side`` may do with a quote in ``state``."""
    return [str(act) for (of_side, act), steps in ACTS.items() if of_side == side and state in steps]
