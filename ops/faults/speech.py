"""What is spoken while a fault is injected, and a comparison of the texts: what was lost or doubled.

Two kinds. `ScriptedSpeech` is noise for the scripted recogniser, where every half second of sound is a word that its
time alone decides: one lost or doubled word shows. `RealSpeech` is a talk with known words for the real recogniser,
which makes mistakes of its own: there a loss is a stretch of more than three words of the reference without any text.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import jiwer
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from asr.audio.recorder import Blob, record
from asr.audio.samples import SAMPLE_RATE_HZ, Samples
from asr.sample import SAMPLE
from ops.measure.normalise import words_of
from ops.measure.talk import ReferenceWord, Talk, load_talk, read_audio

OPUS_RATE_HZ = 48_000
STRETCH_WORDS = 3  # a recogniser may miss this many words in a row by itself
LONGEST_REPEAT_WORDS = 12
EDGE_MS = 500  # a word this close to audio that was not sent cannot be expected
WORD = re.compile(r"s(\d{4})w(\d)", re.IGNORECASE)
WORDS_PER_SENTENCE, WORD_MS = 4, 500


@dataclass(frozen=True, slots=True)
class Unsent:
    """Audio that the host never sent, on the talk's timeline; `new_recorder`: its time does not count either."""

    start_ms: int
    end_ms: int
    new_recorder: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Words: `lost` and `doubled` in what is stored, `missing` of the reference in stretches over STRETCH_WORDS."""

    lost: int
    doubled: int
    missing: int


class Speech(Protocol):
    """A talk for a host to stream, and the comparison with its transcript."""

    language: str
    speed: float
    seconds: float
    break_after_s: float

    def blobs(self, start_ms: int = 0) -> Sequence[Blob]:
        """What a recorder that is started at `start_ms` of the talk hands over; its times count from there."""

    def compare(self, stored: str, unsent: Unsent | None = None) -> Comparison:
        """Compare a transcript with the reference."""

    def complete(self, text: str, unsent: Unsent | None = None) -> bool:
        """Whether nothing more can be expected."""


class ScriptedSpeech:
    """Noise, at twice the speed of speech."""

    language = "en"
    speed = 2.0

    def __init__(self, seconds: float = 24.0, break_after_s: float = 10.0) -> None:
        self.seconds = seconds
        self.break_after_s = break_after_s

    def blobs(self, start_ms: int = 0) -> Sequence[Blob]:
        """What a recorder hands over."""
        return sound(self.seconds - start_ms / 1000)

    def compare(self, stored: str, unsent: Unsent | None = None) -> Comparison:
        """Every expected word must be there, once."""
        words = scripted_words(stored)
        expected = self._expected(unsent)
        lost = sorted(set(expected) - set(words))
        runs = itertools.groupby(enumerate(lost), key=lambda pair: pair[1] - pair[0])
        lengths = [len(list(run)) for _, run in runs]
        return Comparison(
            lost=len(lost),
            doubled=len(words) - len(set(words)),
            missing=sum(length for length in lengths if length > STRETCH_WORDS),
        )

    def complete(self, text: str, unsent: Unsent | None = None) -> bool:
        """Whether every expected word is there."""
        return set(scripted_words(text)) >= set(self._expected(unsent))

    def _expected(self, unsent: Unsent | None) -> list[int]:
        count = int(self.seconds * 1000 / WORD_MS)
        if unsent is None:
            return list(range(count))
        if unsent.new_recorder:  # the part's time goes on where it was
            return list(range((int(self.seconds * 1000) - unsent.end_ms + unsent.start_ms) // WORD_MS))
        return [*range(unsent.start_ms // WORD_MS), *range(-(-unsent.end_ms // WORD_MS) + 1, count)]


class RealSpeech:
    """The first `seconds` of a talk with known words (all of it: 0), repeated as often as asked."""

    speed = 1.0

    def __init__(self, talk: Talk, *, seconds: float = 0.0) -> None:
        self.language = talk.language
        self.seconds = min(seconds or talk.seconds, talk.seconds)
        self.break_after_s = self.seconds * 0.4
        self._samples: Samples = talk.samples[: int(self.seconds * SAMPLE_RATE_HZ)]
        self._words = [word for word in talk.words if word.end_ms <= self.seconds * 1000]

    def blobs(self, start_ms: int = 0) -> Sequence[Blob]:
        """What a recorder hands over."""
        return list(self.recording(start_ms))

    def recording(self, start_ms: int = 0) -> Iterator[Blob]:
        """The same, each encoded when it is asked for."""
        samples = self._samples[start_ms * SAMPLE_RATE_HZ // 1000 :]
        return recording((samples * 32767).clip(-32768, 32767).astype(np.int16), SAMPLE_RATE_HZ)

    def compare(self, stored: str, unsent: Unsent | None = None) -> Comparison:
        """The recogniser's own errors are no losses (committed text that vanished is counted from what viewers read)."""
        hypothesis = words_of(stored)
        reference = self._reference(unsent)
        doubled = max(0, repeated_words(hypothesis) - repeated_words(reference))
        return Comparison(lost=0, doubled=doubled, missing=missing_words(reference, hypothesis))

    def complete(self, text: str, unsent: Unsent | None = None) -> bool:
        """Whether the last words are there, or all but a few are (the last one may be misheard)."""
        hypothesis, reference = words_of(text), self._reference(unsent)
        return len(hypothesis) >= len(reference) - 1 or hypothesis[-3:] == reference[-3:]

    def word_error_rate(self, text: str) -> float:
        """Against the reference of what was sent."""
        return float(jiwer.wer(" ".join(self._reference(None)), " ".join(words_of(text)) or "-"))

    def missing_at(self, text: str) -> list[str]:
        """Where in the talk stretches have no text, for people."""
        spoken = [(word, part) for word in self._words for part in words_of(word.text)]
        return [
            f"{words} words without text from {spoken[first][0].start_ms / 1000:.1f} to {spoken[last][0].end_ms / 1000:.1f} s"
            for first, last, words in missing_stretches([part for _, part in spoken], words_of(text))
        ]

    def _reference(self, unsent: Unsent | None) -> list[str]:
        def was_sent(start_ms: int, end_ms: int) -> bool:
            return unsent is None or end_ms < unsent.start_ms - EDGE_MS or start_ms > unsent.end_ms + EDGE_MS

        return [
            part
            for word in self._words
            if was_sent(word.start_ms, word.end_ms)
            for part in words_of(word.text)
        ]


