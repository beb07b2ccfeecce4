"""What is spoken in a rehearsal, and how its words are counted: noise for the scripted recogniser, or talks with known words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from asr import runtime
from ops.faults.speech import RealSpeech, missing_words, repeated_words, sample_talk
from ops.measure.normalise import words_of
from ops.measure.soak import PAUSE_S, repeated
from ops.measure.talk import Talk, load_talk
from ops.rehearsal.hosts import Noise, Sound, Spoke, Spoken
from ops.rehearsal.score import PEN_EDGE_MS, CountWords, Heard, Words, scripted

BLOB_S = 0.25  # a browser's recorder hands over so much at once


@dataclass(frozen=True, slots=True)
class StageSound:
    """Sounds by language, how to count the words of what a host spoke, and what the stack needs for it."""

    by_language: Mapping[str, Sound]
    count_words: Callable[[Spoke], CountWords]
    environment: Mapping[str, str]


def noise(seconds: float, *, speed: float) -> StageSound:
    """For the scripted recogniser: blobs come as often as from a browser, with `speed` times the sound."""
    sound = Noise(seconds, blob_ms=round(BLOB_S * 1000 * speed))
    return StageSound({"en": sound}, lambda spoke: scripted, {})


def speech(folder: Path, seconds: float) -> StageSound:
    """For the real one: talk_LANG*.json of the folder, or the sample talk, again and again."""
    found = {lang: next(iter(sorted(folder.glob(f"talk_{lang}*.json"))), None) for lang in ("en", "de")}
    talks = {lang: load_talk(path) for lang, path in found.items() if path is not None}
    talks.setdefault("en", sample_talk())
    talks = {lang: repeated(talk, seconds + talk.seconds + PAUSE_S) for lang, talk in talks.items()}

    def count_words(spoke: Spoke) -> CountWords:
        talk = talks.get(spoke.talk.language) or talks["en"]
        return lambda heard: recognised(talk, spoke.stretches, heard)

    sounds = {lang: Spoken(RealSpeech(talk)) for lang, talk in talks.items()}
    environment = {"ASR_RECOGNISER": "whisper", "ASR_MODEL_DIR": str(runtime.model_folder())}
    return StageSound(sounds, count_words, environment)


def recognised(talk: Talk, stretches: list[tuple[int, int]], heard: Heard) -> Words:
    """The recogniser's own errors are no losses: what counts is a stretch of more than three words without text."""
    reference: list[str] = []
    before_ms = 0
    for start_ms, end_ms in stretches:
        typed = [
            (begin - before_ms + start_ms - PEN_EDGE_MS, end - before_ms + start_ms + PEN_EDGE_MS)
            for begin, end in heard.typed_ms
        ]
        for word in talk.words:
            by_a_person = any(begin <= word.start_ms <= end for begin, end in typed)
            if start_ms <= word.start_ms and word.end_ms <= end_ms and not by_a_person:
                reference += words_of(word.text)
        before_ms += end_ms - start_ms
    hypothesis = words_of(" ".join(row.text for row in heard.stored if not row.typed))
    doubled = max(0, repeated_words(hypothesis) - repeated_words(reference))
    return Words(len(reference), missing_words(reference, hypothesis) if reference else 0, doubled)
