"""The exporter's parameters as a form. What is allowed is the exporter's own business: this only draws the fields."""

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from unfold.fields import UnfoldAdminAutocompleteModelChoiceField
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from accounts.models import Organization
from market.reports.exporters import Exporter
from market.reports.exporters.parameters import OrganizationField


class DayInput(UnfoldAdminTextInputWidget):
    """The browser's own calendar."""

    input_type = "date"


def form_of(exporter: Exporter, organizations_url: str) -> type[forms.Form]:
    """A form class with a field a parameter; ``organizations_url`` names the view that finds organisations."""
    drawn = {name: _drawn(field, organizations_url) for name, field in exporter.parameters().fields.items()}
    fields = dict(sorted(drawn.items(), key=lambda pair: isinstance(pair[1], forms.BooleanField)))
    return type(f"{exporter.identifier.title()}Form", (ParametersForm,), fields)


class ParametersForm(forms.Form):
    """Base of the forms that ``form_of`` makes. Of thousands of organisations only the chosen one is drawn; the others
    are found by typing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = field.queryset.filter(pk=_key(self.data.get(name)))

    def parameters(self) -> dict[str, object]:
        """What was filled in, as the plain JSON values that the service takes."""
        plain = {}
        for name, value in self.cleaned_data.items():
            if isinstance(value, Organization):
                plain[name] = str(value.pk)
            elif value not in (None, ""):
                plain[name] = value
        return plain


def _key(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None


def _drawn(field: serializers.Field, organizations_url: str) -> forms.Field:
    common = {"label": field.label, "help_text": field.help_text or "", "required": False}
    if isinstance(field, OrganizationField):
        organizations = Organization.objects.all()
        if field.capacity:
            organizations = organizations.filter(capacities__contains=[field.capacity])
        return UnfoldAdminAutocompleteModelChoiceField(organizations_url, queryset=organizations, **common)
    for kind, draw in DRAWN_AS.items():
        if isinstance(field, kind):
            return draw(field, common)
    return forms.CharField(widget=UnfoldAdminTextInputWidget, **common)


def _choice(field: serializers.ChoiceField, common: dict) -> forms.Field:
    choices = [("", _("All")), *field.choices.items()]
    return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget, **common)


DRAWN_AS: dict[type[serializers.Field], Callable[[serializers.Field, dict], forms.Field]] = {
    serializers.DateField: lambda _field, common: forms.CharField(widget=DayInput, **common),
    serializers.BooleanField: lambda _field, common: forms.BooleanField(widget=UnfoldBooleanSwitchWidget, **common),
    serializers.ChoiceField: _choice,
}
