"""The part of an offer's form that says what it costs: typed as people write prices, kept exactly."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from market.catalog.models import Offer
from market.catalog.price_texts import tiers_from_text, tiers_text, unit_price_from_text, unit_price_text
from market.catalog.pricing import MAX_MONTHS, MAX_NOTICE_DAYS, MAX_TRIAL_DAYS, MAX_UNITS
from market.catalog.services.prices import PriceTerms
from market.catalog.states import PrepaidEnd, PriceModel, TierMode
from market.kernel import money


class YuanField(forms.CharField):
    """An amount typed as yuan, such as 1280 or 1280.50; its value is fen, exactly."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "suffix": "元", "placeholder": "1280.00"})
        super().__init__(**{"max_length": 16, "widget": widget} | kwargs)

    def to_python(self, value: Any) -> int | None:
        text = super().to_python(value)
        if text in self.empty_values:
            return None
        try:
            return money.from_text(text)
        except ValueError as error:
            raise forms.ValidationError(
                _("Write yuan with a point and at most two decimals, such as 1280 or 1280.50."), code="invalid"
            ) from error

    def clean(self, value: Any) -> int | None:
        amount = self.to_python(value)
        if amount is None:
            self.validate(value)
        return amount

    def prepare_value(self, value: Any) -> Any:
        return money.to_text(value) if isinstance(value, int) else value


class UnitPriceField(YuanField):
    """A price of one unit typed as yuan with up to six decimals, such as 0.0003; its value is 1/10,000 fen, exactly."""

    def to_python(self, value: Any) -> int | None:
        text = forms.CharField.to_python(self, value)
        if text in self.empty_values:
            return None
        try:
            return unit_price_from_text(text)
        except ValueError as error:
            raise forms.ValidationError(
                _("Write yuan with a point and at most six decimals, such as 12, 12.50 or 0.0003."), code="invalid"
            ) from error

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            return unit_price_text(value) if value else ""
        return value


class TiersField(forms.CharField):
    """A scale of prices typed one tier a line; its value is what ``Offer.tiers`` keeps."""

    def __init__(self, **kwargs: Any) -> None:
        attributes = {"rows": 4, "class": "workspace-code", "spellcheck": "false", "placeholder": "100: 12.00\n*: 9.00"}
        defaults = {"required": False, "max_length": 2000, "widget": UnfoldAdminTextareaWidget(attrs=attributes)}
        super().__init__(**defaults | kwargs)

    def clean(self, value: Any) -> list[dict[str, Any]]:
        text = super().clean(value)
        try:
            return tiers_from_text(text)
        except ValueError as error:
            raise forms.ValidationError(str(error), code="invalid") from error

    def prepare_value(self, value: Any) -> Any:
        return tiers_text(value) if isinstance(value, list) else value


class WholeField(forms.IntegerField):
    """A number that may be left empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "widget": UnfoldAdminIntegerFieldWidget} | kwargs)


class PriceForm(forms.Form):
    """Price model, price and what belongs to it. The names are those of ``create_offer``."""

    price_model = forms.ChoiceField(
        label=_("Price model"), choices=PriceModel.choices, initial=PriceModel.ONE_OFF, widget=UnfoldAdminSelectWidget
    )
    amount = YuanField(
        label=_("Price"),
        required=False,
        help_text=_(
            "Of one order unit, all included; of a subscription for one month; for metered use what is paid ahead. "
            "Empty if it is free, or if a scale says the price."
        ),
    )
    months = WholeField(label=_("Term (months)"), min_value=1, max_value=MAX_MONTHS)
    is_instalment = forms.BooleanField(
        label=_("Paid month by month, not at once"), required=False, widget=UnfoldBooleanWidget
    )
    trial_days = WholeField(
        label=_("Trial (days)"),
        min_value=0,
        max_value=MAX_TRIAL_DAYS,
        help_text=_("Days that cost nothing before the term begins. Empty for none."),
    )
    renewal_notice_days = WholeField(
        label=_("Notice before renewal (days)"),
        min_value=1,
        max_value=MAX_NOTICE_DAYS,
        help_text=_("It goes on for another term unless it is ended so many days before. Empty: it ends by itself."),
    )
    includes_later_revisions = forms.BooleanField(
        label=_("With all revisions published within the term"), required=False, widget=UnfoldBooleanWidget
    )
    unit = forms.CharField(
        label=_("Unit of use"),
        required=False,
        max_length=32,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "call"}),
        help_text=_("What is counted: call, GB, row, PFLOPS·h, labelled item."),
    )
    unit_price = UnitPriceField(
        label=_("Price of a unit of use"), required=False, help_text=_("Up to six decimals, such as 0.0003.")
    )
    free_units = WholeField(label=_("Free units a month"), min_value=0, max_value=MAX_UNITS)
    monthly_cap = YuanField(
        label=_("At most a month"), required=False, help_text=_("A month never costs more. Empty for no limit.")
    )
    at_prepaid_end = forms.ChoiceField(
        label=_("When the prepayment is used up"),
        required=False,
        choices=[("", "—"), *PrepaidEnd.choices],
        widget=UnfoldAdminSelectWidget,
    )
    tier_mode = forms.ChoiceField(
        label=_("Scale of prices"),
        required=False,
        choices=[("", _("none: every unit costs the same")), *TierMode.choices],
        widget=UnfoldAdminSelectWidget,
    )
    tiers = TiersField(
        label=_("Tiers"),
        help_text=_(
            "One a line: last unit, colon, price of a unit in yuan, perhaps an entry fee, as in 100: 12.00 and then "
            "*: 9.00 + 50.00. A star is without end."
        ),
    )

    class Media:
        js = ("catalog/offer_form.js",)

    def clean(self) -> dict[str, Any]:
        """What is left empty means what it means when an offer says nothing about it."""
        given = super().clean()
        for name in PriceTerms.__annotations__:
            if given.get(name) is None and name not in self.errors:
                given[name] = Offer._meta.get_field(name).get_default()
        if given.get("price_model") == PriceModel.FREE:
            if given.get("amount"):
                self.add_error("amount", _("A free offer has no price."))
            given["amount"] = 0
        elif given.get("amount") is None and "amount" not in self.errors and not self._scale_says(given):
            self.add_error("amount", _("Say what it costs."))
        return given

    def _scale_says(self, given: dict[str, Any]) -> bool:
        return given.get("price_model") != PriceModel.METERED and bool(given.get("tiers") or "tiers" in self.errors)
