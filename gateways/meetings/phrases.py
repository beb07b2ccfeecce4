"""When what a participant says is a phrase that can be sent for good, and what is shown until then. Pure.

Words are confirmed (they stay) or supposed (the recogniser's hypothesis beyond them). An interim shows both; a final has
confirmed words alone, but for the end of a meeting. Where to cut is decided over both, as the wire's rules have it
(docs/wires/meetings.md), but only a confirmed word can be a final's last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

LONG_MS: Final = 10_000  # then the phrase ends at its widest gap
OVERLONG_MS: Final = 15_000  # and here where its words leave no gap at all
PHRASE_CHARS: Final = 48
SURE: Final = 0.7
SENTENCE_ENDS: Final = (".", "!", "?")
LEFT_OVER: Final = " ,.;:!?"


@dataclass(frozen=True, slots=True)
class Word:
    """`text` begins with a space where the language has them; times are the participant's audio time."""

    start_ms: int
    end_ms: int
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Phrase:
    """A final, or (`probability` None) an interim. `phrase_id`: of a final and of all its interims."""

    phrase_id: str
    start_ms: int
    end_ms: int
    text: str
    probability: float | None

    @property
    def is_final(self) -> bool:
        """Whether it stays."""
        return self.probability is not None


class Phrases:
    """One participant's. `new_id` makes the id of a phrase from the time of its first word."""

    def __init__(self, new_id: Callable[[int], str]) -> None:
        self._new_id = new_id
        self._id = ""
        self._confirmed: list[Word] = []
        self._supposed: list[Word] = []
        self._shown = ""

    @property
    def supposes(self) -> bool:
        """Whether some words are not confirmed yet."""
        return bool(self._supposed)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said since the last final."""
        return not (self._confirmed or self._supposed)

    @property
    def start_ms(self) -> int | None:
        """When the phrase's first word was said."""
        words = self._confirmed or self._supposed
        return words[0].start_ms if words else None

    def confirm(self, words: Sequence[Word]) -> list[Phrase]:
        """These stay; what was supposed until now is over. The finals that this makes."""
        self._confirmed += words
        self._supposed = []
        return self._finals()

    def suppose(self, words: Sequence[Word]) -> list[Phrase]:
        """These follow what was confirmed, as it seems now. The finals that this makes."""
        self._supposed = list(words)
        return self._finals()

    def interim(self) -> Phrase | None:
        """What is to be shown now; None where nothing is, or it was shown already."""
        words = [*self._confirmed, *self._supposed]
        text = text_of(words)
        if not text or text == self._shown:
            return None
        self._shown = text
        return Phrase(self._own_id(words), words[0].start_ms, words[-1].end_ms, text, None)

    def flush(self, *, supposed: bool = False) -> Phrase | None:
        """All that is confirmed as a final; with `supposed` everything, which then counts as confirmed."""
        if supposed:
            self._confirmed += self._supposed
            self._supposed = []
        return self._cut(len(self._confirmed))

    def _finals(self) -> list[Phrase]:
        finals = []
        while count := finished_words([*self._confirmed, *self._supposed], len(self._confirmed)):
            final = self._cut(count)
            if final is not None:
                finals.append(final)
        return finals

    def _cut(self, count: int) -> Phrase | None:
        words, self._confirmed = self._confirmed[:count], self._confirmed[count:]
        text = text_of(words)
        if not text:
            return None
        phrase_id, self._id, self._shown = self._own_id(words), "", ""
        return Phrase(phrase_id, words[0].start_ms, words[-1].end_ms, text, mean_probability(words))

    def _own_id(self, words: Sequence[Word]) -> str:
        self._id = self._id or self._new_id(words[0].start_ms)
        return self._id


def finished_words(words: Sequence[Word], confirmed: int) -> int:
    """How many of the first `confirmed` of these words are a phrase of their own; 0: it goes on."""
    if not words or not confirmed:
        return 0
    cuts = places_to_cut(words, confirmed)
    length_ms = words[-1].end_ms - words[0].start_ms
    if length_ms >= LONG_MS:
        return widest_gap(words, cuts) or (max(cuts, default=0) if length_ms >= OVERLONG_MS else 0)
    return next((cut for cut in cuts if ends_phrase(words[:cut], words[cut])), 0)


def places_to_cut(words: Sequence[Word], confirmed: int) -> list[int]:
    """How many words may stand before a cut: the last is confirmed, and what follows begins a word of its own.

    The recogniser's words are pieces of text: a comma may be one, or "-up" behind " pick". In a language without spaces only
    what has no letter belongs to the word before.
    """
    has_spaces = any(word.text.startswith(" ") for word in words)
    return [
        count
        for count in range(1, min(confirmed, len(words) - 1) + 1)
        if words[count].text.startswith(" ") or (not has_spaces and any(map(str.isalnum, words[count].text)))
    ]


def widest_gap(words: Sequence[Word], cuts: Sequence[int]) -> int:
    """The cut in the widest gap between words, the first of several; 0: there is no gap."""
    widest_ms, found = 0, 0
    for cut in cuts:
        gap_ms = words[cut].start_ms - words[cut - 1].end_ms
        if gap_ms > widest_ms:
            widest_ms, found = gap_ms, cut
    return found


def ends_phrase(words: Sequence[Word], following: Word) -> bool:
    """Whether these, from the phrase's beginning on, are long and sure enough, a sentence's end, and a gap follows."""
    text = text_of(words)
    return (
        len(text) >= PHRASE_CHARS
        and text.endswith(SENTENCE_ENDS)
        and following.start_ms > words[-1].end_ms
        and mean_probability(words) >= SURE
    )


def text_of(words: Sequence[Word]) -> str:
    """As it is sent. Punctuation that came behind the final that it belongs to is left out."""
    return "".join(word.text for word in words).lstrip(LEFT_OVER).rstrip()


def mean_probability(words: Sequence[Word]) -> float:
    """Of at least one word."""
    return sum(word.probability for word in words) / len(words)
