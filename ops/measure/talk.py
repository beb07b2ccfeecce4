"""A talk with what is known about it: audio, reference text, word times, stretches without speech."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from asr.audio.samples import SAMPLE_RATE_HZ, SAMPLES_PER_MS, Samples


@dataclass(frozen=True)
class ReferenceWord:
    """A word that was spoken, with its time."""

    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Talk:
    """One talk; `nonspeech_ms` are stretches without speech."""

    name: str
    language: str
    samples: Samples
    reference: str
    words: tuple[ReferenceWord, ...]
    nonspeech_ms: tuple[tuple[int, int], ...]

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.samples) / SAMPLE_RATE_HZ


def load_talk(path: Path) -> Talk:
    """Read `NAME.json` and the audio `NAME.flac` (or .wav, .ogg) beside it."""
    facts = json.loads(path.read_text())
    audio = next(path.with_suffix(end) for end in (".flac", ".wav", ".ogg") if path.with_suffix(end).exists())
    words = tuple(
        ReferenceWord(word["w"], round(word["start"] * 1000), round(word["end"] * 1000))
        for word in facts["words"]
    )
    return Talk(
        facts["name"],
        facts["language"],
        read_audio(audio),
        facts["reference"],
        words,
        tuple(_stretch(stretch) for stretch in facts.get("nonspeech", [])),
    )


def cut(talk: Talk, seconds: float) -> Talk:
    """Its first seconds, up to the end of a word."""
    words = tuple(word for word in talk.words if word.end_ms <= seconds * 1000)
    until_ms = words[-1].end_ms if words else round(seconds * 1000)
    nonspeech_ms = tuple(stretch for stretch in talk.nonspeech_ms if stretch[1] <= until_ms)
    return Talk(
        talk.name,
        talk.language,
        talk.samples[: until_ms * SAMPLES_PER_MS],
        " ".join(word.text for word in words),
        words,
        nonspeech_ms,
    )


def read_audio(path: Path) -> Samples:
    """Decode a whole file to mono float32 at 16 kHz."""
    resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE_HZ)
    pieces: list[Samples] = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            pieces.extend(piece.to_ndarray()[0] for piece in resampler.resample(frame))
    pieces.extend(piece.to_ndarray()[0] for piece in resampler.resample(None))
    return np.concatenate(pieces).astype(np.float32)


def _stretch(stretch: dict[str, float] | list[float]) -> tuple[int, int]:
    start, end = (stretch["start"], stretch["end"]) if isinstance(stretch, dict) else stretch[:2]
    return round(start * 1000), round(end * 1000)
