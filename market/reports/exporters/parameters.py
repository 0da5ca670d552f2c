"""What may be asked of an exporter. The API takes these as JSON, the workspace draws them as a form."""

import datetime
import uuid
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.states import Capacity
from market.api.serializers import KeyField, StrictSerializer, TextField
from market.kernel import clock
from market.ledger.states import TransferKind
from market.orders.states import OrderState


class OrganizationField(KeyField):
    """The key of an organisation; ``capacity`` tells the form which ones to offer."""

    def __init__(self, *, capacity: str = "", **kwargs: Any) -> None:
        self.capacity = capacity
        super().__init__(**kwargs)


class PeriodParameters(StrictSerializer):
    """From one business day (Asia/Shanghai) to another, both included; either may be left out."""

    date_from = serializers.DateField(
        required=False, label=_("From (business day)"), help_text=_("First business day (Asia/Shanghai), included.")
    )
    date_until = serializers.DateField(
        required=False, label=_("To (business day)"), help_text=_("Last business day (Asia/Shanghai), included.")
    )
    for_spreadsheet = serializers.BooleanField(
        default=False,
        label=_("For Excel"),
        help_text=_("Begin the file with a byte order mark, by which Excel knows that it is UTF-8."),
    )

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        first, last = values.get("date_from"), values.get("date_until")
        for name in ("date_from", "date_until"):
            if values.get(name) and not 1991 < values[name].year < 9999:
                raise serializers.ValidationError({name: _("Give a year from 1992 to 9998.")})
        if first and last and last < first:
            raise serializers.ValidationError({"date_until": _("The last day is before the first.")})
        return values


class TransactionParameters(PeriodParameters):
    """Which orders; the period is that of placement."""

    vendor = OrganizationField(required=False, capacity=Capacity.VENDOR, label=_("Vendor"))
    buyer = OrganizationField(required=False, capacity=Capacity.BUYER, label=_("Buyer"))
    state = serializers.ChoiceField(OrderState.choices, required=False, label=_("State"))


class TransferParameters(PeriodParameters):
    """Which movements of money; the period is that of posting."""

    organization = OrganizationField(required=False, label=_("Organisation"), help_text=_("On either side."))
    kind = serializers.ChoiceField(TransferKind.choices, required=False, label=_("Kind"))


class EventParameters(PeriodParameters):
    """Which audit events; the period is that of the act."""

    organization = OrganizationField(
        required=False, label=_("Organisation"), help_text=_("Who acted, or whom it concerned.")
    )
    name = TextField(required=False, max_length=64, label=_("Act"), help_text=_("Such as order.placed."))
    subject = KeyField(required=False, label=_("Subject"), help_text=_("Key of the order, product or organisation."))


def within(field: str, date_from: datetime.date | None, date_until: datetime.date | None) -> Q:
    """The condition that ``field`` lies in the period of business days."""
    condition = Q()
    if date_from:
        condition &= Q(**{f"{field}__gte": clock.business_midnight(date_from)})
    if date_until:
        condition &= Q(**{f"{field}__lt": clock.business_midnight(date_until + datetime.timedelta(days=1))})
    return condition


def given(lookups: dict[str, uuid.UUID | str | None]) -> Q:
    """The condition of those lookups that have a value."""
    return Q(**{lookup: value for lookup, value in lookups.items() if value})
