"""Where a line of subtitles may be broken, and how wide text is in columns. Pure.

A column is a Latin letter; a Chinese, Japanese or Korean character has two.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from wcwidth import iter_graphemes, wcswidth

from transcripts.text import one_line

LINE_COLUMNS = 42
_CLOSING = frozenset(
    "、。，．・：；？！゛゜ヽヾゝゞ々ー」』】〕〉》）］｝〟’”»,.:;?!)]}…‥%％ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ"
)
_OPENING = frozenset("「『【〔〈《（［｛〝‘“«([{")
_SENTENCE_ENDS = frozenset(".!?…。！？؟۔।॥։")
_CLAUSE_ENDS = frozenset(",;:–—、，；：،؛・")
_QUOTES = "\"'”’»)]}」』】）"


class Break(IntEnum):
    """How good it is to break behind a unit; less is better."""

    SENTENCE = 0
    CLAUSE = 1
    WORD = 2
    CHARACTER = 3  # between two characters of a script without spaces
    FORCED = 4  # within a word that is longer than a line


@dataclass(frozen=True, slots=True)
class Unit:
    """Text that is not broken. `space`: one stands behind it where the line goes on."""

    text: str
    width: int
    space: bool
    break_behind: Break


def width(text: str) -> int:
    """Columns; what is not printed has none."""
    if text.isascii() and text.isprintable():
        return len(text)
    columns = wcswidth(text)
    return columns if columns >= 0 else sum(max(0, wcswidth(char)) for char in text)


def units(text: str) -> list[Unit]:
    """A sentence in units, in order; their texts with their spaces are the sentence, without what nobody can see."""
    found = [unit for word in one_line(text).split() for unit in _units_of_word(word)]
    if found:
        last = found[-1]
        found[-1] = Unit(last.text, last.width, last.space, Break.SENTENCE)
    return found


def joined(row: Iterable[Unit]) -> str:
    """The text of units that stand on one line."""
    return "".join(unit.text + " " * unit.space for unit in row).rstrip()


def _units_of_word(word: str) -> Iterator[Unit]:
    pieces = list(_pieces(word))
    for piece, behind in pieces[:-1]:
        yield Unit(piece, width(piece), False, behind)
    last = pieces[-1][0]
    yield Unit(last, width(last), True, _quality(last))


def _pieces(word: str) -> Iterator[tuple[str, Break]]:
    """A word cut where it may be: between wide characters, and where it is longer than a line."""
    if word.isascii() and len(word) <= LINE_COLUMNS:
        yield word, Break.WORD
        return
    piece, columns, before = "", 0, ""
    for cluster in iter_graphemes(word):
        size = width(cluster)
        if piece and before and _may_break(before, cluster):
            yield piece, _quality_between(before, cluster)
            piece, columns = "", 0
        elif columns + size > LINE_COLUMNS:
            yield piece, Break.FORCED
            piece, columns = "", 0
        piece, columns, before = piece + cluster, columns + size, cluster
    yield piece, Break.WORD


def _may_break(before: str, after: str) -> bool:
    """Between two clusters of one word. Korean is written with spaces and broken at them."""
    if after[0] in _CLOSING or before[-1] in _OPENING:
        return False
    return any(_is_wide(char) and not _is_hangul(char) for char in (before[0], after[0]))


def _quality_between(before: str, after: str) -> Break:
    """Between two wide characters: a Japanese phrase ends in hiragana, and the next one begins with something else."""
    if before[-1] in _CLAUSE_ENDS | _SENTENCE_ENDS:
        return Break.CLAUSE
    return Break.WORD if _is_hiragana(before[0]) and not _is_hiragana(after[0]) else Break.CHARACTER


def _is_hiragana(char: str) -> bool:
    return "\u3041" <= char <= "\u309f"


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


def _is_hangul(char: str) -> bool:
    return "\uac00" <= char <= "\ud7a3" or "\u1100" <= char <= "\u11ff"


def _quality(word: str) -> Break:
    end = word.rstrip(_QUOTES)[-1:] or word[-1:]
    if end in _SENTENCE_ENDS:
        return Break.CLAUSE  # the sentence's own end is known; within it this may be an abbreviation
    return Break.CLAUSE if end in _CLAUSE_ENDS else Break.WORD
