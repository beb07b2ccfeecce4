"""The sample talk: eleven seconds of President Kennedy's inaugural address, in the public domain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """The file, its reference, and when its first word ends (seconds)."""

    path: Path
    language: str
    reference: str
    first_word_end_s: float


SAMPLE = Sample(
    path=Path(__file__).parent / "data" / "jfk.wav",
    language="en",
    reference="And so, my fellow Americans, ask not what your country can do for you, "
    "ask what you can do for your country.",
    first_word_end_s=0.66,
)
