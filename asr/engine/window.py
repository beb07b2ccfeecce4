"""The stretch of audio that is decoded again and again, and what is known of the words in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .options import Trimming
from .recogniser import Word
from .sentences import ends_sentence
from .whisper import DecodedWord


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
    """Starts at `start_ms`; its confirmed words are the prefix of every decode, the hypothesis stands behind them."""

    def __init__(self, start_ms: int) -> None:
        self.start_ms = start_ms
        self.decoded_ms = start_ms  # end of the audio of the last pass
        self.settled_ms = start_ms  # everything before is confirmed or no speech
        self.said: list[Said] = []
        self.hypothesis: tuple[DecodedWord, ...] = ()

    @property
    def last_ms(self) -> int:
        """End of the last confirmed word in the window, else the window's start."""
        return max(self.start_ms, self.said[-1].word.end_ms if self.said else 0)

    @property
    def prefix(self) -> tuple[int, ...]:
        """Tokens of the confirmed words."""
        return tuple(token for said in self.said for token in said.tokens)

    def absolute(self, word: DecodedWord, until_ms: int) -> Word:
        """The word on the part's timeline, never before the last confirmed one nor behind `until_ms`."""
        floor_ms = self.said[-1].word.end_ms if self.said else self.settled_ms
        start_ms = max(floor_ms, min(until_ms, self.start_ms + word.start_ms))
        end_ms = max(start_ms, min(until_ms, self.start_ms + word.end_ms))
        return Word(start_ms, end_ms, word.text, word.probability)

    def confirm(self, words: Sequence[DecodedWord], until_ms: int) -> tuple[Word, ...]:
        """Make words final; returns them on the part's timeline."""
        confirmed = []
        for word in words:
            absolute = self.absolute(word, until_ms)
            confirmed.append(absolute)
            self.said.append(Said(absolute, word.tokens))
        if confirmed:
            self.settle(confirmed[-1].end_ms)
        return tuple(confirmed)

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
        return texts

    def start(self, at_ms: int) -> None:
        """Begin at another time; the words of the hypothesis keep theirs."""
        moved_ms = self.start_ms - at_ms
        self.hypothesis = tuple(word.moved(moved_ms) for word in self.hypothesis)
        self.start_ms = at_ms
