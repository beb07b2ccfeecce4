"""The draft of one unfinished sentence: what of it is translated when, and what of the translations is shown. Pure.

The same words are translated in two versions, as if a clause ended there and as if somebody broke off there. What both say alike depends
little on what is said next, and is shown. Where neither goes on with what is shown, nothing is added; where that lasts, it is replaced,
early: what the sentence's translation says otherwise in its beginning takes back all that stands behind it. Why so: docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from translation.fragments import own_part
from translation.stitching import same_beginning, words

FIRST_WORDS: Final = 4  # spoken, before anything is translated
STEP_WORDS: Final = 2  # more, before the next translation
HELD_BACK_WORDS: Final = 2  # of a translation's end
FAR_WORDS: Final = 12  # before its end: shown though the other version has others
CONTRADICTED_WORDS: Final = 5  # spoken since neither version says what is shown: it is replaced
CLAUSE_ENDS: Final = (",", ";", ":", "，", "；", "：", "、")
LONGEST_CHARS: Final = 2000
_UNFINISHED: Final = (",", " ...")


@dataclass(frozen=True, slots=True)
class Prefix:
    """The first `chars` characters of the sentence, which are confirmed, and `text`: with what is likely to follow them.

    `versions`: what is to be translated, behind what was said before where that had not ended, and that alone first while it is not known.
    """

    text: str
    chars: int
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DraftText:
    """A draft as it is shown, of the sentence's first `of_chars` characters."""

    text: str = ""
    of_chars: int = 0


class Drafting:
    """One sentence in one language. `before`: the one before it, if that had not ended: both are translated together then (fragments.py)."""

    def __init__(self, before: str = "") -> None:
        self.shown = DraftText()
        self._before = before
        self._before_reads = ""
        self._asked_words = 0
        self._contradicted_from: int | None = None  # spoken words, when neither version said it any more

    def due(self, confirmed: str, tentative: str) -> Prefix | None:
        """What is to be translated now; None: too little is new. `tentative` is context: nothing is shown of it."""
        confirmed = confirmed.rstrip()
        count = len(words(confirmed))
        new = count - self._asked_words
        closes = new > 0 and confirmed.endswith(CLAUSE_ENDS)
        if count < FIRST_WORDS or (new < STEP_WORDS and not closes) or len(confirmed) > LONGEST_CHARS:
            return None
        text = confirmed + tentative.rstrip()
        behind = f"{self._before} {text}" if self._before else text
        versions = tuple(behind + mark for mark in _UNFINISHED)
        alone = (self._before,) if self._before and not self._before_reads else ()
        return Prefix(text, len(confirmed), (*alone, *versions))

    def take(self, prefix: Prefix, translations: Sequence[str]) -> None:
        """The translations of the versions of what was due."""
        spoken = len(words(prefix.text[: prefix.chars]))
        self._asked_words = spoken
        versions, shown = [words(each) for each in self._own_parts(translations)], words(self.shown.text)
        if not versions or not all(versions):
            return
        newer = max(versions, key=lambda each: same_beginning(shown, each))
        same = same_beginning(shown, newer)
        end = round(len(newer) * spoken / len(words(prefix.text))) - HELD_BACK_WORDS  # of what is confirmed
        agreed = min(same_beginning(newer, each) for each in versions)
        count = max(min(agreed, end), end - FAR_WORDS)
        if same == min(len(shown), len(newer)):
            self._contradicted_from = None
            if count > len(shown):
                self._show(newer[:count], prefix)
        elif self._contradicted_from is None:
            self._contradicted_from = spoken
        elif spoken - self._contradicted_from >= CONTRADICTED_WORDS:
            self._contradicted_from = None
            self._show(newer[: max(count, same + 1)], prefix)

    def _own_parts(self, translations: Sequence[str]) -> Sequence[str]:
        """Of both sentences the second. Where nobody can tell where it begins it is translated alone from now on, as it will be in the end."""
        if not self._before or not all(translations):
            return translations
        alone, versions = translations[: -len(_UNFINISHED)], translations[-len(_UNFINISHED) :]
        self._before_reads = alone[0] if alone else self._before_reads
        parts = [own_part(["", self._before_reads, both]) or "" for both in versions]
        if not all(parts):
            self._before = ""
        return parts

    def _show(self, translated: Sequence[str], prefix: Prefix) -> None:
        self.shown = DraftText("".join(translated).strip(), prefix.chars)
