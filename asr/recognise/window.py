"""The stretch of audio that is decoded again and again, and what is known of the words in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .options import Trimming
from .punctuation import ends_sentence
from .recogniser import Word
from .whisper import DecodedWord


def without_stop(words: tuple[DecodedWord, ...]) -> tuple[tuple[DecodedWord, ...], tuple[DecodedWord, ...]]:
    """The words, and the punctuation behind the last of them."""
    if not words:
        return (), ()
    *before, last = words
    if not has_letters(last.text):
        return tuple(before), (last,)
    return (*before, last.bare()), last.punctuation()


def has_letters(text: str) -> bool:
    """False for what is punctuation alone."""
    return any(map(str.isalnum, text))


@dataclass(frozen=True)
class Said:
    """A confirmed word whose audio is still in the window."""

    word: Word
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class Cut:
    """Where a window may be cut: the confirmed words before the cut, and the time."""

    count: int
    at_ms: int


class Window:
    """Starts at `start_ms`; its confirmed words are the prefix of every decode, the hypothesis stands behind them.

    The first `context` of the confirmed words belong to the utterance before; the open one begins at `opened_ms`.
    """

    def __init__(self, start_ms: int) -> None:
        self.start_ms = start_ms
        self.opened_ms = start_ms
        self.context = 0
        self.stop: tuple[Said, ...] = ()  # punctuation at the pause before: what follows decides about it
        self.decoded_ms = start_ms  # end of the audio of the last pass
        self.settled_ms = start_ms  # everything before is confirmed or no speech
        self.said: list[Said] = []
        self.hypothesis: tuple[DecodedWord, ...] = ()

    @property
    def begun(self) -> bool:
        """The open utterance has confirmed words in the window."""
        return len(self.said) > self.context

    @property
    def goes_on_bare(self) -> bool:
        """The open utterance has no words yet, and behind those before it stands no punctuation that is final."""
        return bool(self.said) and not self.begun and self.said[-1].word.text[-1:].isalnum()

    @property
    def last_ms(self) -> int:
        """End of the last confirmed word of the open utterance, else where it begins."""
        return max(self.start_ms, self.opened_ms, self.said[-1].word.end_ms if self.said else 0)

    @property
    def prefix(self) -> tuple[int, ...]:
        """Tokens of the confirmed words."""
        return tuple(token for said in self.said for token in said.tokens)

    def absolute(self, word: DecodedWord, until_ms: int) -> Word:
        """The word on the part's timeline, never before the last confirmed one nor behind `until_ms`."""
        floor_ms = self.said[-1].word.end_ms if self.said else self.settled_ms
        if self.said and not has_letters(word.text):
            return Word(floor_ms, floor_ms, word.text, word.probability)  # punctuation behind the last word
        floor_ms = max(floor_ms, min(self.opened_ms, until_ms))
        start_ms = max(floor_ms, min(until_ms, self.start_ms + word.start_ms))
        end_ms = max(start_ms, min(until_ms, self.start_ms + word.end_ms))
        return Word(start_ms, end_ms, word.text, word.probability)

    def confirm(self, words: Sequence[DecodedWord], until_ms: int) -> tuple[Word, ...]:
        """Make words final; returns them on the part's timeline.

        Words behind the context say themselves what punctuation stands between; others leave the stop as it was.
        """
        confirmed = []
        if words:
            confirmed += [] if self.context else [stop.word for stop in self.stop]
            self.stop = ()
        for word in words:
            absolute = self.absolute(word, until_ms)
            confirmed.append(absolute)
            self.said.append(Said(absolute, word.tokens))
        if confirmed:
            self.settle(confirmed[-1].end_ms)
        return tuple(confirmed)

    def hold(self, stop: Sequence[DecodedWord]) -> None:
        """Punctuation at a pause: it stands behind the last confirmed word until `confirm` or `believe_stop`."""
        if stop and self.said and self.said[-1].word.text[-1:].isalnum():
            at_ms = self.said[-1].word.end_ms
            self.stop = tuple(
                Said(Word(at_ms, at_ms, word.text, word.probability), word.tokens) for word in stop
            )

    def believe_stop(self) -> tuple[Word, ...]:
        """Nothing follows the pause at once: its punctuation is final."""
        stop, self.stop = self.stop, ()
        if self.said:
            self.said.extend(stop)
            self.context = len(self.said)
        return tuple(said.word for said in stop)

    def settle(self, at_ms: int) -> None:
        """Everything before a time is confirmed or no speech."""
        self.settled_ms = max(self.settled_ms, at_ms)

    def cut(self, trimming: Trimming) -> Cut | None:
        """Behind a confirmed sentence, or in the widest gap between confirmed words; None with fewer than two."""
        said = self.said
        if len(said) < 2:
            return None
        ends = [i + 1 for i, each in enumerate(said[:-1]) if ends_sentence(each.word.text)]
        if trimming == "segment" or not ends:
            ends = list(range(max(1, len(said) // 2), len(said)))
        count = (
            ends[-1]
            if trimming == "sentence" and len(ends) == 1
            else max(ends, key=lambda i: (said[i].word.start_ms - said[i - 1].word.end_ms, i))
        )
        return Cut(count, (said[count - 1].word.end_ms + said[count].word.start_ms) // 2)

    def leave(self, count: int) -> list[str]:
        """Take the first confirmed words out of the window; returns their texts."""
        texts = [said.word.text for said in self.said[:count]]
        del self.said[:count]
        self.context = max(0, self.context - count)
        return texts

    def keep_as_context(self, longest_ms: int) -> list[str]:
        """The utterance ended: the words of its last part stay, with their audio; returns the others' texts."""
        end_ms = self.said[-1].word.end_ms if self.said else self.start_ms
        count = sum(said.word.start_ms < end_ms - longest_ms for said in self.said)
        if count:
            cut_ms = end_ms if count == len(self.said) else self.said[count].word.start_ms
            self.start((self.said[count - 1].word.end_ms + cut_ms) // 2)
        texts = self.leave(count)
        self.context = len(self.said)
        return texts

    def context_end(self) -> Cut | None:
        """Where the open utterance's own words begin, once there are some; punctuation belongs to what it ends."""
        count = self.context
        while count < len(self.said) and not has_letters(self.said[count].word.text):
            count += 1
        if not self.context or count == len(self.said):
            return None
        return Cut(count, max(self.opened_ms, self.said[count - 1].word.end_ms))

    def start(self, at_ms: int) -> None:
        """Begin at another time; the words of the hypothesis keep theirs."""
        moved_ms = self.start_ms - at_ms
        self.hypothesis = tuple(word.moved(moved_ms) for word in self.hypothesis)
        self.start_ms = at_ms
