"""How much a stream may cost, by how late it is; and when it has been dumb for too long."""

from __future__ import annotations

from .options import EngineOptions


class Pace:
    """Lowers the cost while the delay is high, and goes back when it is low again."""

    def __init__(self, options: EngineOptions) -> None:
        self.shed = 0  # 0 full cost, 1 greedy and half as often, 2 a third as often
        self._limit_ms = options.shed_delay_s * 1000
        self._step_ms = options.min_chunk_size_s * 1000

    @property
    def step_ms(self) -> float:
        """New audio before the next pass."""
        return self._step_ms * (1 + self.shed)

    def note_delay(self, delay_ms: int) -> None:
        """Take how far the last pass is behind the audio."""
        if delay_ms > self._limit_ms:
            self.shed = 2
        elif delay_ms > self._limit_ms / 2:
            self.shed = max(self.shed, 1)
        elif delay_ms < self._limit_ms / 4:
            self.shed = 0


class Dumbness:
    """Speech that went by without a word, over the utterances; speech of the open one is told in ms so far."""

    def __init__(self, options: EngineOptions) -> None:
        self._limit_ms = options.freeze_reset_s * 1000
        self._worded_ms = 0  # speech in the utterance when a word came last
        self._before_ms = 0  # speech without a word in the utterances before

    def word(self, speech_ms: int) -> None:
        """Words came."""
        self._worded_ms = speech_ms
        self._before_ms = 0

    def utterance_ends(self, speech_ms: int) -> None:
        """The next utterance counts its speech from 0."""
        self._before_ms += speech_ms - self._worded_ms
        self._worded_ms = 0

    def too_long(self, speech_ms: int = 0) -> bool:
        """Has there been speech without a word for longer than is allowed?"""
        return self._before_ms + speech_ms - self._worded_ms >= self._limit_ms

    def forget(self) -> None:
        """Begin again."""
        self._worded_ms = self._before_ms = 0
