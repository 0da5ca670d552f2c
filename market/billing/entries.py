"""Reported use as it comes in: what a record must look like. Pure, no I/O, and lean: it runs for every record."""

import datetime
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from market.catalog.pricing import MAX_UNITS
from market.kernel.errors import BusinessError, InvalidInput

MAX_RECORDS = 500
"""Records of one request."""

MAX_RECORD_ID = 64

KNOWN = frozenset({"id", "units", "used_at", "reverses"})


class Entry(NamedTuple):
    """A well-formed record. With ``reverses`` it takes back ``units`` (None: all) of that record, else it is use."""

    record_id: str
    units: int | None
    used_at: datetime.datetime | None
    reverses: str | None


def read(record: Any) -> Entry | BusinessError:
    """One record of a report, or what is wrong with it: ``InvalidInput`` whose pointers begin at the record."""
    if not isinstance(record, Mapping):
        return InvalidInput(errors={"": _("A record is an object with id, units and used_at.")})
    record_id, units, reverses = record.get("id"), record.get("units"), record.get("reverses")
    used_at = _moment(record.get("used_at"))
    is_sound = (
        record.keys() <= KNOWN
        and _is_id(record_id)
        and (type(units) is int and 1 <= units <= MAX_UNITS)
        and reverses is None
        and used_at is not None
    )
    if is_sound:
        return Entry(record_id, units, used_at, None)
    mistakes = _mistakes(record, used_at)
    return InvalidInput(errors=mistakes) if mistakes else Entry(record_id, units, used_at, reverses)


def _moment(value: Any) -> datetime.datetime | None:
    """A point in time with its offset from UTC, ISO 8601, or None."""
    if not isinstance(value, str) or len(value) < len("2027-01-01T00:00Z"):
        return None
    try:
        moment = datetime.datetime.fromisoformat(value)
        return None if moment.tzinfo is None else moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return None


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_RECORD_ID and value.isprintable() and value == value.strip()


def _mistakes(record: Mapping[str, Any], used_at: datetime.datetime | None) -> dict[str, str | Promise]:
    mistakes: dict[str, str | Promise] = {
        f"/{name}": _("This member is not known here.") for name in map(str, record.keys() - KNOWN)
    }
    reverses, units = record.get("reverses"), record.get("units")
    if not _is_id(record.get("id")):
        mistakes["/id"] = _("1 to %(most)d printable characters.") % {"most": MAX_RECORD_ID}
    if reverses is not None and not _is_id(reverses):
        mistakes["/reverses"] = _("The id of the record that is taken back.")
    if reverses is not None and record.get("used_at") is not None:
        mistakes["/used_at"] = _("Leave this out: it is that of the record that is taken back.")
    elif reverses is None and used_at is None:
        mistakes["/used_at"] = _("A time with its offset, such as 2027-03-05T08:30:00Z.")
    if not (units is None and reverses is not None) and not (type(units) is int and 1 <= units <= MAX_UNITS):
        mistakes["/units"] = _("A whole number from %(least)d to %(most)d.") % {"least": 1, "most": MAX_UNITS}
    return mistakes
