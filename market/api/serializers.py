"""The base of every request body, and fields that take JSON types at their word."""

import datetime
import uuid
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers


class StrictSerializer(serializers.Serializer):
    """A serializer that refuses members it does not know, so that a misspelt one is never ignored."""

    def to_internal_value(self, data: Any) -> Any:
        faults: dict[str, Any] = {}
        if isinstance(data, dict):
            known = {name for name, field in self.fields.items() if not field.read_only}
            faults = {name: [_("This member is not known here.")] for name in sorted(set(data) - known)}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            # Everything that is wrong is named at once.
            raise serializers.ValidationError(faults | error.detail) from error
        if faults:
            raise serializers.ValidationError(faults)
        return value


class NoBody(StrictSerializer):
    """The body of a request that says everything by its address: nothing, or ``{}``."""


class TextField(serializers.CharField):
    """A JSON string as it was sent: not trimmed, and no number in its place."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"trim_whitespace": False} | kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class WholeNumberField(serializers.IntegerField):
    """A JSON number without a fraction: no string, no boolean, no ``1.0``."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class TruthField(serializers.BooleanField):
    """JSON ``true`` or ``false``: no text or number in its place."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class KeyField(serializers.UUIDField):
    """A UUID in its 36-character form."""

    def to_internal_value(self, data: Any) -> uuid.UUID:
        if not isinstance(data, str) or len(data) != 36:
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class DayField(serializers.DateField):
    """A calendar day; years far from ours are refused, for a day before and after must exist too."""

    default_error_messages = {"far": _("Use a year from 1970 to 9998.")}

    def to_internal_value(self, value: Any) -> datetime.date:
        day = super().to_internal_value(value)
        if not 1970 <= day.year <= 9998:
            self.fail("far")
        return day


class ProblemSerializer(serializers.Serializer):
    """RFC 9457 problem document, for the OpenAPI description."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    instance = serializers.CharField()
    detail = serializers.CharField(required=False)
    errors = serializers.ListField(child=serializers.DictField(), required=False)
