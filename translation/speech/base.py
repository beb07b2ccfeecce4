"""The protocol of speech engines, what they give, and the one error they raise. No Django here and in the engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]  # mono, -1 to 1
LONGEST_CHARS = 600  # of a sentence that is spoken
LONGEST_S = 60.0


class SpeechError(Exception):
    """An engine gave no speech; `code` is a word: failed, timeout, no_voice, too_long."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Sound:
    """What was spoken."""

    samples: Samples
    rate_hz: int

    @property
    def ms(self) -> int:
        """How long it is."""
        return len(self.samples) * 1000 // self.rate_hz


class SpeechEngine(Protocol):
    """Speaks one text at a time; used by one thread. Constructing one raises SpeechError where it is not installed."""

    name: str

    def langs(self) -> frozenset[str]:
        """The languages it has voices for; two letters each."""
        ...

    def speak(self, text: str, lang: str) -> Sound:
        """Raises SpeechError."""
        ...


def primary(lang: str) -> str:
    """`pt` of `pt-BR`: a voice speaks all of a language."""
    return lang.replace("_", "-").partition("-")[0].lower()
