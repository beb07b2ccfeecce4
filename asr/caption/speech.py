"""Where speech begins and ends, as it is told: in turn, and nothing twice, also behind a process that died. Pure."""

from __future__ import annotations

from dataclasses import dataclass

JITTER_MS = 300  # a voice activity detector that begins in mid-speech differs by less


@dataclass(frozen=True)
class SpeechChanged:
    """Speech began at `at_ms`, before its words; or it ended there, and all of its words were given out."""

    started: bool
    at_ms: int


class SpeechFollower:
    """Which changes are told. `told`: the last one of the process before, which went on from `resume_ms`."""

    def __init__(self, told: SpeechChanged | None, *, resume_ms: int, pause_ms: int) -> None:
        self._told = told
        self._inherited = told is not None
        self._resume_ms = resume_ms
        self._silent_ms = resume_ms + pause_ms  # who is silent until here has stopped
        self._heard = False

    def begins(self, at_ms: int) -> tuple[SpeechChanged, ...]:
        """Speech was heard."""
        self._heard = True
        if self._told is None:
            return self._tell(started=True, at_ms=at_ms)
        again_ms = self._told.at_ms + (JITTER_MS if self._inherited else 0)
        if self._told.started or at_ms < again_ms:
            return ()
        return self._tell(started=True, at_ms=at_ms)

    def ends(self, at_ms: int) -> tuple[SpeechChanged, ...]:
        """A pause was heard, and all words before it are given out."""
        if self._told is None or not self._told.started or at_ms <= self._told.at_ms:
            return ()
        return self._tell(started=False, at_ms=at_ms)

    def goes_on(self, finalised_ms: int) -> tuple[SpeechChanged, ...]:
        """Everything up to here is text or silence: did speech end while nobody listened?"""
        if self._heard or self._told is None or not self._told.started or finalised_ms < self._silent_ms:
            return ()
        return self._tell(started=False, at_ms=max(self._told.at_ms, self._resume_ms))

    def _tell(self, *, started: bool, at_ms: int) -> tuple[SpeechChanged, ...]:
        self._told, self._inherited = SpeechChanged(started, at_ms), False
        return (self._told,)
