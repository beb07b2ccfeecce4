"""What every sink offers to the process: one of a channel takes what its captioner gives out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from asr.caption.captioner import CaptionEvent
from asr.caption.speech import SpeechChanged
from asr.delay import SpokenClock


@dataclass(frozen=True, slots=True)
class Resume:
    """How far the generation before this one was: text up to `committed_ms` is written, and ends with `committed_text`.

    `unfinished`: the pieces of a sentence that goes on there. `lang`: the language it found; `speech`: what it told last
    of where speech is.
    """

    committed_ms: int = 0
    committed_text: str = ""
    lang: str = ""
    speech: SpeechChanged | None = None
    unfinished: str = ""


class Sink(Protocol):
    """Writes what one generation says in one channel. Everything that writes raises LeaseLost when another one does."""

    @property
    def delay_s(self) -> float:
        """How late text is now, seconds."""

    def resume(self) -> Resume:
        """Where to go on; asked once, before anything is written."""

    def note_backlog(self, since_s: float | None) -> None:
        """Audio that came at `since_s` is not text yet (None: nothing waits)."""

    def look(self) -> None:
        """Read what others may have changed. Each second from the heart's thread: captions wait for no answer of PostgreSQL's."""

    def wants_break(self) -> bool:
        """Whether another writer begins or ends now: the unfinished sentence is to be ended, and handled."""

    def handle(self, events: Sequence[CaptionEvent], *, committed_ms: int, clock: SpokenClock) -> int:
        """Write them, with how far the channel is. Returns when it is done, however long what it needs is away.

        Up to where a successor needs nothing: `committed_ms`, or less where something waits for another writer.
        """

    def settle(self, clock: SpokenClock) -> None:
        """Nothing more comes: what waits for another writer waits no longer."""

    def error(self, code: str, **parameters: str) -> None:
        """Something whoever speaks should know."""

    def flushed(self, token: str) -> None:
        """All that came before this `flush` is written."""

    def ended(self) -> None:
        """Who spoke here has gone, and all of it is written."""
