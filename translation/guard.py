"""What a translation must keep: numbers, times, prices, addresses, code words, markup. Pure.

A sentence model mostly copies them; where it did not, the text is translated around what was lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Translate = Callable[[Sequence[str]], list[str]]

_KEPT = re.compile(
    r"""
    <[^<>\s][^<>]{0,200}>                                  # markup
    | \b(?:https?://|www\.)[^\s<>"]{1,300}[^\s<>".,;:!?)]  # addresses
    | [\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+          # mail
    | `[^`\n]{1,100}`                                      # quoted code
    | (?<!\S)--?[A-Za-z][\w-]{0,40}                        # options of a command
    | \b[A-Za-z0-9]{1,60}(?:_[A-Za-z0-9]{1,60}){1,10}\b    # snake_case
    | \b[a-z]{1,40}(?:[A-Z][a-z0-9]{1,40}){1,10}\b         # camelCase
    | \b(?=[A-Z0-9-]{0,30}\d)(?=[0-9-]{0,30}[A-Z])[A-Z0-9]{1,30}(?:-[A-Z0-9]{1,30}){0,5}\b  # H264, B-52
    | \b\d[\d.,:/]{0,30}\d\b                               # numbers of two digits and more, times, dates
    """,
    re.VERBOSE,
)
_DIGITS = re.compile(r"\D+")
_HALF_DAY = re.compile(r"\s*[ap]\.?\s?m\b", re.IGNORECASE)
LONGEST_GROWTH = 8


def faithfully(translate: Translate, texts: Sequence[str]) -> list[str]:
    """Translate; what a translation lost is put back by translating the text around it."""
    translated = translate(texts)
    cuts = {index: _cut(text, translated[index]) for index, text in enumerate(texts)}
    cuts = {index: cut for index, cut in cuts.items() if len(cut) > 1}
    words = [piece for cut in cuts.values() for piece in cut if _is_words(piece)]
    around = dict(zip(words, translate(words), strict=True)) if words else {}
    for index, cut in cuts.items():
        translated[index] = "".join(_replace(piece, around) for piece in cut).strip()
    return translated


def kept(text: str) -> list[str]:
    """What of `text` must stand in its translation."""
    return [match.group() for match in _KEPT.finditer(text) if not _is_half_day(text, match)]


def survives(item: str, translated: str) -> bool:
    """Whether `item` is in the translation; numbers may be written with other separators."""
    if item in translated:
        return True
    if not item[0].isdigit() or re.search(r"[A-Za-z]", item):
        return False
    digits, there = _DIGITS.sub("", item), _DIGITS.sub("", translated)
    return digits in there or (digits.endswith("000") and digits[:-3] in there)  # "100,000", "100 mil"


def is_plausible(text: str, translated: str) -> bool:
    """False for nothing where there were words, and for the loops that small models fall into."""
    if not any(char.isalnum() for char in text):
        return True
    return bool(translated.strip()) and len(translated) <= LONGEST_GROWTH * len(text) + 80


def _cut(text: str, translated: str) -> list[str]:
    """`text` cut around the kept items that `translated` lacks, those among the pieces; [text] if none."""
    cut, at = [], 0
    for match in _KEPT.finditer(text):
        if not survives(match.group(), translated) and not _is_half_day(text, match):
            cut += [text[at : match.start()], match.group()]
            at = match.end()
    return [*cut, text[at:]]


def _is_half_day(text: str, match: re.Match[str]) -> bool:
    """ "10:30 pm" is rightly 22:30 elsewhere."""
    return match.group()[0].isdigit() and _HALF_DAY.match(text, match.end()) is not None


def _is_words(piece: str) -> bool:
    return any(char.isalpha() for char in piece) and _KEPT.fullmatch(piece) is None


def _replace(piece: str, around: dict[str, str]) -> str:
    """The piece's translation with the piece's own space around it."""
    if piece not in around:
        return piece
    before = piece[: len(piece) - len(piece.lstrip())]
    after = piece[len(piece.rstrip()) :]
    return before + around[piece].strip() + after
