"""How much decoding a stream gets, by how late it is; and the watchdog for speech without output."""

from __future__ import annotations

from .options import EngineOptions


class LoadShedding:
    """Lowers the cost while the delay is high, and restores it when the delay is low again."""

    def __init__(self, options: EngineOptions) -> None:
        self.level = 0  # 0 full cost, 1 greedy and half as often, 2 a third as often
        self._limit_ms = options.shed_delay_s * 1000
        self._step_ms = options.min_chunk_size_s * 1000

    @property
    def step_ms(self) -> float:
        """New audio before the next pass."""
        return self._step_ms * (1 + self.level)

    def note_delay(self, delay_ms: int) -> None:
        """Adjust the level to how far the last pass is behind the audio."""
        if delay_ms > self._limit_ms:
            self.level = 2
        elif delay_ms > self._limit_ms / 2:
            self.level = max(self.level, 1)
        elif delay_ms < self._limit_ms / 4:
            self.level = 0


class NoOutputWatchdog:
    """Measures speech that passed without a word, across utterances; `speech_ms` is that of the current one so far."""

    def __init__(self, options: EngineOptions) -> None:
        self._limit_ms = options.freeze_reset_s * 1000
        self._speech_at_words_ms = 0  # speech in the utterance at its last word
        self._earlier_ms = 0  # speech without a word in earlier utterances

    def note_words(self, speech_ms: int) -> None:
        """The current utterance got words."""
        self._speech_at_words_ms = speech_ms
        self._earlier_ms = 0

    def end_utterance(self, speech_ms: int) -> None:
        """The next utterance counts its speech from 0."""
        self._earlier_ms += speech_ms - self._speech_at_words_ms
        self._speech_at_words_ms = 0

    def expired(self, speech_ms: int = 0) -> bool:
        """Has there been speech without a word for longer than allowed?"""
        return self._earlier_ms + speech_ms - self._speech_at_words_ms >= self._limit_ms

    def reset(self) -> None:
        """Start counting from 0."""
        self._speech_at_words_ms = self._earlier_ms = 0
