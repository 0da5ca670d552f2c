"""Forms of the admin pages: they ask and explain; the services decide, and what they refuse stands beside the field."""

import datetime
import json
from typing import Any

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldAdminURLInputWidget,
    UnfoldBooleanWidget,
)

from accounts.models import Organization
from market.catalog.models import Product, Revision, VendorProfile
from market.catalog.price_forms import PriceForm
from market.catalog.selectors import buyer_by_code
from market.catalog.services.rules import MAX_VALIDITY, PRODUCT_FIELDS
from market.catalog.states import REVIEW_CHECKLIST, Grade
from market.catalog.table_schema import validate_table_schema
from market.catalog.validators import validate_profile, validate_sample
from market.kernel import clock


class ReadableJSONField(forms.JSONField):
    """JSON in a text area, indented so that people can read it; nothing typed is the empty value of its kind."""

    def __init__(self, *, empty: type, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 12, "class": "workspace-code", "spellcheck": "false"})
        super().__init__(**{"required": False, "widget": widget} | kwargs)
        self.empty = empty

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        return self.empty() if cleaned is None else cleaned

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, forms.fields.InvalidJSONInput):
            return value
        return json.dumps(value, ensure_ascii=False, indent=2) if value else ""

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return (initial or self.empty()) != self.clean(data)
        except forms.ValidationError:
            return True


class ProductForm(forms.ModelForm):
    """What a vendor says about a product."""

    class Meta:
        model = Product
        fields = PRODUCT_FIELDS
        help_texts = {
            "code": _("Your own short name for it, in Latin letters, digits, - and _. Buyers see it."),
            "title": _("What buyers find it by: say what it holds, where and when."),
            "description": _("Source, coverage, update rhythm, quality, and what it may be used for."),
            "sector": _("Section of GB/T 4754-2017 that the data are about."),
            "rights_basis": _("On which of the three rights of the 20 data measures (数据二十条) you sell."),
            "grade": _("GB/T 43697-2024. Important data is sold by private offers only; core data may not be traded."),
            "requires_purpose_approval": _(
                "Before an order, you and the exchange agree to what the buyer wants it for."
            ),
            "has_personal_information": _("Then no sample rows are taken from your files by themselves."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "grade" in self.fields:
            self.fields["grade"].choices = [choice for choice in Grade.choices if choice[0] != Grade.CORE]


class RevisionForm(forms.ModelForm):
    """What a vendor says about a draft revision."""

    data_dictionary = ReadableJSONField(
        label=_("Data dictionary"),
        empty=dict,
        validators=[validate_table_schema],
        help_text=_('A Table Schema: {"fields": [{"name": "station", "type": "string", "description": "…"}]}'),
    )
    sample = ReadableJSONField(
        label=_("Sample rows"),
        empty=list,
        validators=[validate_sample],
        help_text=_('For everybody to see: [{"station": "Guiyang"}]. Left empty, the first rows of a CSV are taken.'),
    )
    profile = ReadableJSONField(
        label=_("Data profile"),
        empty=dict,
        validators=[validate_profile],
        help_text=_("Any JSON object. Left empty, rows, columns and types are taken from CSV files."),
    )

    class Meta:
        model = Revision
        fields = ("notes", "data_dictionary", "sample", "profile")
        help_texts = {"notes": _("What is new since the last revision.")}


class SeveralFilesInput(forms.FileInput):
    """The browser's own file chooser, for any number of files."""

    allow_multiple_selected = True


class SeveralFilesField(forms.FileField):
    """One or more uploaded files, as a list."""

    def clean(self, data: Any, initial: Any = None) -> list:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(SeveralFilesField, self).clean(file, initial) for file in files or [None]]


class UploadForm(forms.Form):
    """Files for a draft revision. The page ends with a hidden field: without it, the request was cut off."""

    files = SeveralFilesField(
        label=_("Files"),
        widget=SeveralFilesInput(attrs={"class": " ".join(INPUT_CLASSES)}),
    )
    folder = forms.CharField(
        label=_("Folder"),
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "2026/02"}),
        help_text=_("Put them under this path in the revision; empty for the top."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limit = {"most": settings.DATA_UPLOAD_MAX_NUMBER_FILES, "size": filesizeformat(settings.ASSET_MAX_BYTES)}
        self.fields["files"].help_text = _("Up to %(most)d at once, each at most %(size)s.") % limit
        self.fields["files"].error_messages["required"] = (
            _("No whole file arrived. Choose files of at most %(size)s each.") % limit
        )

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if self.data.get("confirmed") != "yes":
            raise forms.ValidationError(_("The upload was cut off and nothing was kept. Send the files again."))
        return given


class OfferForm(PriceForm):
    """Price and licence of a new offer."""

    licence = forms.CharField(
        label=_("Licence terms"),
        max_length=20000,
        widget=UnfoldAdminTextareaWidget,
        help_text=_("What the buyer may do with it, and may not. Frozen into every order."),
    )
    acceptance_days = forms.IntegerField(
        label=_("Acceptance period (days)"),
        min_value=1,
        max_value=90,
        initial=7,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("After delivery the buyer has so long to object; then the order counts as accepted."),
    )
    last_day = forms.DateField(
        label=_("Until"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text=_("The last day it can be ordered. Empty for as long as you do not withdraw it."),
    )
    buyer_org = forms.CharField(
        label=_("Only for"),
        required=False,
        max_length=18,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "91520100…"}),
        help_text=_("Unified social credit code of the one buyer who may see this offer. Empty for everybody."),
    )

    def clean_last_day(self) -> datetime.date | None:
        day = self.cleaned_data["last_day"]
        today = clock.business_date()
        if day is not None and not today <= day < today + MAX_VALIDITY:
            raise forms.ValidationError(_("From today to a year from now."))
        return day

    def clean_buyer_org(self) -> Organization | None:
        code = self.cleaned_data["buyer_org"].strip().upper()
        buyer = buyer_by_code(code) if code else None
        if code and buyer is None:
            raise forms.ValidationError(_("No buyer of this code is registered. Check its 18 characters."))
        return buyer


