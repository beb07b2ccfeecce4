"""The protocol of recognisers, and the values in it.

All times are milliseconds since the part's first sample; audio is mono float32 at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from asr.audio.samples import Samples


@dataclass(frozen=True)
class Word:
    """One recognised word; `text` carries its leading space, so that texts concatenate.

    `attended_ms`: the latest place in the audio that decides about it, for the policy that asks.
    """

    start_ms: int
    end_ms: int
    text: str
    probability: float
    attended_ms: int | None = None

    def not_before(self, at_ms: int) -> Word:
        """The same word, its times clipped."""
        return replace(self, start_ms=max(at_ms, self.start_ms), end_ms=max(at_ms, self.end_ms))


@dataclass(frozen=True)
class Committed:
    """Words that are final: never repeated and never changed."""

    words: tuple[Word, ...]


@dataclass(frozen=True)
class Hypothesis:
    """The tentative words behind the committed ones; replaces the previous hypothesis."""

    words: tuple[Word, ...]


@dataclass(frozen=True)
class UtteranceBegin:
    """Speech begins: its words come behind this."""

    start_ms: int


@dataclass(frozen=True)
class UtteranceEnd:
    """A pause: everything spoken before `end_ms` is committed or dropped."""

    end_ms: int


@dataclass(frozen=True)
class Reset:
    """The recogniser gave up on audio before `at_ms` (reason: a word of a fixed vocabulary)."""

    reason: str
    at_ms: int


@dataclass(frozen=True)
class Unexplained:
    """Seconds of speech at `at_ms` for which no retry found words."""

    at_ms: int


@dataclass(frozen=True)
class LanguageFound:
    """The language of what is spoken, where it was not known; before the first words."""

    code: str


Event = Committed | Hypothesis | UtteranceBegin | UtteranceEnd | Reset | Unexplained | LanguageFound


class Recogniser(Protocol):
    """Turns consecutive audio into events; one instance serves one stream of one room."""

    @property
    def heard_ms(self) -> int:
        """End of the audio that was fed."""

    @property
    def finalised_ms(self) -> int:
        """Everything before this is committed or known to hold no speech."""

    def feed(self, samples: Samples) -> None:
        """Take consecutive audio; greedy, never decodes."""

    def poll(self) -> list[Event]:
        """Do at most one unit of work (one VAD pass, at most one decode); [] when there is nothing to do."""

    def flush_steps(self) -> Iterator[list[Event]]:
        """Commit all audio fed so far, one unit of work (as of `poll`) per step; more audio may follow."""

    def flush(self) -> list[Event]:
        """All of `flush_steps` at once."""


MakeRecogniser = Callable[[int], Recogniser]
