"""What an order would cost: the catalogue's price with the VAT it contains. Reads only."""

import dataclasses
import datetime
import uuid
from typing import Any

from django.utils.translation import gettext_lazy as _

from market.catalog import pricing
from market.catalog.models import Offer
from market.catalog.selectors import offer_to_preview
from market.catalog.states import PriceModel
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.errors import InvalidInput
from market.kernel.money import MAX_AMOUNT
from market.settlement.division import divide
from market.settlement.errors import NoFeeSchedule
from market.settlement.selectors import schedule_in_force


@dataclasses.dataclass(frozen=True, slots=True)
class Preview:
    """An offer, what ordering it comes to, what a month of use comes to, and the VAT contained in the total."""

    offer: Offer
    bargain: pricing.Bargain
    month: pricing.Calculation | None
    vat: dict[str, Any] | None


def preview(
    *, actor: Actor, offer_id: uuid.UUID, quantity: int, starts_on: datetime.date, monthly_use: int | None
) -> Preview:
    """What ``quantity`` units ordered on ``starts_on`` cost, and ``monthly_use`` units of metered use.

    Raises ``NotFound``, ``OfferNotOrderable``, or ``InvalidInput`` naming the field.
    """
    offer = offer_to_preview(actor, offer_id)
    rule = offer.price_rule()
    if monthly_use is not None and rule.model != PriceModel.METERED:
        raise InvalidInput(errors={"/monthly_use": _("Leave this out: the offer does not charge by use.")})
    try:
        bargain = pricing.bargain(rule, quantity, starts_on)
    except ValueError as error:
        most = {"most": offer.tiers[-1]["up_to"]}
        raise InvalidInput(errors={"/quantity": _("Order at most %(most)d units of this offer.") % most}) from error
    if bargain.price.total > MAX_AMOUNT:
        raise InvalidInput(errors={"/quantity": _("The order would cost more than one order may.")})
    month = pricing.month_charge(rule, monthly_use) if monthly_use is not None else None
    return Preview(offer, bargain, month, _vat(offer, bargain.price.total))


def _vat(offer: Offer, total: int) -> dict[str, Any] | None:
    """The VAT that the total contains, at today's rate of the vendor's taxpayer type; None without a schedule."""
    try:
        schedule = schedule_in_force(clock.now())
    except NoFeeSchedule:
        return None
    taxpayer_type = offer.product.vendor_org.taxpayer_type
    rate = schedule.vat_bps(taxpayer_type)
    return {
        "amount": divide(total, points=0, vat_bps=rate).vat,
        "rate_bps": rate,
        "taxpayer_type": taxpayer_type,
    }
