"""Scales of commission as people type and read them, one tier or one special rate a line."""

import re
import uuid
from collections.abc import Iterable, Sequence

from django.utils.translation import gettext as _

from accounts.models import Organization
from market.catalog.states import Sector
from market.kernel.money import from_text, to_text
from market.settlement.models import FeeOverride
from market.settlement.models.fees import CommissionScale
from market.settlement.services.fees import SpecialRate, Tiers
from market.workspaces.dashboard import yuan

_TIER = re.compile(r"([\d.]+)\s*[:：]\s*(\d{1,5})", re.ASCII)
_SPECIAL = re.compile(r"([0-9A-Za-z]{1,18})\s*[:：]\s*(\d{1,5})((?:\s*[,，;；].*)?)", re.ASCII)


def tiers_text(tiers: Tiers, separator: str = "\n") -> str:
    """``1000000.00: 400``: from a million yuan a month on, 400 basis points."""
    return separator.join(f"{to_text(volume)}: {bps}" for volume, bps in tiers)


def per_cent(bps: int) -> str:
    """``425`` as ``4.25 %``."""
    return f"{bps // 100}.{bps % 100:02d} %"


def scale_text(scale: CommissionScale) -> str:
    """The whole scale in one line, for people to read."""
    tiers = (
        _("from %(volume)s on %(rate)s") % {"volume": yuan(volume), "rate": per_cent(bps)}
        for volume, bps in scale.tiers
    )
    return _("; ").join([per_cent(scale.commission_bps), *tiers])


def tiers_from_text(text: str) -> list[tuple[int, int]]:
    """The inverse of ``tiers_text``. Raises ``ValueError`` with the line that cannot be read."""
    return [_tier(line) for line in text.splitlines() if line.strip()]


def _tier(line: str) -> tuple[int, int]:
    match = _TIER.fullmatch(line.strip())
    try:
        if match is None:
            raise ValueError
        return from_text(match[1]), int(match[2])
    except ValueError:
        raise ValueError(_("This cannot be read: %(line)s") % {"line": line.strip()[:80]}) from None


def special_rates_text(overrides: Iterable[FeeOverride]) -> str:
    """``J: 300, 1000000.00: 250``: of that sector, or of the vendor with that USCC, 300 bps and then 250."""
    return "\n".join(
        f"{rate.vendor_org.uscc if rate.vendor_org_id else rate.sector}: "
        + ", ".join(filter(None, [str(rate.commission_bps), tiers_text(rate.tiers, ", ")]))
        for rate in overrides
    )


def special_rates_from_text(text: str) -> list[SpecialRate]:
    """The inverse of ``special_rates_text``: one query. Raises ``ValueError`` with the line that cannot be read."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    matches = [_SPECIAL.fullmatch(line) for line in lines]
    names = {match[1].upper() for match in matches if match} - set(Sector.values)
    vendors = dict(Organization.objects.filter(uscc__in=names).values_list("uscc", "id"))
    return [_special(line, match, vendors) for line, match in zip(lines, matches, strict=True)]


def _special(line: str, match: re.Match[str] | None, vendors: dict[str, uuid.UUID]) -> SpecialRate:
    name = match[1].upper() if match else ""
    if match is None or (name not in vendors and name not in Sector.values):
        raise ValueError(_("This cannot be read: %(line)s") % {"line": line[:80]})
    tiers: Sequence[str] = [piece for piece in re.split("[,，;；]", match[3]) if piece.strip()]
    return SpecialRate(
        commission_bps=int(match[2]),
        tiers=[_tier(piece) for piece in tiers],
        vendor_id=vendors.get(name),
        sector="" if name in vendors else name,
    )
