"""The sink of a process that reads along (asr/standby.py): nothing is written."""

from __future__ import annotations

from collections.abc import Sequence

from asr.caption.captioner import CaptionEvent
from asr.delay import SpokenClock
from asr.sinks.sink import Resume


class SilentSink:
    """See `Sink`. `committed_ms`: what was written when it began."""

    delay_s = 0.0

    def __init__(self, committed_ms: int) -> None:
        self._committed_ms = committed_ms

    def resume(self) -> Resume:
        """Nobody goes on behind it."""
        return Resume(self._committed_ms)

    def note_backlog(self, since_s: float | None) -> None:
        """The process that writes says it."""

    def look(self) -> None:
        """Nothing is written that others could change."""

    def wants_break(self) -> bool:
        """No: there is no sentence to end."""
        return False

    def handle(self, events: Sequence[CaptionEvent], *, committed_ms: int, clock: SpokenClock) -> int:
        """All audio is kept."""
        return self._committed_ms

    def settle(self, clock: SpokenClock) -> None:
        """Nothing waits."""

    def error(self, code: str, **parameters: str) -> None:
        """The process that writes says it."""

    def flushed(self, token: str) -> None:
        """The same."""

    def ended(self) -> None:
        """The same."""
