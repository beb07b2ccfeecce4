"""Commits the end of a stretch; deletions are decoded again first, from elsewhere, in short pieces."""

from __future__ import annotations

from .counters import Counters
from .deletions import TRAILING_DELETION_MS, Deletion, first_deletion
from .front_end import VadFrontEnd
from .recogniser import Committed, Event, Unexplained
from .transcriber import Transcriber
from .whisper import DecodedWord
from .window import DecodeWindow

MAX_RETRIES = 3  # further decodes of one stretch
BLOCKED_END_MS = 600  # this much behind the committed words without another: the prefix blocks the decoder
MAX_PIECE_MS = 6000  # longer pieces are halved at their quietest place
SHIFT_MS = 100  # a retry that would start where the last decode did starts this much later


class Finaliser:
    """Commits the last words of a stretch, and retries its deletions."""

    def __init__(
        self, transcriber: Transcriber, front_end: VadFrontEnd, window: DecodeWindow, counters: Counters
    ) -> None:
        self._transcriber = transcriber
        self._front_end = front_end
        self._window = window
        self._counters = counters

    def finalise(self, words: tuple[DecodedWord, ...], end_ms: int, speech_end_ms: int) -> list[Event]:
        """Commit the words of the last decode up to `end_ms`; deletions are decoded again."""
        events: list[Event] = []
        retries, checked_ms = MAX_RETRIES, self._window.last_ms
        while deletion := self._deletion(words, checked_ms, speech_end_ms):
            skipped = deletion.count < len(words) or deletion.speech_ms >= TRAILING_DELETION_MS
            events += self._commit(words[: deletion.count])
            rest = words[deletion.count :]
            found: tuple[DecodedWord, ...] = ()
            if retries and self._window.committed:
                retries -= 1
                rest = self._restarted(rest)
                found = self._transcriber.decode_words(end_ms, speech_end_ms)
                if self._fills(found, deletion, speech_end_ms):
                    words = found
                    continue
            if retries and skipped:
                retries -= 1
                rest, found = self._piece(deletion, rest)
                if found:
                    words = (*found, *rest)
                    continue
            if skipped:
                self._counters.unexplained += 1
                self._counters.unexplained_speech_s += deletion.speech_ms / 1000
                events.append(Unexplained(deletion.start_ms))
            checked_ms, words = deletion.end_ms, rest
        return [*events, *self._commit(words)]

    def _deletion(self, words: tuple[DecodedWord, ...], from_ms: int, speech_end_ms: int) -> Deletion | None:
        """The first deletion, also one behind the last word."""
        gate, window = self._front_end.gate, self._window
        last_ms = max(window.last_ms, from_ms)
        deletion = first_deletion(words, gate, window_ms=window.start_ms, from_ms=last_ms)
        if deletion is not None:
            return deletion
        if words:
            last_ms = max(last_ms, window.start_ms + max(word.end_ms for word in words))
        speech_ms = gate.speech_between_ms(last_ms, speech_end_ms)
        blocked = bool(window.committed) and not words and speech_end_ms - last_ms >= BLOCKED_END_MS
        if speech_ms >= TRAILING_DELETION_MS or blocked:
            return Deletion(len(words), last_ms, speech_end_ms, speech_ms)
        return None

    def _fills(self, words: tuple[DecodedWord, ...], deletion: Deletion, speech_end_ms: int) -> bool:
        """Do the words of a retry begin in the deletion?"""
        left = self._deletion(words, self._window.last_ms, speech_end_ms)
        return bool(words) and (left is None or left.count > 0 or left.end_ms < deletion.end_ms)

    def _restarted(self, rest: tuple[DecodedWord, ...]) -> tuple[DecodedWord, ...]:
        """Restart the window behind its committed words; the rest keep their time."""
        before_ms = self._window.start_ms
        self._counters.hole_retries += 1
        self._transcriber.restart_window()
        return tuple(word.moved(before_ms - self._window.start_ms) for word in rest)

    def _piece(
        self, deletion: Deletion, rest: tuple[DecodedWord, ...]
    ) -> tuple[tuple[DecodedWord, ...], tuple[DecodedWord, ...]]:
        """Decode the deletion alone, or its first half; returns the rest in the window's time, and the words found."""
        before_ms, gate = self._window.start_ms, self._front_end.gate
        end_ms, length_ms = deletion.end_ms, deletion.end_ms - deletion.start_ms
        self._counters.hole_retries += 1
        if length_ms > MAX_PIECE_MS:
            middle_ms = deletion.start_ms + length_ms // 2
            end_ms = gate.quietest_ms(middle_ms - length_ms // 4, middle_ms + length_ms // 4) or middle_ms
        start_ms = deletion.start_ms if deletion.start_ms > before_ms else before_ms + SHIFT_MS
        self._transcriber.evict(len(self._window.committed))
        self._transcriber.prompt.suppress_recent()
        self._transcriber.start_window(start_ms)
        found = self._transcriber.decode_words(end_ms, end_ms)
        return tuple(word.moved(before_ms - start_ms) for word in rest), found

    def _commit(self, words: tuple[DecodedWord, ...]) -> list[Event]:
        committed = self._window.commit(words, self._front_end.at_ms)
        return [Committed(committed)] if committed else []
