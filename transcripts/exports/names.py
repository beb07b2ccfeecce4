"""Names of downloaded files. Pure."""

import re
import unicodedata

_UNSAFE = re.compile(r"[^\w-]+")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
_MOST_CHARS = 60


def file_name(code: str, title: str, *, langs: str, part: int | None, ending: str) -> str:
    """ "TALK9X-a-talk.de.part2.srt": letters, digits, - and _ of any script, so that it is a file's name everywhere."""
    words = (
        _UNSAFE.sub("-", unicodedata.normalize("NFC", title)).strip("-_").lower()[:_MOST_CHARS].rstrip("-_")
    )
    stem = "-".join(filter(None, (_UNSAFE.sub("-", code), words)))
    stem = f"_{stem}" if _RESERVED.fullmatch(stem) else stem
    return ".".join(filter(None, (stem, langs, f"part{part}" if part else "", ending)))
