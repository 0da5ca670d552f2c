"""Nobody who reads Chinese meets an English text: the catalogue holds every text, translated and compiled."""

import gettext
import io
import re

import pytest
from django.apps import apps
from django.contrib.admin.utils import flatten, flatten_fieldsets, label_for_field
from django.utils import translation

from market.workspaces.sites import SITES
from settings import translations

HOW_TO_MEND = "Run `make messages`, fill in the empty msgstr in locale/zh_Hans/LC_MESSAGES/django.po, run it again."
CHINESE = re.compile("[\u4e00-\u9fff]")
SAME_IN_BOTH = {"SHA-256"}
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd]|\{\w*\}")


@pytest.fixture(scope="module")
def kept():
    return translations.kept()


def keys(catalog) -> set:
    return {(message.context, message.id) for message in catalog if message.id}


def test_the_catalogue_holds_the_texts_of_code_and_templates_and_no_other(kept):
    collected = keys(translations.collected())
    assert len(collected) > 500
    assert keys(kept) == collected, HOW_TO_MEND


def test_every_text_is_translated(kept):
    assert [message.id for message in translations.untranslated(kept)] == [], HOW_TO_MEND


def test_translations_keep_the_placeholders(kept):
    for message in kept:
        english = message.id if message.pluralizable else [message.id]
        chinese = message.string if message.pluralizable else [message.string]
        for text in chinese if message.id else []:
            assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(english[-1])), message.id


def test_the_compiled_file_is_what_the_catalogue_compiles_to(kept):
    def texts(file) -> dict:
        found = dict(gettext.GNUTranslations(file)._catalog)
        found.pop("")
        return found

    with translations.COMPILED_FILE.open("rb") as committed:
        assert texts(committed) == texts(io.BytesIO(translations.compiled(kept))), HOW_TO_MEND


def test_a_new_text_is_found_wherever_it_is_written(tmp_path, monkeypatch):
    room = tmp_path / "market"
    room.mkdir()
    (room / "code.py").write_text(
        '_("one" " two")\npgettext_lazy("time", "sent")\nngettext("%d file", "%d files", number)\nother("not this")\n'
    )
    (room / "page.html").write_text(
        "  <p>\n {% translate 'three' %}\n</p>{% blocktranslate trimmed %}\n of {{ name }}\n{% endblocktranslate %}"
    )
    monkeypatch.setattr(translations, "ROOT", tmp_path)
    monkeypatch.setattr(translations, "SOURCES", ("market",))
    monkeypatch.setattr(translations, "PAGES", {})
    assert keys(translations.collected()) == {
        (None, "one two"),
        ("time", "sent"),
        (None, ("%d file", "%d files")),
        (None, "three"),
        (None, "of %(name)s"),
    }


def test_the_pages_of_the_theme_are_told_in_chinese(kept):
    theme = {message.id for message in kept if any(file.startswith("unfold/") for file, _line in message.locations)}
    assert {"Type to search", "Apply Filters", "Search apps and models..."} <= theme


def test_an_untranslated_or_doubtful_text_is_told(tmp_path):
    catalog = translations.Catalog(locale="zh_Hans")
    catalog.add("done", "完成")
    catalog.add("empty")
    catalog.add("doubtful", "可疑", flags=["fuzzy"])
    assert [message.id for message in translations.untranslated(catalog)] == ["empty", "doubtful"]


@pytest.mark.parametrize("language", ["zh-hans", "zh-cn"])
def test_django_reads_the_catalogue(language):
    with translation.override(translation.get_supported_language_variant(language)):
        assert translation.gettext("registration certificate") == "登记凭证"
        assert translation.pgettext("time", "accepted") == "验收时间"
        assert translation.pgettext("quote", "accepted") == "已接受"


def test_every_page_column_and_field_of_the_three_workspaces_is_named_in_chinese():
    english = set()
    with translation.override("zh-hans"):
        for site in SITES:
            for model, admin in site._registry.items():
                shown = [*admin.list_display, *flatten(admin.fields or ()), *flatten_fieldsets(admin.fieldsets or ())]
                labels = {label_for_field(name, model, model_admin=admin) for name in shown}
                labels |= {model._meta.verbose_name, model._meta.verbose_name_plural}
                labels.add(apps.get_app_config(model._meta.app_label).verbose_name)
                english |= {
                    f"{site.name} {model._meta.label}: {label}"
                    for label in map(str, labels)
                    if not CHINESE.search(label) and label not in SAME_IN_BOTH
                }
    assert english == set()
