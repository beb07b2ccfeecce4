"""Every text of the pages stands in every catalogue, translated; the catalogues are what the pages read."""

import io
from pathlib import Path

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.pofile import read_po
from django.utils import translation
from django.utils.translation.template import templatize

from config import catalogues
from config.env import BASE_DIR

KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "gettext_noop": None,
    "gettext_lazy": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
}
PO_FILES = sorted(catalogues.SOURCES.glob("*/LC_MESSAGES/django.po"))
PYTHON = ["pages", "rooms", "transcripts", "asr", "translation"]


def texts_of_the_code():
    """Every text that the templates and the code have for people."""
    found = set()
    for path in sorted((BASE_DIR / "templates").rglob("*.html")):
        found |= _extracted(templatize(path.read_text("utf-8"), str(path)))
    for package in PYTHON:
        for path in sorted((BASE_DIR / package).rglob("*.py")):
            if not {"tests", "migrations"} & set(path.parts):
                found |= _extracted(path.read_text("utf-8"))
    return found


def _extracted(source):
    keywords = {
        **KEYWORDS,
        "gettext": None,
        "ngettext": (1, 2),
        "pgettext": ((1, "c"), 2),
        "npgettext": ((1, "c"), 2, 3),
    }
    entries = extract("python", io.BytesIO(source.encode()), keywords=keywords)
    return {(context, message) for _, message, _, context in entries}


def _read(path: Path):
    with path.open("rb") as text:
        return read_po(text, abort_invalid=True)


@pytest.mark.parametrize("path", PO_FILES, ids=lambda path: path.parent.parent.name)
def test_every_text_is_translated(path):
    catalogue = _read(path)
    translated = {
        (message.context, message.id)
        for message in catalogue
        if message.id
        and not message.fuzzy
        and all([message.string] if isinstance(message.string, str) else message.string)
    }
    missing = {
        (context, message if isinstance(message, str) else tuple(part for part in message if part))
        for context, message in texts_of_the_code()
    } - translated
    assert sorted(missing, key=str) == []


@pytest.mark.parametrize("path", PO_FILES, ids=lambda path: path.parent.parent.name)
def test_no_text_stands_in_a_catalogue_twice(path):
    ids = [
        line
        for line in path.read_text("utf-8").splitlines()
        if line.startswith("msgid ") and line != 'msgid ""'
    ]
    contexts = path.read_text("utf-8").count("msgctxt ")
    assert len(ids) - len(set(ids)) <= contexts, sorted({line for line in ids if ids.count(line) > 1})


@pytest.mark.parametrize("path", PO_FILES, ids=lambda path: path.parent.parent.name)
def test_a_translation_keeps_the_names_that_are_filled_in(path):
    broken = [
        (message.id, [str(error) for error in message.check()]) for message in _read(path) if message.id
    ]
    assert [entry for entry in broken if entry[1]] == []


def test_the_pages_read_what_was_compiled_at_the_start(settings):
    assert dict(settings.LANGUAGES) == {"en": "English", "de": "Deutsch"}
    with translation.override("de"):
        assert translation.gettext("Skip to the content") == "Zum Inhalt springen"


def test_another_version_of_the_texts_is_compiled_to_another_folder(settings, tmp_path):
    source = tmp_path / "locale" / "de" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    source.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "Now"\nmsgstr "Jetzt"\n',
        "utf-8",
    )
    before = catalogues.compiled_folder(tmp_path, tmp_path / "locale")
    settings.LOCALE_PATHS = [before]
    catalogues.compile_missing(tmp_path / "locale")
    assert (before / "de" / "LC_MESSAGES" / "django.mo").is_file()
    source.write_text(source.read_text("utf-8").replace("Jetzt", "Gerade"), "utf-8")
    assert catalogues.compiled_folder(tmp_path, tmp_path / "locale") != before


def test_where_nothing_may_be_written_the_server_starts_all_the_same(settings, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    settings.LOCALE_PATHS = [tmp_path / "file"]
    catalogues.compile_missing()
    assert "catalogue not compiled" in caplog.text
