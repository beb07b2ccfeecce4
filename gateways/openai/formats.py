"""What was said in a file, as the vendor answers: JSON, text, subtitles. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from babel import Locale

from asr.caption.sentences import CompletedSentence
from asr.recognise.recogniser import Word
from gateways.openai.segments import logprob, logprobs, sentences
from transcripts.exports.cues import Spoken, cues
from transcripts.exports.subtitles import srt, vtt

ResponseFormat = Literal["json", "text", "srt", "vtt", "verbose_json"]
Granularity = Literal["word", "segment"]
_ENGLISH = Locale("en")


@dataclass(frozen=True, slots=True)
class Transcript:
    """All words of a file, its language, its length."""

    words: Sequence[Word]
    lang: str
    duration_s: float

    @property
    def text(self) -> str:
        """As it was said."""
        return "".join(word.text for word in self.words).strip()

    @property
    def sentences(self) -> list[CompletedSentence]:
        """With times."""
        return sentences(self.words, self.lang)


def as_json(said: Transcript, *, with_logprobs: bool = False) -> dict[str, Any]:
    """The short answer."""
    found: dict[str, Any] = {"text": said.text, "usage": _usage(said)}
    if with_logprobs:
        found["logprobs"] = [each.model_dump() for each in logprobs(said.words)]
    return found


def as_verbose_json(said: Transcript, granularities: Collection[str]) -> dict[str, Any]:
    """With times; without granularities those of segments."""
    found: dict[str, Any] = {
        "task": "transcribe",
        "language": language_name(said.lang),
        "duration": round(said.duration_s, 3),
        "text": said.text,
        "usage": _usage(said),
    }
    if "word" in granularities:
        found["words"] = [
            {"word": word.text.strip(), "start": word.start_ms / 1000, "end": word.end_ms / 1000}
            for word in said.words
        ]
    if "segment" in granularities or not granularities:
        found["segments"] = [_segment(number, each) for number, each in enumerate(said.sentences)]
    return found


def as_text(said: Transcript, kind: ResponseFormat) -> str:
    """Plain text, SubRip or WebVTT."""
    if kind == "text":
        return said.text + "\n"
    spoken = (Spoken(each.start_ms, each.end_ms, each.text) for each in said.sentences)
    return "".join((srt if kind == "srt" else vtt)(cues(spoken), lang=said.lang))


def language_name(lang: str) -> str:
    """In small English letters, as the vendor writes it; the code where nobody knows its name."""
    return str(_ENGLISH.languages.get(lang, lang)).lower()


def _usage(said: Transcript) -> dict[str, Any]:
    return {"type": "duration", "seconds": -(-int(said.duration_s * 1000) // 1000)}


def _segment(number: int, sentence: CompletedSentence) -> dict[str, Any]:
    """`tokens`, `seek` and `temperature` are the vendor's; here are none."""
    text = sentence.text.encode()
    probabilities = [logprob(word.probability) for word in sentence.words]
    return {
        "id": number,
        "seek": 0,
        "start": sentence.start_ms / 1000,
        "end": sentence.end_ms / 1000,
        "text": sentence.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": round(sum(probabilities) / len(probabilities), 6),
        "compression_ratio": round(len(text) / len(zlib.compress(text)), 6),
        "no_speech_prob": 0.0,
    }
