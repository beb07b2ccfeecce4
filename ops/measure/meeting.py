"""Several who speak in one process: a talk cut into turns, or all of them at once, decoded round robin as a process does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from asr.audio.samples import SAMPLE_RATE_HZ, SAMPLES_PER_MS
from asr.caption.captioner import Captioner

from .replay import BLOB_MS, Clock, Watcher, peak_rss_mb
from .score import RunFacts, committed, error_rates
from .talk import ReferenceWord, Talk

TURN_MS = 8000
GAP_MS = 150  # a turn ends in the first gap between words that is so wide


@dataclass(frozen=True)
class MeetingRow:
    """What came of a meeting; latencies in seconds from the end of a word in the audio, over all who speak."""

    speakers: int
    at_once: bool
    wer: float
    commit_p50_s: float
    commit_p95_s: float
    longest_step_s: float
    cpu_per_s: float
    peak_rss_mb: float


def taking_turns(talk: Talk, speakers: int) -> list[Talk]:
    """One after the other, a turn each; who does not speak is silent."""
    turns = _turns(talk)
    return [_part(talk, turns[number::speakers]) for number in range(speakers)]


def at_once(talk: Talk, speakers: int) -> list[Talk]:
    """Everybody says all of it, each beginning somewhere else."""
    turns = _turns(talk)
    starts = [turns[number * len(turns) // speakers][0].start_ms for number in range(speakers)]
    return [_rotated(talk, start_ms) for start_ms in starts]


def hold(
    talks: Sequence[Talk], captioners: Sequence[Captioner], clock: Clock, *, at_once: bool
) -> MeetingRow:
    """Feed all as it would come, poll each in turn, and note what a reader saw of each."""
    watchers = [Watcher() for _ in talks]
    cpu_s, longest_s, sent_ms, length_ms = time.process_time(), 0.0, 0, round(talks[0].seconds * 1000)
    while True:
        due_ms = min(length_ms, int(clock.now_s() * 1000) // BLOB_MS * BLOB_MS)
        before_s = clock.now_s()
        for talk, captioner in zip(talks, captioners, strict=True):
            captioner.feed(sent_ms, talk.samples[sent_ms * SAMPLES_PER_MS : due_ms * SAMPLES_PER_MS])
        sent_ms, active = due_ms, False
        for watcher, captioner in zip(watchers, captioners, strict=True):
            events = captioner.poll()
            watcher.add_events(events, clock.now_s())
            active |= bool(events)
        step_s = clock.now_s() - before_s
        longest_s = max(longest_s, step_s)
        if active or step_s > 0.02:
            continue
        if sent_ms >= length_ms:
            break
        clock.wait_until(min(length_ms, sent_ms + BLOB_MS) / 1000)
    for watcher, captioner in zip(watchers, captioners, strict=True):
        watcher.add_events(captioner.flush(), clock.now_s())
    spent_s = time.process_time() - cpu_s
    facts = RunFacts("", clock.now_s(), spent_s, peak_rss_mb())
    return _row(talks, watchers, facts, longest_s, at_once=at_once)


def _row(
    talks: Sequence[Talk], watchers: Sequence[Watcher], facts: RunFacts, longest_s: float, *, at_once: bool
) -> MeetingRow:
    late: list[float] = []
    errors: list[tuple[int, float]] = []
    for talk, watcher in zip(talks, watchers, strict=True):
        late += [shown_s - end_s for end_s, shown_s in committed(talk, watcher.seen)]
        if talk.words:
            text = watcher.seen[-1].final if watcher.seen else ""
            errors.append((len(talk.words), error_rates(talk, text)[0]))
    words = sum(count for count, _ in errors)
    return MeetingRow(
        speakers=len(talks),
        at_once=at_once,
        wer=sum(count * wer for count, wer in errors) / words,
        commit_p50_s=float(np.percentile(late, 50)),
        commit_p95_s=float(np.percentile(late, 95)),
        longest_step_s=longest_s,
        cpu_per_s=facts.cpu_s / talks[0].seconds,
        peak_rss_mb=facts.peak_rss_mb,
    )


def _turns(talk: Talk) -> list[tuple[ReferenceWord, ...]]:
    turns: list[tuple[ReferenceWord, ...]] = []
    turn: list[ReferenceWord] = []
    for word in talk.words:
        long = turn and turn[-1].end_ms - turn[0].start_ms >= TURN_MS
        if long and word.start_ms - turn[-1].end_ms >= GAP_MS:
            turns.append(tuple(turn))
            turn = []
        turn.append(word)
    return [*turns, tuple(turn)]


def _part(talk: Talk, turns: Sequence[tuple[ReferenceWord, ...]]) -> Talk:
    samples = np.zeros_like(talk.samples)
    for turn in turns:
        first = max(0, turn[0].start_ms - GAP_MS // 2) * SAMPLES_PER_MS
        last = (turn[-1].end_ms + GAP_MS // 2) * SAMPLES_PER_MS
        samples[first:last] = talk.samples[first:last]
    words = tuple(word for turn in turns for word in turn)
    return replace(talk, samples=samples, words=words, reference=" ".join(word.text for word in words))


def _rotated(talk: Talk, start_ms: int) -> Talk:
    length_ms = len(talk.samples) * 1000 // SAMPLE_RATE_HZ
    start_ms = max(0, start_ms - GAP_MS // 2)
    words = sorted(
        (
            ReferenceWord(
                word.text, (word.start_ms - start_ms) % length_ms, (word.end_ms - start_ms) % length_ms
            )
            for word in talk.words
        ),
        key=lambda word: word.end_ms,
    )
    samples = np.roll(talk.samples, -start_ms * SAMPLES_PER_MS)
    return replace(talk, samples=samples, words=tuple(words), reference=" ".join(word.text for word in words))
