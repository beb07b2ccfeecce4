"""What readers saw and when, against the reference: one row of the table.

This is the seam for other ways to run a talk (through the whole stack, say): record `Seen` values, call `score`.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import jiwer
import numpy as np
from numpy.typing import NDArray

from .latency import Emitted, Segment, long_form_latency
from .normalise import normalised, words_of
from .quality import ends_sentence, formatted_error_rate, normalized_erasure, sentence_f1
from .talk import ReferenceWord, Talk

EDGE_MS = 200  # word times are this exact
NEAR_WORDS = 3  # a word counts as shown if it stands this close to its final place


@dataclass(frozen=True)
class Seen:
    """What a reader has before the eyes at a time (seconds since the first audio was sent): all of it.

    `final` is the whole text that is promised never to change, `shown` is `final` and what stands behind it.
    """

    at_s: float
    final: str
    shown: str


@dataclass(frozen=True)
class FinalPiece:
    """A final text and the stretch of audio that it claims. `ends` False: its sentence goes on in the next one."""

    start_ms: int
    end_ms: int
    text: str
    ends: bool = True


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run beside its text."""

    policy: str
    done_s: float  # when everything stood, seconds since the first audio was sent
    cpu_s: float
    peak_rss_mb: float
    busy_s: float = float("nan")  # how long the recogniser worked


@dataclass(frozen=True)
class Row:
    """One line of the table; latencies in seconds from the end of a word in the audio."""

    talk: str
    policy: str
    wer: float
    cer: float
    commit_mean_s: float
    commit_p50_s: float
    commit_p95_s: float
    commit_max_s: float
    commit_last_minute_p50_s: float
    seen_p50_s: float
    seen_p95_s: float
    unchanged_share: float
    invented_words: int
    final_rewrites: int
    done_after_end_s: float
    cpu_per_audio_s: float
    peak_rss_mb: float
    normalized_erasure: float
    steady_erasure: float  # of final words alone: a view that shows nothing tentative
    sentence_f1: float
    wer_formatted: float
    stream_laal_s: float  # computation-aware, as long_yaal_s (ops/measure/latency.py)
    long_yaal_s: float
    rtf: float  # real-time factor: time of work per time of audio
    offline_wer: float | None = None  # of the same talk; None where it was not run
    durable_p95_s: float | None = (
        None  # through a whole stack: until a word stands in PostgreSQL and at the viewer
    )

    def as_dict(self) -> dict[str, object]:
        """By name, floats rounded; None for what was not measured (JSON knows no NaN)."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    return value


def score(talk: Talk, seen: Sequence[Seen], pieces: Sequence[FinalPiece], facts: RunFacts) -> Row:
    """Compute the row of one run."""
    final_text = seen[-1].final if seen else ""
    finals = words_of(final_text)
    commits = _commit_times(seen, len(finals))
    firsts = _first_times(seen, finals)
    pairs = _aligned(talk.words, finals)
    commit = np.array([commits[j] - word.end_ms / 1000 for word, j in pairs] or [np.nan])
    first = np.array([firsts[j] - word.end_ms / 1000 for word, j in pairs] or [np.nan])
    late = [commits[j] - word.end_ms / 1000 for word, j in pairs if word.end_ms / 1000 > talk.seconds - 60]
    wer, cer = error_rates(talk, final_text)
    long_form = long_form_latency(segments(talk), emitted(seen))
    return Row(
        talk=talk.name,
        policy=facts.policy,
        wer=wer,
        cer=cer,
        commit_mean_s=float(commit.mean()),
        commit_p50_s=_percentile(commit, 50),
        commit_p95_s=_percentile(commit, 95),
        commit_max_s=float(commit.max()),
        commit_last_minute_p50_s=_percentile(np.array(late or [np.nan]), 50),
        seen_p50_s=_percentile(first, 50),
        seen_p95_s=_percentile(first, 95),
        unchanged_share=_unchanged_share(seen, finals),
        invented_words=_invented(talk, pieces),
        final_rewrites=rewrites(seen),
        done_after_end_s=max(0.0, facts.done_s - talk.seconds),
        cpu_per_audio_s=facts.cpu_s / talk.seconds,
        peak_rss_mb=facts.peak_rss_mb,
        normalized_erasure=normalized_erasure(moment.shown for moment in seen),
        steady_erasure=normalized_erasure(moment.final for moment in seen),
        sentence_f1=sentence_f1(talk.reference, whole_sentences(pieces)),
        wer_formatted=formatted_error_rate(talk.reference, final_text),
        stream_laal_s=long_form.stream_laal_s,
        long_yaal_s=long_form.long_yaal_s,
        rtf=facts.busy_s / talk.seconds,
    )


def segments(talk: Talk) -> list[Segment]:
    """The talk's sentences with their times; one that a known pause interrupts is two, for nobody speaks on evenly through it."""
    result, first = list[Segment](), 0
    pauses = [start for start, _ in talk.nonspeech_ms]
    for index, word in enumerate(talk.words):
        passed = {bisect_left(pauses, _middle_ms(each)) for each in talk.words[index : index + 2]}
        if ends_sentence(word.text) or len(passed) == 2 or index == len(talk.words) - 1:
            own = talk.words[first : index + 1]
            text = " ".join(each.text for each in own)
            result.append(Segment(text, own[0].start_ms / 1000, own[-1].end_ms / 1000))
            first = index + 1
    return result


