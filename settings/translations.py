"""Collects the texts of code and templates into the catalogue, and compiles the catalogue: `make messages`.

Written on Babel, so that it needs no GNU gettext, and so that the same texts give the same bytes on any machine: no
line numbers and no date of the run. Only for the people who write the exchange; production reads the compiled file.
"""

import importlib.util
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import django
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("accounts", "market", "settings")
PAGES = {"unfold": {".py", ".html"}, "unfold.contrib.filters": {".py", ".html"}, "django.contrib.admin": {".html"}}
"""Packages of others whose texts our pages show. The theme brings no catalogue, and Django's is not quite whole."""

SOURCE_FILE = ROOT / "locale/zh_Hans/LC_MESSAGES/django.po"
COMPILED_FILE = SOURCE_FILE.with_suffix(".mo")

KEYWORDS: dict[str, tuple | None] = {
    "_": None,
    "plain_text": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
"""Names under which Django's functions are called here, and which of their arguments are texts or a context."""


def collected() -> Catalog:
    """Every text that our code and templates ask a translation of, and those of the admin's pages that Django's own
    catalogue lacks. Without translations."""
    catalog = Catalog(domain="django")
    for folder in SOURCES:
        for path in _source_files(ROOT / folder, {".py", ".html"}):
            for message, context in _texts(path):
                catalog.add(message, locations=[(path.relative_to(ROOT).as_posix(), 0)], context=context)
    known = {_key(message.id, message.context) for message in catalog} | set(_translated_by_django())
    for package, kinds in PAGES.items():
        folder = Path(importlib.util.find_spec(package).origin).parent
        for path in _source_files(folder, kinds):
            for message, context in _texts(path):
                if _key(message, context) not in known:
                    place = f"{package.replace('.', '/')}/{path.relative_to(folder).as_posix()}"
                    catalog.add(message, locations=[(place, 0)], context=context)
    return catalog


def kept() -> Catalog:
    """The catalogue as it is in the repository."""
    with SOURCE_FILE.open("rb") as file:
        return read_po(file, locale="zh_Hans", domain="django")


def untranslated(catalog: Catalog) -> list[Message]:
    """Messages that a reader of Chinese would see in English."""
    return [
        message
        for message in catalog
        if message.id and (message.fuzzy or not all(message.string if message.pluralizable else [message.string]))
    ]


def compiled(catalog: Catalog) -> bytes:
    """What Django reads."""
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def collect_and_compile() -> Catalog:
    """Bring both files of the catalogue up to date. New texts stand in it without a translation, old ones are gone."""
    catalog, texts = kept(), collected()
    texts.creation_date = catalog.creation_date
    catalog.update(texts, no_fuzzy_matching=True)
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=120, sort_by_file=True, ignore_obsolete=True, include_lineno=False)
    SOURCE_FILE.write_bytes(buffer.getvalue())
    COMPILED_FILE.write_bytes(compiled(catalog))
    return catalog


def _source_files(folder: Path, kinds: set[str]) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in kinds and not {"migrations", "contrib"} & set(path.relative_to(folder).parts):
            yield path


def _texts(path: Path) -> Iterator[tuple[str | tuple, str | None]]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        # What Django makes of a template reads like Python but for the indentation.
        text = "\n".join(line.lstrip() for line in templatize(text, origin=str(path)).splitlines())
    for _line, message, _comments, context in extract(
        "python", io.BytesIO(text.encode()), KEYWORDS, options={"encoding": "utf-8"}
    ):
        yield message, context


def _translated_by_django() -> Iterator[tuple[str | None, str]]:
    for path in Path(django.__file__).parent.rglob("locale/zh_Hans/LC_MESSAGES/django.po"):
        with path.open("rb") as file:
            catalog = read_po(file)
        yield from (_key(message.id, message.context) for message in catalog if message.id and message.string)


def _key(message: str | tuple, context: str | None) -> tuple[str | None, str]:
    return context, message[0] if isinstance(message, tuple) else message


def main() -> int:
    missing = untranslated(collect_and_compile())
    place = SOURCE_FILE.relative_to(ROOT)
    for message in missing:
        sys.stdout.write(f"{message.id!r} ({', '.join(file for file, _line in message.locations)})\n")
    sys.stdout.write(f"{len(missing)} to translate: fill in their msgstr in {place}, then run this again.\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
