"""The recogniser's words as this wire has them: plain, punctuated, with their confidences. Pure."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Self

from gateways.deepgram import wire

_PUNCTUATION = string.punctuation + "¿¡…–—‘’‚“”„«»‹›、。，！？：；「」『』（）・।؟،"


@dataclass(frozen=True, slots=True)
class Row:
    """A word of the text stream, or punctuation alone. `text` has its leading space."""

    start_ms: int
    end_ms: int
    text: str
    probability: float
    lang: str = ""

    @classmethod
    def of(cls, rows: Iterable[Sequence[Any]], lang: str = "") -> list[Self]:
        """The rows of an entry (asr/sinks/stream.py)."""
        return [cls(row[0], row[1], row[2], row[3], lang) for row in rows]

    @property
    def is_word(self) -> bool:
        """False for punctuation alone."""
        return any(map(str.isalnum, self.text))

    @property
    def may_want_punctuation(self) -> bool:
        """Nothing stands behind its last letter yet."""
        return self.text.rstrip()[-1:].isalnum()

    def followed_by(self, punctuation: Row) -> Self:
        """With what comes behind it."""
        return replace(self, text=self.text.rstrip() + punctuation.text.strip())

    @property
    def plain(self) -> str:
        """In lower case, without the punctuation around it."""
        return self.text.strip().strip(_PUNCTUATION).lower() or self.text.strip()


def alternative(rows: Sequence[Row], *, punctuated: bool, languages: bool) -> wire.Alternative:
    """What a Results says of these."""
    words = [row for row in rows if row.is_word]
    return wire.Alternative(
        transcript=_joined(words, punctuated=punctuated),
        confidence=round(fmean(row.probability for row in words), 4) if words else 0.0,
        languages=_languages(words) if languages else None,
        words=[_word(row, punctuated=punctuated, language=languages) for row in words],
    )


def _word(row: Row, *, punctuated: bool, language: bool) -> wire.Word:
    return wire.Word(
        word=row.plain,
        start=row.start_ms / 1000,
        end=row.end_ms / 1000,
        confidence=row.probability,
        punctuated_word=row.text.strip() if punctuated else None,
        language=row.lang or None if language else None,
    )


def _joined(rows: Sequence[Row], *, punctuated: bool) -> str:
    """Spaces stand where the recogniser put them: some languages have none."""
    if punctuated:
        return "".join(row.text for row in rows).strip()
    return "".join((" " if row.text[:1].isspace() else "") + row.plain for row in rows).strip()


def _languages(words: Sequence[Row]) -> list[str]:
    return [lang for lang, _ in Counter(row.lang for row in words if row.lang).most_common()]


def with_punctuation(rows: Iterable[Row]) -> list[Row]:
    """The words, each with the punctuation behind it; punctuation that follows no word is left out."""
    found: list[Row] = []
    for row in rows:
        if row.is_word:
            found.append(row)
        elif found:
            found[-1] = found[-1].followed_by(row)
    return found
