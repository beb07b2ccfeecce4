"""The draft of one unfinished sentence: what of it is translated when, and what of the translation is shown. Pure.

Whatever was shown stays until the sentence's translation comes: it is continued by the words that two translations in a row agree on, a
few before the end of the newer one (those change most), and by words far before its end anyway. Why so: docs/performance.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from translation.stitching import alike, behind, words

FIRST_WORDS: Final = 4  # spoken, before anything is translated
STEP_WORDS: Final = 2  # more, before the next translation
HELD_BACK_WORDS: Final = 2  # of a translation's end
FAR_WORDS: Final = 10  # before its end: shown though the translation before has others
CLAUSE_ENDS: Final = (",", ";", ":", "，", "；", "：", "、")
SENTENCE_ENDS: Final = ".!?…。！？"
LONGEST_CHARS: Final = 2000


@dataclass(frozen=True, slots=True)
class Prefix:
    """The first `chars` characters of the sentence, which are confirmed, and `text`: with what is likely to follow them."""

    text: str
    chars: int


@dataclass(frozen=True, slots=True)
class DraftText:
    """A draft as it is shown, of the sentence's first `of_chars` characters; none of it is taken back."""

    text: str = ""
    of_chars: int = 0


class Drafting:
    """One sentence in one language."""

    def __init__(self) -> None:
        self.shown = DraftText()
        self._asked_words = 0
        self._before: list[str] | None = None  # the last translation

    def due(self, confirmed: str, tentative: str) -> Prefix | None:
        """What is to be translated now; None: too little is new. `tentative` is context: nothing is shown of it."""
        confirmed = confirmed.rstrip()
        count = len(words(confirmed))
        new = count - self._asked_words
        closes = new > 0 and confirmed.endswith(CLAUSE_ENDS)
        if count < FIRST_WORDS or (new < STEP_WORDS and not closes) or len(confirmed) > LONGEST_CHARS:
            return None
        return Prefix(confirmed + tentative.rstrip(), len(confirmed))

    def take(self, prefix: Prefix, translation: str) -> None:
        """The translation of what was due."""
        spoken = words(prefix.text[: prefix.chars])
        self._asked_words = len(spoken)
        newer = words(_unended(translation, prefix.text))
        before, self._before = self._before, newer
        if before is None or not newer:
            return
        shown = words(self.shown.text)
        at, at_before = behind(shown, newer), behind(shown, before)
        end = round(len(newer) * len(spoken) / len(words(prefix.text)))  # of what is confirmed
        agreed = min(alike(newer[at:], before[at_before:]), end - HELD_BACK_WORDS - at)
        count = max(agreed, end - FAR_WORDS - at)
        if count > 0:
            self.shown = DraftText("".join([*shown, *newer[at : at + count]]).strip(), prefix.chars)


def _unended(translation: str, spoken: str) -> str:
    """Without the full stop that a model puts behind a sentence that has not ended."""
    if spoken.rstrip()[-1:] in SENTENCE_ENDS:
        return translation
    return translation.rstrip().rstrip(SENTENCE_ENDS)
