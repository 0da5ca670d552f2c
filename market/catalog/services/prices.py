"""What a vendor may ask for: every mistake of a price at once, each under the field it is in."""

from collections.abc import Mapping
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from market.catalog import pricing
from market.catalog.models import Offer
from market.catalog.pricing import Tier
from market.catalog.states import WITH_TERM, PrepaidEnd, PriceModel, TierMode
from market.catalog.validators import clean_text
from market.kernel.money import MAX_AMOUNT, to_text


class PriceTerms(TypedDict, total=False):
    """The columns of an offer's price besides model and amount; units and meaning as in ``pricing.PriceRule``.

    ``tiers`` is a list of ``{"up_to": units or None, "unit_price": 1/10,000 fen, "flat": fen}``; ``flat`` may be left
    out when it is 0.
    """

    months: int
    is_instalment: bool
    trial_days: int
    renewal_notice_days: int | None
    includes_later_revisions: bool
    unit: str
    unit_price: int
    free_units: int
    monthly_cap: int | None
    at_prepaid_end: str
    tier_mode: str
    tiers: list[dict[str, Any]]


_TERM = {"months", "trial_days"}
_SCALE = {"tier_mode", "tiers"}
_FITTING: dict[str, set[str]] = {
    PriceModel.FREE: set(),
    PriceModel.ONE_OFF: _SCALE,
    PriceModel.SUBSCRIPTION: _TERM | _SCALE | {"is_instalment", "renewal_notice_days", "includes_later_revisions"},
    PriceModel.METERED: _TERM | _SCALE | {"unit", "unit_price", "free_units", "monthly_cap", "at_prepaid_end"},
}
_WHOLE = {
    "months": (1, pricing.MAX_MONTHS),
    "trial_days": (0, pricing.MAX_TRIAL_DAYS),
    "renewal_notice_days": (1, pricing.MAX_NOTICE_DAYS),
    "unit_price": (1, pricing.MAX_UNIT_PRICE),
    "free_units": (0, pricing.MAX_UNITS),
    "monthly_cap": (1, MAX_AMOUNT),
}
_SWITCHES = ("is_instalment", "includes_later_revisions")

Mistakes = dict[str, str | Promise]


def check_price(offer: Offer) -> Mistakes:
    """Clean the price of an unsaved offer whose model is known; what is wrong with it, by JSON pointer.

    Sets ``amount`` of an offer with a scale to what its first unit costs.
    """
    mistakes: Mistakes = {}
    fitting = _FITTING[offer.price_model]
    for name in PriceTerms.__annotations__:
        if name not in fitting and getattr(offer, name) != Offer._meta.get_field(name).get_default():
            mistakes[f"/{name}"] = _("Leave this out: it has no meaning for this price model.")
    if mistakes:
        return mistakes
    has_scale = bool(offer.tiers) or offer.tier_mode != ""
    _check_numbers(offer, fitting - ({"unit_price"} if has_scale else set()), mistakes)
    if has_scale:
        mistakes |= _check_scale(offer)
    mistakes |= _check_amount(offer, has_scale and not mistakes)
    if offer.price_model in WITH_TERM and not mistakes:
        mistakes |= _check_term(offer)
    return mistakes


def _check_numbers(offer: Offer, fitting: set[str], mistakes: Mistakes) -> None:
    for name in sorted(fitting & set(_WHOLE)):
        least, most = _WHOLE[name]
        value = getattr(offer, name)
        is_open = value is None and name in ("renewal_notice_days", "monthly_cap")
        if not is_open and not (is_whole(value) and least <= value <= most):
            mistakes[f"/{name}"] = _("A whole number from %(least)d to %(most)d.") % {"least": least, "most": most}
    for name in _SWITCHES:
        if not isinstance(getattr(offer, name), bool):
            mistakes[f"/{name}"] = _("true or false")


