from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSplitDateTimeWidget

from market.kernel.money import BPS
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
