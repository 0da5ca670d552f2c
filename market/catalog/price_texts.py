"""Prices in words and as typed: exact, no float. Unit prices are 1/10,000 fen, that is millionths of a yuan."""

import re
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from market.catalog.models import Offer
from market.catalog.pricing import MAX_TIERS, SCALE, Line, PriceRule, Tier
from market.catalog.states import PrepaidEnd, PriceModel, TierMode
from market.kernel.money import from_text, to_text

LANGUAGES = ("en", "zh-hans")
YUAN = 100 * SCALE
_UNIT_PRICE = re.compile(r"(\d{1,10})(?:\.(\d{1,6}))?", re.ASCII)
_TIER = re.compile(r"(\d{1,13}|\*)\s*[:：]\s*([\d.]+)\s*(?:\+\s*([\d.]+))?", re.ASCII)


def unit_price_text(unit_price: int) -> str:
    """``3`` (1/10,000 fen) as ``"0.000003"`` yuan: exact, with two decimals or as many as it takes."""
    yuan, rest = divmod(unit_price, YUAN)
    return f"{yuan}.{f'{rest:06d}'.rstrip('0').ljust(2, '0')}"


def unit_price_from_text(text: str) -> int:
    """``"0.0003"`` yuan as 1/10,000 fen: the exact inverse. Raises ``ValueError``, as for a seventh decimal."""
    match = _UNIT_PRICE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a price in yuan such as 12, 12.50 or 0.0003")
    yuan, rest = match.groups()
    return int(yuan) * YUAN + int((rest or "").ljust(6, "0"))


def tiers_text(tiers: list[dict[str, Any]]) -> str:
    """A scale as people type it, one tier a line: ``100: 12.00``, the last perhaps ``*: 9.00 + 50.00``."""
    lines = []
    for tier in tiers:
        end = "*" if tier["up_to"] is None else tier["up_to"]
        flat = f" + {to_text(tier['flat'])}" if tier["flat"] else ""
        lines.append(f"{end}: {unit_price_text(tier['unit_price'])}{flat}")
    return "\n".join(lines)


def tiers_from_text(text: str) -> list[dict[str, Any]]:
    """The exact inverse of ``tiers_text``. Raises ``ValueError`` with the line that cannot be read."""
    tiers = []
    for number, line in enumerate(text.strip().splitlines(), start=1):
        match = _TIER.fullmatch(line.strip())
        try:
            if match is None:
                raise ValueError
            end, price, flat = match.groups()
            tiers.append(
                {
                    "up_to": None if end == "*" else int(end),
                    "unit_price": unit_price_from_text(price),
                    "flat": from_text(flat) if flat else 0,
                }
            )
        except ValueError:
            raise ValueError(_("Line %(number)d cannot be read: %(line)s") % {"number": number, "line": line}) from None
    if len(tiers) > MAX_TIERS:
        raise ValueError(_("At most %(most)d tiers.") % {"most": MAX_TIERS})
    return tiers


def sentences(offer: Offer) -> dict[str, str]:
    """The price in words, by language."""
    found = {}
    for language in LANGUAGES:
        with translation.override(language):
            found[language] = sentence(offer)
    return found


def sentence(offer: Offer) -> str:
    """The price in words, in the language of the moment: short where it is simple, whole where it is not."""
    return rule_sentence(offer.price_rule(), offer.currency, offer.includes_later_revisions)


def rule_sentence(rule: PriceRule, currency: str, includes_later_revisions: bool = False) -> str:
    """A price rule in words, in the language of the moment."""
    if rule.model == PriceModel.FREE:
        return _("free")
    return _(", ").join(_clauses(rule, currency, includes_later_revisions))


def _clauses(rule: PriceRule, currency: str, includes_later_revisions: bool) -> list[str]:
    if rule.model == PriceModel.METERED:
        return _metered(rule, currency)
    money = f"{currency} {to_text(rule.amount)}"
    if rule.model == PriceModel.ONE_OFF:
        return [scale_text(rule, _("unit"), currency)] if rule.tiers else [money]
    price = scale_text(rule, _("unit"), currency) if rule.tiers else money
    clauses = [
        ngettext("%(price)s a month for %(months)d month", "%(price)s a month for %(months)d months", rule.months)
        % {"price": price, "months": rule.months},
        _("paid by the month") if rule.is_instalment else _("paid at once"),
        *_trial(rule),
    ]
    if rule.renewal_notice_days is not None:
        clauses.append(
            _("renewed unless cancelled, with notice %(days)d days before") % {"days": rule.renewal_notice_days}
        )
    if includes_later_revisions:
        clauses.append(_("with all revisions published within the term"))
    return clauses


def _metered(rule: PriceRule, currency: str) -> list[str]:
    if rule.tiers:
        clauses = [scale_text(rule, rule.unit, currency)]
    else:
        shown = {"price": f"{currency} {unit_price_text(rule.unit_price)}", "unit": rule.unit}
        clauses = [_("%(price)s per %(unit)s") % shown]
    if rule.free_units:
        clauses.append(_("the first %(number)d a month free") % {"number": rule.free_units})
    if rule.monthly_cap is not None:
        clauses.append(_("at most %(amount)s a month") % {"amount": f"{currency} {to_text(rule.monthly_cap)}"})
    clauses.append(ngettext("for %(months)d month", "for %(months)d months", rule.months) % {"months": rule.months})
    clauses += _trial(rule)
    ahead = {"amount": f"{currency} {to_text(rule.amount)}"}
    if rule.at_prepaid_end == PrepaidEnd.TOP_UP:
        clauses.append(_("%(amount)s paid ahead, and again when it is used up") % ahead)
    else:
        clauses.append(_("%(amount)s paid ahead, and use stops when it is used up") % ahead)
    return clauses


def _trial(rule: PriceRule) -> list[str]:
    return [_("after %(days)d days of trial") % {"days": rule.trial_days}] if rule.trial_days else []


def scale_text(rule: PriceRule, unit: str, currency: str) -> str:
    """``per call: up to 100 CNY 12.00, above CNY 9.00``, and how the scale is read."""
    steps = _(", ").join(_step(tier, currency) for tier in rule.tiers)
    if rule.tier_mode == TierMode.GRADUATED:
        return _("per %(unit)s, each at its own tier (%(steps)s)") % {"unit": unit, "steps": steps}
    return _("per %(unit)s, all at the tier of the total (%(steps)s)") % {"unit": unit, "steps": steps}


def _step(tier: Tier, currency: str) -> str:
    shown = {"price": f"{currency} {unit_price_text(tier.unit_price)}", "end": tier.up_to}
    text = _("above: %(price)s") % shown if tier.up_to is None else _("up to %(end)d: %(price)s") % shown
    return f"{text} + {currency} {to_text(tier.flat)}" if tier.flat else text


def reason_text(line: Line) -> str:
    """Why a line is charged."""
    texts = {
        "price": _("price"),
        "prepayment": _("paid ahead"),
        "use": _("use"),
        "free_units": _("free units"),
        "tier": _("units of tier %(tier)d"),
        "volume_tier": _("all units at tier %(tier)d"),
    }
    return texts[line.reason] % {"tier": line.tier} if line.tier else texts[line.reason]
