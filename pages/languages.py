"""What languages are called, in themselves and in the visitor's language, and which way they are read (CLDR, by Babel)."""

from __future__ import annotations

from functools import lru_cache

from babel import Locale, UnknownLocaleError
from django.utils.translation import get_language


@lru_cache(maxsize=2048)
def name_in(code: str, lang: str) -> str:
    """The language's name in another: name_in("de", "en") is "German". The code itself where CLDR has no name."""
    locale, shown_in = _locale(code), _locale(lang)
    name = locale.get_display_name(shown_in) if locale and shown_in else None
    return name[:1].upper() + name[1:] if name else code


def native_name(code: str) -> str:
    """What those who speak it call it: native_name("de") is "Deutsch"."""
    return name_in(code, code)


def shown_name(code: str) -> str:
    """In the language of the page."""
    return name_in(code, get_language() or "en")


def direction(code: str) -> str:
    """For `dir`: "ltr" or "rtl"."""
    locale = _locale(code)
    return str(locale.text_direction) if locale else "ltr"


@lru_cache(maxsize=2048)
def _locale(code: str) -> Locale | None:
    try:
        return Locale.parse(code, sep="-")
    except (UnknownLocaleError, ValueError):
        return None
