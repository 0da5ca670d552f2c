"""Data dictionaries are Table Schemas (datapackage.org/standard/table-schema): the shape, not the data, is checked."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from market.catalog.validators import validate_json

TYPES = (
    "any",
    "array",
    "boolean",
    "date",
    "datetime",
    "duration",
    "geojson",
    "geopoint",
    "integer",
    "list",
    "number",
    "object",
    "string",
    "time",
    "year",
    "yearmonth",
)
CONSTRAINTS: dict[str, type | tuple[type, ...]] = {
    "required": bool,
    "unique": bool,
    "minLength": int,
    "maxLength": int,
    "minimum": (int, float, str),
    "maximum": (int, float, str),
    "exclusiveMinimum": (int, float, str),
    "exclusiveMaximum": (int, float, str),
    "jsonSchema": dict,
    "pattern": str,
    "enum": list,
}
MAX_FIELDS = 2000


def validate_table_schema(schema: Any) -> None:
    """An empty object (no dictionary), or a Table Schema. Raises ``ValidationError`` with every mistake."""
    if schema == {}:
        return
    if not isinstance(schema, dict) or not isinstance(schema.get("fields"), list) or not schema["fields"]:
        raise ValidationError(_('A data dictionary looks like {"fields": [{"name": "station", "type": "string"}]}.'))
    validate_json(schema)
    if len(schema["fields"]) > MAX_FIELDS:
        raise ValidationError(_("At most %(most)d fields.") % {"most": MAX_FIELDS})
    mistakes: list[str] = []
    names: set[str] = set()
    for index, field in enumerate(schema["fields"]):
        mistakes += [f"fields/{index}: {mistake}" for mistake in _mistakes_of_field(field, names)]
    mistakes += _mistakes_of_keys(schema, names)
    if mistakes:
        raise ValidationError(mistakes[:20])


def _mistakes_of_field(field: Any, names: set[str]) -> list[str]:
    if not isinstance(field, dict) or not isinstance(field.get("name"), str) or not field["name"].strip():
        return [_("each field is an object with a name")]
    mistakes = []
    if field["name"] in names:
        mistakes.append(_("the name %(name)s appears twice") % {"name": field["name"]})
    names.add(field["name"])
    if field.get("type", "string") not in TYPES:
        mistakes.append(_("type is one of %(types)s") % {"types": ", ".join(TYPES)})
    mistakes += [
        _("%(member)s is a text") % {"member": member}
        for member in ("title", "description", "format")
        if not isinstance(field.get(member, ""), str)
    ]
    constraints = field.get("constraints", {})
    if not isinstance(constraints, dict):
        return [*mistakes, _("constraints is an object")]
    for name, value in constraints.items():
        expected = CONSTRAINTS.get(name)
        if expected is None:
            mistakes.append(_("the constraint %(name)s is unknown") % {"name": name})
        elif not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
            mistakes.append(_("the constraint %(name)s has a value of the wrong kind") % {"name": name})
    return mistakes


def _mistakes_of_keys(schema: dict[str, Any], names: set[str]) -> list[str]:
    mistakes = []
    key = schema.get("primaryKey", [])
    key = [key] if isinstance(key, str) else key
    if not isinstance(key, list) or not all(isinstance(name, str) and name in names for name in key):
        mistakes.append(_("primaryKey names fields of this schema"))
    missing = schema.get("missingValues", [])
    if not isinstance(missing, list) or not all(isinstance(value, str | dict) for value in missing):
        mistakes.append(_("missingValues is a list of texts"))
    if not isinstance(schema.get("foreignKeys", []), list):
        mistakes.append(_("foreignKeys is a list"))
    return mistakes