def _middle_ms(word: ReferenceWord) -> int:
    return (word.start_ms + word.end_ms) // 2


def emitted(seen: Sequence[Seen]) -> list[Emitted]:
    """The words of the final text, each with the time at which so many words were final."""
    words, result = seen[-1].final.split() if seen else [], list[Emitted]()
    for moment in seen:
        ready = len(moment.final.split())
        result += [Emitted(word, moment.at_s) for word in words[len(result) : ready]]
    return result


def whole_sentences(pieces: Sequence[FinalPiece]) -> list[str]:
    """The texts, those of one sentence together."""
    sentences: list[list[str]] = []
    goes_on = False
    for piece in pieces:
        if goes_on:
            sentences[-1].append(piece.text)
        else:
            sentences.append([piece.text])
        goes_on = not piece.ends
    return [" ".join(texts) for texts in sentences]


def committed(talk: Talk, seen: Sequence[Seen]) -> list[tuple[float, float]]:
    """(end of a word in the audio, when it stood in final text), seconds, for every aligned word."""
    finals = words_of(seen[-1].final) if seen else []
    times = _commit_times(seen, len(finals))
    return [(word.end_ms / 1000, times[j]) for word, j in _aligned(talk.words, finals)]


def error_rates(talk: Talk, text: str) -> tuple[float, float]:
    """Word and character error rate of a text against the talk's reference."""
    reference, hypothesis = normalised(talk.reference, talk.language), normalised(text, talk.language)
    if not hypothesis:
        return 1.0, 1.0
    return float(jiwer.wer(reference, hypothesis)), float(jiwer.cer(reference, hypothesis))


def rewrites(seen: Sequence[Seen]) -> int:
    """How often final text was followed by final text that does not begin with it (spaces aside)."""
    count, before = 0, ""
    for moment in seen:
        now = "".join(moment.final.split())
        count += not now.startswith(before)
        before = now
    return count


def _percentile(values: NDArray[np.float64], share: float) -> float:
    return float(np.percentile(values, share))


def _aligned(reference: Sequence[ReferenceWord], finals: list[str]) -> list[tuple[ReferenceWord, int]]:
    """Reference words with the index of the final word that stands for them (equal or substituted)."""
    spoken = [(word, part) for word in reference for part in words_of(word.text)]
    if not finals or not spoken:
        return []
    output = jiwer.process_words(" ".join(part for _, part in spoken), " ".join(finals))
    pairs = []
    for chunk in output.alignments[0]:
        if chunk.type in ("equal", "substitute"):
            for offset in range(chunk.ref_end_idx - chunk.ref_start_idx):
                pairs.append((spoken[chunk.ref_start_idx + offset][0], chunk.hyp_start_idx + offset))
    return pairs


def _commit_times(seen: Sequence[Seen], count: int) -> list[float]:
    """For each final word, when it first stood in final text."""
    times: list[float] = []
    for moment in seen:
        ready = len(words_of(moment.final))
        times.extend([moment.at_s] * (min(ready, count) - len(times)))
    times.extend([seen[-1].at_s] * (count - len(times)) if seen else [])
    return times


def _first_times(seen: Sequence[Seen], finals: list[str]) -> list[float]:
    """For each final word, when it was first shown at about its place."""
    times: list[float | None] = [None] * len(finals)
    open_from = 0
    for moment in seen:
        shown = words_of(moment.shown)
        for index in range(open_from, min(len(finals), len(shown) + NEAR_WORDS)):
            near = shown[max(0, index - NEAR_WORDS) : index + NEAR_WORDS + 1]
            if times[index] is None and finals[index] in near:
                times[index] = moment.at_s
        while open_from < len(times) and times[open_from] is not None:
            open_from += 1
    last = seen[-1].at_s if seen else 0.0
    return [last if at is None else at for at in times]


def _unchanged_share(seen: Sequence[Seen], finals: list[str]) -> float:
    """Share of final words that stood at their place, unchanged, from when a word first stood there."""
    changed = [False] * len(finals)
    for moment in seen:
        stable = max(0, len(words_of(moment.final)) - NEAR_WORDS)
        shown = words_of(moment.shown)
        for index in range(stable, min(len(finals), len(shown))):
            changed[index] = changed[index] or shown[index] != finals[index]
    return 1.0 - sum(changed) / len(finals) if finals else 1.0


def _invented(talk: Talk, pieces: Sequence[FinalPiece]) -> int:
    """Words of pieces that lie wholly in a stretch without speech."""
    count = 0
    for piece in pieces:
        for start_ms, end_ms in talk.nonspeech_ms:
            if piece.start_ms >= start_ms - EDGE_MS and piece.end_ms <= end_ms + EDGE_MS:
                count += len(words_of(piece.text))
    return count
