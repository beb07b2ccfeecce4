"""The stretch of audio that each pass decodes, and the words known in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .options import Trimming
from .recogniser import Word
from .text import PUNCTUATION, ends_sentence, has_letters, normalised
from .whisper import DecodedWord


def split_punctuation(
    words: tuple[DecodedWord, ...],
) -> tuple[tuple[DecodedWord, ...], tuple[DecodedWord, ...]]:
    """The words, and the punctuation behind the last of them."""
    if not words:
        return (), ()
    *before, last = words
    if not has_letters(last.text):
        return tuple(before), (last,)
    return (*before, last.without_punctuation()), last.punctuation()


@dataclass(frozen=True)
class CommittedWord:
    """A committed word whose audio is still in the window."""

    word: Word
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class Cut:
    """Where a window may be cut: the committed words before the cut, and the time."""

    count: int
    at_ms: int


class DecodeWindow:
    """Starts at `start_ms`; its committed words are the forced prefix of every decode, the hypothesis follows them.

    The first `context` of the committed words belong to the previous utterance; the current one begins at
    `utterance_start_ms`.
    """

    def __init__(self, start_ms: int) -> None:
        self.start_ms = start_ms
        self.utterance_start_ms = start_ms
        self.context = 0
        self.held_punctuation: tuple[CommittedWord, ...] = ()  # of the last pause; what follows decides on it
        self.decoded_ms = start_ms  # end of the audio of the last pass
        self.finalised_ms = start_ms  # everything before is committed or no speech
        self.committed: list[CommittedWord] = []
        self.hypothesis: tuple[DecodedWord, ...] = ()

    @property
    def begun(self) -> bool:
        """The current utterance has committed words in the window."""
        return len(self.committed) > self.context

    @property
    def lacks_punctuation(self) -> bool:
        """The current utterance has no words yet, and no committed punctuation stands behind the context before it."""
        return bool(self.committed) and not self.begun and self.committed[-1].word.text[-1:].isalnum()

    @property
    def undecided(self) -> bool:
        """The last pass found words that are not committed; punctuation alone is none."""
        return any(has_letters(word.text) for word in self.hypothesis)

    @property
    def punctuation_seen(self) -> bool:
        """The last pass saw punctuation behind the last committed word."""
        return self.begun and bool(self.hypothesis) and self.hypothesis[0].text.strip()[:1] in PUNCTUATION

    @property
    def last_ms(self) -> int:
        """End of the last committed word of the current utterance, else its beginning."""
        return max(
            self.start_ms, self.utterance_start_ms, self.committed[-1].word.end_ms if self.committed else 0
        )

    def said(self, count: int) -> list[str]:
        """The last committed words, normalised, without punctuation that stands alone."""
        texts = [normalised(each.word.text) for each in self.committed]
        return [text for text in texts if text][-count:]

    @property
    def prefix(self) -> tuple[int, ...]:
        """Tokens of the committed words."""
        return tuple(token for each in self.committed for token in each.tokens)

    def absolute(self, word: DecodedWord, until_ms: int) -> Word:
        """The word on the part's timeline, never before the last committed one nor behind `until_ms`."""
        floor_ms = self.committed[-1].word.end_ms if self.committed else self.finalised_ms
        if self.committed and not has_letters(word.text):
            return Word(floor_ms, floor_ms, word.text, word.probability)  # punctuation behind the last word
        floor_ms = max(floor_ms, min(self.utterance_start_ms, until_ms))
        start_ms = max(floor_ms, min(until_ms, self.start_ms + word.start_ms))
        end_ms = max(start_ms, min(until_ms, self.start_ms + word.end_ms))
        attended_ms = None if word.attended_ms is None else self.start_ms + word.attended_ms
        return Word(start_ms, end_ms, word.text, word.probability, attended_ms)

    def commit(self, words: Sequence[DecodedWord], until_ms: int) -> tuple[Word, ...]:
        """Make words final; returns them on the part's timeline.

        Words behind a context bring the punctuation in between with them; without a context the held one stays.
        """
        committed = []
        if words:
            committed += [] if self.context else [each.word for each in self.held_punctuation]
            self.held_punctuation = ()
        for word in words:
            absolute = self.absolute(word, until_ms)
            committed.append(absolute)
            self.committed.append(CommittedWord(absolute, word.tokens))
        if committed:
            self.finalise_until(committed[-1].end_ms)
        return tuple(committed)

    def hold_punctuation(self, punctuation: Sequence[DecodedWord]) -> None:
        """Punctuation at a pause: tentative behind the last committed word until `commit` or `commit_punctuation`."""
        if punctuation and self.committed and self.committed[-1].word.text[-1:].isalnum():
            at_ms = self.committed[-1].word.end_ms
            self.held_punctuation = tuple(
                CommittedWord(Word(at_ms, at_ms, word.text, word.probability), word.tokens)
                for word in punctuation
            )

    def commit_punctuation(self) -> tuple[Word, ...]:
        """Nothing follows the pause soon: its punctuation is final."""
        punctuation, self.held_punctuation = self.held_punctuation, ()
        if self.committed:
            self.committed.extend(punctuation)
            self.context = len(self.committed)
        return tuple(each.word for each in punctuation)

    def finalise_until(self, at_ms: int) -> None:
        """Everything before a time is committed or no speech."""
        self.finalised_ms = max(self.finalised_ms, at_ms)

    def cut(self, trimming: Trimming, end_ms: int) -> Cut | None:
        """Behind a committed sentence, or in the widest gap between committed words; None with fewer than two.

        `first_half`: before the last committed word of the window's first half.
        """
        committed = self.committed
        if len(committed) < 2:
            return None
        if trimming == "first_half":
            return self._cut_first_half(end_ms)
        ends = [i + 1 for i, each in enumerate(committed[:-1]) if ends_sentence(each.word.text)]
        if trimming == "segment" or not ends:
            ends = list(range(max(1, len(committed) // 2), len(committed)))
        count = (
            ends[-1]
            if trimming == "sentence" and len(ends) == 1
            else max(ends, key=lambda i: (committed[i].word.start_ms - committed[i - 1].word.end_ms, i))
        )
        return Cut(count, (committed[count - 1].word.end_ms + committed[count].word.start_ms) // 2)

    def _cut_first_half(self, end_ms: int) -> Cut | None:
        half_ms = (self.start_ms + end_ms) // 2
        count = sum(each.word.end_ms <= half_ms for each in self.committed) - 1
        if count < 1:
            return None
        return Cut(count, (self.committed[count - 1].word.end_ms + self.committed[count].word.start_ms) // 2)

    def evict(self, count: int) -> list[str]:
        """Evict the first committed words from the window; returns their texts."""
        texts = [each.word.text for each in self.committed[:count]]
        del self.committed[:count]
        self.context = max(0, self.context - count)
        return texts

    def keep_as_context(self, longest_ms: int) -> list[str]:
        """The utterance ended: the words of its last part stay, with their audio; returns the others' texts."""
        end_ms = self.committed[-1].word.end_ms if self.committed else self.start_ms
        count = sum(each.word.start_ms < end_ms - longest_ms for each in self.committed)
        if count:
            cut_ms = end_ms if count == len(self.committed) else self.committed[count].word.start_ms
            self.start((self.committed[count - 1].word.end_ms + cut_ms) // 2)
        texts = self.evict(count)
        self.context = len(self.committed)
        return texts

    def context_end(self) -> Cut | None:
        """Where the current utterance's own words begin, once there are some, and not with punctuation."""
        count = self.context
        while count < len(self.committed) and not has_letters(self.committed[count].word.text):
            count += 1
        if not self.context or count == len(self.committed):
            return None
        return Cut(count, max(self.utterance_start_ms, self.committed[count - 1].word.end_ms))

    def start(self, at_ms: int) -> None:
        """Move the window's start; the words of the hypothesis keep their times."""
        moved_ms = self.start_ms - at_ms
        self.hypothesis = tuple(word.moved(moved_ms) for word in self.hypothesis)
        self.start_ms = at_ms
