"""No stretch is settled while seconds of its speech have no words: it is decoded again, from elsewhere, in short pieces."""

from __future__ import annotations

from .counters import Counters
from .ear import Ear
from .holes import LAST_HOLE_MS, Hole, first_hole
from .recogniser import Confirmed, Event, Unexplained
from .transcriber import Transcriber
from .whisper import DecodedWord
from .window import Window

TRIES = 3  # further decodes of one stretch
MUTE_MS = 600  # so much behind the confirmed words without a further one: they are in the way
LONG_PIECE_MS = 6000  # longer pieces are halved at their quietest place
SHIFT_MS = 100  # where nothing else differs, a piece starts so much later


class Settler:
    """Makes the last words of a stretch final."""

    def __init__(self, transcriber: Transcriber, ear: Ear, window: Window, counters: Counters) -> None:
        self._transcriber = transcriber
        self._ear = ear
        self._window = window
        self._counters = counters

    def settle(self, words: tuple[DecodedWord, ...], end_ms: int, speech_end_ms: int) -> list[Event]:
        """Confirm the words of the last decode up to `end_ms`; where they leave out speech, decode that again."""
        events: list[Event] = []
        tries, explained_ms = TRIES, self._window.last_ms
        while hole := self._hole(words, explained_ms, speech_end_ms):
            skipped = hole.count < len(words) or hole.speech_ms >= LAST_HOLE_MS
            events += self._confirm(words[: hole.count])
            rest = words[hole.count :]
            found: tuple[DecodedWord, ...] = ()
            if tries and self._window.said:
                tries -= 1
                rest = self._restarted(rest)
                found = self._transcriber.last(end_ms, speech_end_ms)
                if self._fills(found, hole, speech_end_ms):
                    words = found
                    continue
            if tries and skipped:
                tries -= 1
                rest, found = self._piece(hole, rest)
                if found:
                    words = (*found, *rest)
                    continue
            if skipped:
                self._counters.unexplained += 1
                self._counters.unexplained_speech_s += hole.speech_ms / 1000
                events.append(Unexplained(hole.start_ms))
            explained_ms, words = hole.end_ms, rest
        return [*events, *self._confirm(words)]

    def _hole(self, words: tuple[DecodedWord, ...], from_ms: int, speech_end_ms: int) -> Hole | None:
        """The first stretch of speech without words."""
        gate, window = self._ear.gate, self._window
        last_ms = max(window.last_ms, from_ms)
        hole = first_hole(words, gate, window_ms=window.start_ms, from_ms=last_ms)
        if hole is not None:
            return hole
        if words:
            last_ms = max(last_ms, window.start_ms + max(word.end_ms for word in words))
        speech_ms = gate.speech_between_ms(last_ms, speech_end_ms)
        mute = bool(window.said) and not words and speech_end_ms - last_ms >= MUTE_MS
        if speech_ms >= LAST_HOLE_MS or mute:
            return Hole(len(words), last_ms, speech_end_ms, speech_ms)
        return None

    def _fills(self, words: tuple[DecodedWord, ...], hole: Hole, speech_end_ms: int) -> bool:
        """Do the words of another try begin in the hole?"""
        left = self._hole(words, self._window.last_ms, speech_end_ms)
        return bool(words) and (left is None or left.count > 0 or left.end_ms < hole.end_ms)

    def _restarted(self, rest: tuple[DecodedWord, ...]) -> tuple[DecodedWord, ...]:
        """Begin the window behind its confirmed words; the rest keep their time."""
        before_ms = self._window.start_ms
        self._counters.hole_retries += 1
        self._transcriber.restart_window()
        return tuple(word.moved(before_ms - self._window.start_ms) for word in rest)

    def _piece(
        self, hole: Hole, rest: tuple[DecodedWord, ...]
    ) -> tuple[tuple[DecodedWord, ...], tuple[DecodedWord, ...]]:
        """Decode the hole alone, or its first half; gives the rest in the window's time, and what was found."""
        before_ms, gate = self._window.start_ms, self._ear.gate
        end_ms, length_ms = hole.end_ms, hole.end_ms - hole.start_ms
        self._counters.hole_retries += 1
        if length_ms > LONG_PIECE_MS:
            middle_ms = hole.start_ms + length_ms // 2
            end_ms = gate.quietest_ms(middle_ms - length_ms // 4, middle_ms + length_ms // 4) or middle_ms
        start_ms = hole.start_ms if hole.start_ms > before_ms else before_ms + SHIFT_MS
        self._transcriber.leave(len(self._window.said))
        self._transcriber.prompt.mute()
        self._transcriber.start_window(start_ms)
        found = self._transcriber.last(end_ms, end_ms)
        return tuple(word.moved(before_ms - start_ms) for word in rest), found

    def _confirm(self, words: tuple[DecodedWord, ...]) -> list[Event]:
        confirmed = self._window.confirm(words, self._ear.at_ms)
        return [Confirmed(confirmed)] if confirmed else []
