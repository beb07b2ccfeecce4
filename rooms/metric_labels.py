"""Values of labels of metrics: few, whatever comes from outside."""

from __future__ import annotations

from functools import lru_cache

from babel import localedata

OTHER = "other"


@lru_cache(maxsize=1024)
def lang_label(code: str) -> str:
    """The language without its region or script ("pt-BR" is "pt"); "other" where CLDR, the list by Babel, does not know it."""
    lang = code.partition("-")[0].partition("_")[0].lower()
    return lang if lang.isalpha() and localedata.exists(lang) else OTHER
