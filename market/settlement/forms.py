from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from market.kernel.money import BPS, from_text
from market.settlement.fee_texts import special_rates_from_text, special_rates_text, tiers_from_text, tiers_text
from market.settlement.models import FeeSchedule
from market.settlement.services.fees import VAT_GENERAL_BPS, VAT_SMALL_SCALE_BPS
from market.workspaces.acts import ReasonForm


class LinesField(forms.CharField):
    """Something typed one a line, which ``read`` makes sense of; it raises ``ValueError`` for what it cannot read."""

    def __init__(self, read: Callable[[str], list], *, placeholder: str, **kwargs: Any) -> None:
        attributes = {"rows": 4, "class": "workspace-code", "spellcheck": "false", "placeholder": placeholder}
        widget = UnfoldAdminTextareaWidget(attrs=attributes)
        super().__init__(required=False, max_length=200_000, widget=widget, **kwargs)
        self.read = read

    def clean(self, value: Any) -> list:
        """What the lines say."""
        try:
            return self.read(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(str(error), code="invalid") from error


class FeeScheduleForm(forms.ModelForm):
    """A draft of the next version of the fees."""

    commission_bps = forms.IntegerField(
        label=_("Commission (bps)"),
        min_value=0,
        max_value=BPS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Basis points of the order's amount: 500 is 5 %."),
    )
    vat_general_bps = forms.IntegerField(
        label=_("VAT, general taxpayer (bps)"),
        min_value=0,
        max_value=BPS,
        initial=VAT_GENERAL_BPS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("The tax that the order's amount includes: at 600, 5.66 of 100.00."),
    )
    vat_small_scale_bps = forms.IntegerField(
        label=_("VAT, small-scale taxpayer (bps)"),
        min_value=0,
        max_value=BPS,
        initial=VAT_SMALL_SCALE_BPS,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    tiers = LinesField(
        tiers_from_text,
        label=_("Tiers"),
        placeholder="1000000.00: 400\n5000000.00: 300",
        help_text=_(
            "One a line: from how many yuan of the vendor's month on (Asia/Shanghai, gross), and how many bps then. "
            "Each fen is charged at the rate of its own tier."
        ),
    )
    special_rates = LinesField(
        special_rates_from_text,
        label=_("Special rates"),
        placeholder="J: 300, 1000000.00: 250\n91520100MA6DXXXXXX: 200",
        help_text=_(
            "One a line: the letter of a sector or a vendor's USCC, its bps, and its tiers if it has any. "
            "A vendor's own goes before its sectors'."
        ),
    )

    class Meta:
        model = FeeSchedule
        fields = ("commission_bps", "tiers", "special_rates", "vat_general_bps", "vat_small_scale_bps")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.initial["tiers"] = tiers_text(self.instance.tiers)
            overrides = self.instance.overrides.select_related("vendor_org")
            self.initial["special_rates"] = special_rates_text(overrides)


class AnnouncementForm(forms.Form):
    """From when on a drafted schedule is in force."""

    effective_from = forms.SplitDateTimeField(
        label=_("Effective from"),
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text=_("Beijing time. Now, when left empty."),
    )


class RefundForm(ReasonForm):
    """How much of an order's captured money goes back, and why."""

    amount = forms.CharField(
        label=_("Amount (yuan)"),
        required=False,
        max_length=17,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("All that has not been refunded yet, when left empty."),
    )
    reference = forms.CharField(
        label=_("Reference"),
        max_length=64,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Your own number of this case: an order is refunded once under it."),
    )

    field_order = ("amount", "reference", "reason")

    def clean_amount(self) -> int | None:
        """The yuan as fen, or None."""
        try:
            return from_text(self.cleaned_data["amount"]) if self.cleaned_data["amount"] else None
        except ValueError:
            raise forms.ValidationError(_("Write yuan such as 1280 or 1280.50.")) from None
