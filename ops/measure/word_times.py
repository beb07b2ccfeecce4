"""When the words of a reference were spoken: the times of what a recogniser heard, given to the words that stand for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import jiwer

from .normalise import words_of
from .talk import ReferenceWord, Talk

LONGEST_GUESS_MS = 1000  # a word that nobody heard is not taken for longer


@dataclass(frozen=True)
class _Part:
    """A word without punctuation, and which word of the reference it belongs to."""

    text: str
    token: int


def with_word_times(talk: Talk, heard: Sequence[ReferenceWord]) -> Talk:
    """The talk with its reference's words timed by `heard`, words with their times in order; raises ValueError if nothing fits.

    A word that is equal to a heard one, or that it was misheard as, has its time; the others share the time between their neighbours.
    """
    tokens = [token for token in talk.reference.split() if words_of(token)]
    times = _heard_times(tokens, heard)
    if not times:
        raise ValueError(f"Nothing of the reference of {talk.name} was heard")
    words = list[ReferenceWord]()
    length_ms = round(talk.seconds * 1000)
    for known, run in groupby(range(len(tokens)), key=lambda index: index in times):
        indices = list(run)
        if known:
            words += [ReferenceWord(tokens[index], *times[index]) for index in indices]
            continue
        until_ms = times[indices[-1] + 1][0] if indices[-1] + 1 in times else length_ms
        words += _guessed([tokens[index] for index in indices], words[-1].end_ms if words else 0, until_ms)
    return replace(talk, words=tuple(words))


def timed(talk: Talk, weights: Path, *, device: str, compute_type: str, threads: int) -> Talk:
    """The talk with word times: its own, or those that the model finds."""
    if talk.words:
        return talk
    heard = heard_words(talk, weights, device=device, compute_type=compute_type, threads=threads)
    return with_word_times(talk, heard)


def heard_words(
    talk: Talk, weights: Path, *, device: str, compute_type: str, threads: int
) -> list[ReferenceWord]:
    """What offline faster-whisper hears, with the times of its cross-attention; the same at every call."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(weights), device=device, compute_type=compute_type, cpu_threads=threads)
    segments, _ = model.transcribe(
        talk.samples, language=talk.language, beam_size=5, word_timestamps=True, temperature=0.0
    )
    return [
        ReferenceWord(word.word, round(word.start * 1000), round(word.end * 1000))
        for segment in segments
        for word in segment.words or ()
    ]


def _heard_times(tokens: Sequence[str], heard: Sequence[ReferenceWord]) -> dict[int, tuple[int, int]]:
    """Start and end of each word of the reference that stands for a heard one; they never run backwards."""
    spoken = [_Part(part, index) for index, token in enumerate(tokens) for part in words_of(token)]
    sounds = [_Part(part, index) for index, word in enumerate(heard) for part in words_of(word.text)]
    if not spoken or not sounds:
        return {}
    output = jiwer.process_words(
        " ".join(part.text for part in spoken), " ".join(part.text for part in sounds)
    )
    times = dict[int, tuple[int, int]]()
    latest_ms = 0
    for chunk in output.alignments[0]:
        if chunk.type not in ("equal", "substitute"):
            continue
        for offset in range(chunk.ref_end_idx - chunk.ref_start_idx):
            token = spoken[chunk.ref_start_idx + offset].token
            word = heard[sounds[chunk.hyp_start_idx + offset].token]
            start_ms = times[token][0] if token in times else max(latest_ms, word.start_ms)
            latest_ms = max(latest_ms, start_ms, word.end_ms)
            times[token] = (start_ms, latest_ms)
    return times


def _guessed(tokens: Sequence[str], from_ms: int, until_ms: int) -> list[ReferenceWord]:
    """Words that nobody heard, between two times, as long as their letters are many."""
    until_ms = min(max(from_ms, until_ms), from_ms + LONGEST_GUESS_MS * len(tokens))
    letters, result, before = sum(map(len, tokens)), list[ReferenceWord](), 0
    for token in tokens:
        start_ms = from_ms + (until_ms - from_ms) * before // letters
        before += len(token)
        result.append(ReferenceWord(token, start_ms, from_ms + (until_ms - from_ms) * before // letters))
    return result
