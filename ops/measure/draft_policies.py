"""Ways to translate a sentence while it is said: what is translated when, and what is shown of it. The one that is used is translation/drafting.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from translation.drafting import CLAUSE_ENDS, FIRST_WORDS, STEP_WORDS, Drafting, Prefix
from translation.fragments import SENTENCE_ENDS
from translation.stitching import bare, behind, same_beginning, words

CLAUSE_WORDS: Final = 5
CONTINUED_HELD_BACK_WORDS: Final = 2
CONTINUED_FAR_WORDS: Final = 10


class Method(Protocol):
    """Of one sentence. As `Drafting`."""

    def due(self, confirmed: str, tentative: str) -> Prefix | None:
        """What is to be translated now."""

    def take(self, prefix: Prefix, translations: Sequence[str]) -> None:
        """Its translations."""

    @property
    def text(self) -> str:
        """What is shown."""


class Versions(Drafting):
    """The one that is used."""

    @property
    def text(self) -> str:
        """What is shown."""
        return self.shown.text


class Whole:
    """Nothing before the sentence is over."""

    text = ""

    def due(self, confirmed: str, tentative: str) -> Prefix | None:
        """Never."""
        return None

    def take(self, prefix: Prefix, translations: Sequence[str]) -> None:
        """Never."""


class Retranslated:
    """Each longer beginning anew: all of it, or what two in a row agree on."""

    def __init__(self, *, agreed: bool = False) -> None:
        self.text, self._agreed, self._before, self._chars = "", agreed, list[str](), 0

    def due(self, confirmed: str, tentative: str) -> Prefix | None:
        """Whenever more is confirmed."""
        return _alone(confirmed, len(confirmed)) if len(confirmed) > self._chars else None

    def take(self, prefix: Prefix, translations: Sequence[str]) -> None:
        """It replaces what was shown."""
        newer, before, self._chars = words(translations[0]), self._before, prefix.chars
        self._before = newer
        self.text = "".join(newer[: _alike(newer, before)] if self._agreed else newer).strip()


class Clauses:
    """Stretches translated by themselves and kept: to the end of a clause, or `every` so many words."""

    def __init__(self, *, every: int = 0) -> None:
        self.text, self._every, self._chars = "", every, 0

    def due(self, confirmed: str, tentative: str) -> Prefix | None:
        """The next stretch that is whole."""
        new, chars = words(confirmed[self._chars :]), self._chars
        for count, word in enumerate(new, 1):
            chars += len(word)
            if count == self._every or (
                not self._every and count >= CLAUSE_WORDS and word.endswith(CLAUSE_ENDS)
            ):
                return _alone(confirmed[self._chars : chars].strip(), chars)
        return None

    def take(self, prefix: Prefix, translations: Sequence[str]) -> None:
        """It is appended."""
        self.text, self._chars = f"{self.text} {translations[0]}".strip(), prefix.chars


class Continued:
    """What was shown stays, and is continued by what two translations in a row agree on."""

    def __init__(self) -> None:
        self.text = ""
        self._asked_words = 0
        self._before: list[str] | None = None  # the last translation

    def due(self, confirmed: str, tentative: str) -> Prefix | None:
        """At each second word, and where a clause ends; with the tentative words."""
        confirmed = confirmed.rstrip()
        count = len(words(confirmed))
        closes = count > self._asked_words and confirmed.endswith(CLAUSE_ENDS)
        if count < FIRST_WORDS or (count - self._asked_words < STEP_WORDS and not closes):
            return None
        return _alone(confirmed + tentative.rstrip(), len(confirmed))

    def take(self, prefix: Prefix, translations: Sequence[str]) -> None:
        """It is appended, behind the last words that it has in common with what is shown."""
        self._asked_words = spoken = len(words(prefix.text[: prefix.chars]))
        newer = words(_unended(translations[0], prefix.text))
        before, self._before = self._before, newer
        if before is None or not newer:
            return
        shown = words(self.text)
        at, at_before = behind(shown, newer), behind(shown, before)
        end = round(len(newer) * spoken / len(words(prefix.text)))
        agreed = min(_alike(newer[at:], before[at_before:]), end - CONTINUED_HELD_BACK_WORDS - at)
        count = max(agreed, end - CONTINUED_FAR_WORDS - at)
        if count > 0:
            self.text = "".join([*shown, *newer[at : at + count]]).strip()


def _alone(text: str, chars: int) -> Prefix:
    return Prefix(text, chars, (text,))


def _unended(translation: str, spoken: str) -> str:
    """Without the full stop that a model puts behind a sentence that has not ended."""
    if spoken.rstrip()[-1:] in SENTENCE_ENDS:
        return translation
    return translation.rstrip().rstrip(SENTENCE_ENDS)


METHODS: dict[str, Callable[[str], Method]] = {  # by the sentence before, where that has no end
    "whole sentences": lambda _: Whole(),
    "every prefix": lambda _: Retranslated(),
    "what two agree on": lambda _: Retranslated(agreed=True),
    "clauses, kept": lambda _: Clauses(),
    "every 8 words, kept": lambda _: Clauses(every=8),
    "agreed on, kept, continued": lambda _: Continued(),
    "what two versions say, alone": lambda _: Versions(),
    "what two versions say": Versions,
}


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """With how many words both begin, whatever their case and punctuation."""
    return same_beginning([bare(word) for word in one], [bare(word) for word in other])