def _check_amount(offer: Offer, has_sound_scale: bool) -> Mistakes:
    """Fill in or check ``amount``; it is left out, or repeats what the scale says, where a scale says the price."""
    if offer.tier_mode and offer.price_model != PriceModel.METERED:
        if has_sound_scale:
            said = offer.amount
            offer.amount = pricing.first_unit_price(offer.price_rule().tiers, offer.tier_mode)
            if said not in (None, 0, offer.amount):
                return {"/amount": _("Leave this out: the scale says what it costs.")}
        return {}
    if offer.amount is None and offer.price_model == PriceModel.FREE:
        offer.amount = 0
    if not is_whole(offer.amount):
        return {"/amount": _("A whole number of fen.")}
    if offer.price_model == PriceModel.FREE:
        return {} if offer.amount == 0 else {"/amount": _("A free offer costs 0.")}
    if not 0 < offer.amount <= MAX_AMOUNT:
        return {"/amount": _("From 0.01 to %(most)s yuan.") % {"most": to_text(MAX_AMOUNT)}}
    return {}


def _check_term(offer: Offer) -> Mistakes:
    mistakes: Mistakes = {}
    if offer.is_instalment and offer.months < 2:
        mistakes["/is_instalment"] = _("A term of one month is paid at once.")
    if offer.renewal_notice_days is not None and offer.renewal_notice_days > offer.months * 28:
        mistakes["/renewal_notice_days"] = _("Notice is shorter than the term.")
    if offer.price_model == PriceModel.METERED:
        try:
            offer.unit = clean_text(str(offer.unit), several_lines=False, most=32)
        except ValidationError as error:
            mistakes["/unit"] = " ".join(error.messages)
        if not offer.unit:
            mistakes["/unit"] = _("Say what is counted, such as call, GB, row or PFLOPS·h.")
        if offer.at_prepaid_end not in PrepaidEnd.values:
            mistakes["/at_prepaid_end"] = _("top_up or stop")
    return mistakes


def _check_scale(offer: Offer) -> Mistakes:
    if offer.tier_mode not in TierMode.values:
        return {"/tier_mode": _("graduated or volume")}
    if not isinstance(offer.tiers, list) or not 1 <= len(offer.tiers) <= pricing.MAX_TIERS:
        return {"/tiers": _("A list of 1 to %(most)d tiers.") % {"most": pricing.MAX_TIERS}}
    if offer.price_model == PriceModel.METERED and offer.unit_price != 0:
        return {"/unit_price": _("Leave this out: the scale says what it costs.")}
    mistakes: Mistakes = {}
    tiers: list[Tier] = []
    reached = 0
    for index, given in enumerate(offer.tiers):
        wrong = _tier_mistakes(given, reached, is_last=index == len(offer.tiers) - 1)
        mistakes |= {f"/tiers/{index}{pointer}": mistake for pointer, mistake in wrong.items()}
        if wrong:
            break
        tiers.append(Tier(given.get("up_to"), given["unit_price"], given.get("flat", 0)))
        reached = tiers[-1].up_to or reached
    if mistakes:
        return mistakes
    if offer.price_model == PriceModel.METERED and tiers[-1].up_to is not None:
        return {f"/tiers/{len(tiers) - 1}/up_to": _("The last tier of metered use has no end.")}
    offer.tiers = [pricing.tier_document(tier) for tier in tiers]
    return {}


def _tier_mistakes(given: Any, reached: int, *, is_last: bool) -> Mistakes:
    if not isinstance(given, Mapping) or not {"unit_price"} <= set(given) <= {"up_to", "unit_price", "flat"}:
        return {"": _("A tier has up_to, unit_price and perhaps flat.")}
    mistakes: Mistakes = {}
    end = given.get("up_to")
    if end is None and not is_last:
        mistakes["/up_to"] = _("Only the last tier may be without end.")
    elif end is not None and not (is_whole(end) and reached < end <= pricing.MAX_UNITS):
        mistakes["/up_to"] = _("A whole number above the end of the tier before.")
    for name, most in (("unit_price", pricing.MAX_UNIT_PRICE), ("flat", MAX_AMOUNT)):
        value = given.get(name, 0)
        if not is_whole(value) or not 0 <= value <= most:
            mistakes[f"/{name}"] = _("A whole number from %(least)d to %(most)d.") % {"least": 0, "most": most}
    return mistakes


def is_whole(value: Any) -> bool:
    """Whether it is a whole number, and not a truth value that Python counts as one."""
    return isinstance(value, int) and not isinstance(value, bool)