def real_talk(path: Path) -> Talk:
    """A talk by the path of its JSON or of the audio beside it."""
    return load_talk(path.with_suffix(".json"))


def sample_talk() -> Talk:
    """The sample; its words have no times of their own and are spread evenly."""
    samples = read_audio(SAMPLE.path)
    texts = SAMPLE.reference.split()
    each_ms = len(samples) * 1000 / SAMPLE_RATE_HZ / len(texts)
    words = tuple(
        ReferenceWord(text, round(number * each_ms), round((number + 1) * each_ms))
        for number, text in enumerate(texts)
    )
    return Talk(SAMPLE.path.stem, SAMPLE.language, samples, SAMPLE.reference, words, ())


def missing_words(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Words of the reference in stretches of more than STRETCH_WORDS for which there is no text."""
    return sum(words for _, _, words in missing_stretches(reference, hypothesis))


def missing_stretches(reference: Sequence[str], hypothesis: Sequence[str]) -> list[tuple[int, int, int]]:
    """(first word, last word, words without text) of those stretches."""
    if not hypothesis:
        return [(0, len(reference) - 1, len(reference))]
    chunks = jiwer.process_words(" ".join(reference), " ".join(hypothesis)).alignments[0]
    stretches = []
    for is_equal, run in itertools.groupby(chunks, key=lambda chunk: chunk.type == "equal"):
        different = list(run)
        first, last = different[0].ref_start_idx, different[-1].ref_end_idx
        words = (last - first) - (different[-1].hyp_end_idx - different[0].hyp_start_idx)
        if not is_equal and words > STRETCH_WORDS:
            stretches.append((first, last - 1, words))
    return stretches


def repeated_words(words: Sequence[str]) -> int:
    """Words that repeat what stands directly before them ("of the of the": 2)."""
    count = at = 0
    while at < len(words):
        for length in range(LONGEST_REPEAT_WORDS, 0, -1):
            if list(words[at : at + length]) == list(words[at + length : at + 2 * length]):
                count += length
                at += length
                break
        else:
            at += 1
    return count


def scripted_words(text: str) -> list[int]:
    """Numbers of the scripted recogniser's words in a text, in order."""
    return [(int(sentence) - 1) * WORDS_PER_SENTENCE + int(word) - 1 for sentence, word in WORD.findall(text)]


@lru_cache(maxsize=4)
def sound(seconds: float, *, blob_ms: int = 250) -> Sequence[Blob]:
    """A recorder's blobs of this much noise."""
    samples = np.random.default_rng(7).normal(0, 3000, int(seconds * OPUS_RATE_HZ)).astype(np.int16)
    return recorded(samples, OPUS_RATE_HZ, blob_ms=blob_ms)


def recorded(samples: NDArray[np.int16], rate_hz: int, *, blob_ms: int = 250) -> Sequence[Blob]:
    """Mono samples as a browser's recorder would send them."""
    return list(recording(samples, rate_hz, blob_ms=blob_ms))


def recording(samples: NDArray[np.int16], rate_hz: int, *, blob_ms: int = 250) -> Iterator[Blob]:
    """The same, each encoded when it is asked for."""
    return record(_frames(samples, rate_hz), blob_ms=blob_ms)


def _frames(samples: NDArray[np.int16], rate_hz: int) -> Iterator[AudioFrame]:
    resampler = AudioResampler(format="s16", layout="mono", rate=OPUS_RATE_HZ)
    for start in range(0, len(samples), rate_hz // 10):
        frame = AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[None, start : start + rate_hz // 10]), format="s16", layout="mono"
        )
        frame.sample_rate = rate_hz
        yield from resampler.resample(frame)
