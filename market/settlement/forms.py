from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from market.kernel.money import BPS, from_text
from market.settlement.models import FeeSchedule
from market.settlement.services.fees import VAT_GENERAL_BPS, VAT_SMALL_SCALE_BPS


class FeeScheduleForm(forms.ModelForm):
    """The next version of the fees."""

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
    effective_from = forms.SplitDateTimeField(
        label=_("Effective from"),
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text=_("Beijing time. Now, when left empty."),
    )

    class Meta:
        model = FeeSchedule
        fields = ("commission_bps", "vat_general_bps", "vat_small_scale_bps", "effective_from")


class RefundForm(forms.Form):
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
    reason = forms.CharField(label=_("Reason"), min_length=2, max_length=2000, widget=UnfoldAdminTextareaWidget)

    def clean_amount(self) -> int | None:
        """The yuan as fen, or None."""
        try:
            return from_text(self.cleaned_data["amount"]) if self.cleaned_data["amount"] else None
        except ValueError:
            raise forms.ValidationError(_("Write yuan such as 1280 or 1280.50.")) from None
