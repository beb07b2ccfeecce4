"""Names of languages."""

import pytest
from django.utils import translation

from pages.languages import direction, name_in, native_name, shown_name


@pytest.mark.parametrize(
    ("code", "native", "english"),
    [
        ("de", "Deutsch", "German"), ("uk", "Українська", "Ukrainian"), ("ar", "العربية", "Arabic"),
        ("zh-Hans", "中文 (简体)", "Chinese (Simplified)"), ("pt-BR", "Português (Brasil)", "Portuguese (Brazil)"),
    ],
)  # fmt: skip
def test_a_language_is_called_by_its_own_name_and_by_the_visitors(code, native, english):
    assert native_name(code) == native
    assert name_in(code, "en") == english
    with translation.override("en"):
        assert shown_name(code) == english


@pytest.mark.parametrize("code", ["tlh", "xx", "", "a b", "\0", "de_DE.UTF-8", "../x"])
def test_what_is_no_known_language_keeps_its_code(code):
    assert native_name(code) == code
    assert direction(code) == "ltr"


def test_languages_are_read_the_way_they_are_written():
    assert [direction(code) for code in ("ar", "he", "fa", "ur", "de", "ja")] == ["rtl"] * 4 + ["ltr"] * 2
