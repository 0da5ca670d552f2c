"""What a value must look like: pure checks that forms and services share. All raise Django's ``ValidationError``."""

import json
import mimetypes
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, TextField
from django.utils.translation import gettext_lazy as _

MAX_PATH_LETTERS = 255
MAX_SEGMENT_BYTES = 255
"""What common file systems take as one name."""

MAX_JSON_BYTES = 64 * 1024
"""Largest data dictionary, sample or profile, as UTF-8 JSON."""

MAX_SAMPLE_ROWS = 100
REFUSED_IN_PATHS = set('\\:*?"<>|')
"""Characters that a buyer's computer may not accept in a file name."""

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")
_MORE_MEDIA_TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".jsonl": "application/jsonl",
    ".ndjson": "application/x-ndjson",
    ".geojson": "application/geo+json",
    ".avro": "application/avro",
    ".md": "text/markdown",
}


def clean_asset_path(path: str) -> str:
    """The path in Unicode form NFC. Refused: anything that is not a plain relative path on every computer."""
    path = unicodedata.normalize("NFC", path)
    if not path or len(path) > MAX_PATH_LETTERS:
        raise ValidationError(_("A path has 1 to %(most)d characters."), params={"most": MAX_PATH_LETTERS})
    if path.startswith("/"):
        raise ValidationError(_("A path is relative: leave out the leading /."))
    if not path.isprintable():
        raise ValidationError(_("A path has no control or invisible characters."))
    if REFUSED_IN_PATHS & set(path):
        raise ValidationError(_('A path has none of \\ : * ? " < > |, which not every computer accepts.'))
    for segment in path.split("/"):
        if segment in ("", ".", "..") or segment != segment.strip() or segment.endswith("."):
            raise ValidationError(
                _("Each part of a path is a name: not empty, no . or .., no space or dot at its end.")
            )
        if len(segment.encode()) > MAX_SEGMENT_BYTES:
            raise ValidationError(_("Each part of a path has at most %(most)d bytes."), params={"most": 255})
    return path


def clean_media_type(media_type: str, path: str) -> str:
    """``type/subtype`` in lower case (RFC 6838, 4.2); when empty, what the path's ending suggests."""
    if not media_type:
        ending = path[path.rfind(".") :].lower() if "." in path else ""
        return _MORE_MEDIA_TYPES.get(ending) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    media_type = media_type.strip().lower()
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise ValidationError(_("A media type looks like text/csv."))
    return media_type


def clean_row(row: Model, names: Iterable[str]) -> dict[str, str]:
    """Strip and validate the named fields of an unsaved row in place; returns what is wrong, by field name."""
    wrong = {}
    for name in names:
        field = row._meta.get_field(name)
        value = getattr(row, name)
        try:
            if isinstance(value, str):
                value = clean_text(value, several_lines=isinstance(field, TextField), most=field.max_length)
            setattr(row, name, field.clean(value, row))
        except ValidationError as error:
            wrong[name] = " ".join(error.messages)
    return wrong


def tidy(text: str) -> str:
    """``text`` without white space around it, its lines ended as on Unix: browsers send a form's in another way."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def clean_text(text: str, *, several_lines: bool = True, most: int | None = None) -> str:
    """``tidy`` text. Refused: control characters, lone surrogates, more than ``most`` characters."""
    text = tidy(text)
    allowed = "\n\t" if several_lines else ""
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in allowed for letter in text):
        raise ValidationError(_("Leave out control characters."))
    if most is not None and len(text) > most:
        raise ValidationError(
            _("At most %(most)d characters, not %(length)d."), params={"most": most, "length": len(text)}
        )
    return text


def validate_json(value: Any) -> None:
    """JSON that PostgreSQL can hold, of at most ``MAX_JSON_BYTES``."""
    try:
        size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
        storable = all("\x00" not in text for text in _texts_in(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValidationError(_("This is not plain JSON.")) from error
    if not storable:
        raise ValidationError(_("A text contains the character NUL."))
    if size > MAX_JSON_BYTES:
        raise ValidationError(
            _("At most %(most)d bytes of JSON, not %(size)d."), params={"most": MAX_JSON_BYTES, "size": size}
        )


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts_in(inner)


def validate_sample(sample: Any) -> None:
    """Sample rows: a list of at most ``MAX_SAMPLE_ROWS`` objects, column name to value."""
    if not isinstance(sample, list) or not all(isinstance(row, dict) for row in sample):
        raise ValidationError(_('Sample rows are a list of objects, such as [{"station": "Guiyang", "value": 21}].'))
    if len(sample) > MAX_SAMPLE_ROWS:
        raise ValidationError(_("At most %(most)d sample rows."), params={"most": MAX_SAMPLE_ROWS})
    validate_json(sample)


def validate_profile(profile: Any) -> None:
    """A data profile: any JSON object."""
    if not isinstance(profile, dict):
        raise ValidationError(_("A profile is a JSON object."))
    validate_json(profile)