class ApprovalForm(forms.Form):
    """Every point of the checklist, one by one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, text in REVIEW_CHECKLIST.items():
            self.fields[name] = forms.BooleanField(
                label=text,
                widget=UnfoldBooleanWidget,
                error_messages={"required": _("Confirm this, or reject the submission.")},
            )
        self.fields["reasons"] = forms.CharField(
            label=_("Remarks"),
            required=False,
            max_length=5000,
            widget=UnfoldAdminTextareaWidget,
            help_text=_("The vendor can read them."),
        )


class RejectionForm(forms.Form):
    """Why a submission is rejected, and what was found in order all the same."""

    reasons = forms.CharField(
        label=_("Reasons"),
        min_length=2,
        max_length=5000,
        widget=UnfoldAdminTextareaWidget,
        help_text=_("The vendor reads them: say what to mend, so that the next submission passes."),
    )
    checklist = forms.MultipleChoiceField(
        label=_("In order all the same"),
        required=False,
        choices=list(REVIEW_CHECKLIST.items()),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )


class RemarkForm(forms.Form):
    """An approval, with a word for the other side if there is one to say."""

    reason = forms.CharField(
        label=_("Remarks"),
        required=False,
        max_length=5000,
        widget=UnfoldAdminTextareaWidget,
        help_text=_("The buyer can read them."),
    )


class VendorProfileForm(forms.ModelForm):
    """What a vendor shows of itself."""

    website = forms.URLField(
        label=_("Website"), required=False, assume_scheme="https", max_length=200, widget=UnfoldAdminURLInputWidget
    )

    class Meta:
        model = VendorProfile
        fields = ("sector", "introduction", "website", "contact_email")
        help_texts = {
            "sector": _("Section of GB/T 4754-2017 that you mainly work in."),
            "introduction": _("Who you are and what data you have, in a few sentences. Buyers search in it."),
            "contact_email": _("Everybody can see it: use an address of the organisation, not of a person."),
        }
