"""Plays a talk to the engine: in real time, or against a virtual clock.

The virtual clock advances with the audio and with the CPU time that each poll takes, so that a talk is simulated in
its compute time alone; it is exact where the model runs on one thread.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from asr.audio.samples import SAMPLE_RATE_HZ, SAMPLES_PER_MS, Samples
from asr.caption.captioner import Captioner, CaptionEvent, Notice, SentenceEnded, SentenceReady
from asr.caption.partial import PartialText
from asr.recognise.counters import Counters

from .score import FinalPiece, RunFacts, Seen
from .talk import Talk

BLOB_MS = 100  # audio comes in pieces of this length


class Clock(Protocol):
    """Time as a run sees it."""

    def now_s(self) -> float:
        """Seconds since the run began."""

    def wait_until(self, at_s: float) -> None:
        """Let time pass."""


class RealClock:
    """Time as it is."""

    def __init__(self) -> None:
        self._start_s = time.monotonic()

    def now_s(self) -> float:
        """Seconds since the clock was made."""
        return time.monotonic() - self._start_s

    def wait_until(self, at_s: float) -> None:
        """Sleep."""
        time.sleep(max(0.0, at_s - self.now_s()))


class VirtualClock:
    """CPU time of this process, plus all waiting that was skipped."""

    def __init__(self) -> None:
        self._skipped_s = -time.process_time()

    def now_s(self) -> float:
        """CPU seconds since the clock was made, plus what was skipped."""
        return time.process_time() + self._skipped_s

    def wait_until(self, at_s: float) -> None:
        """Skip."""
        self._skipped_s += max(0.0, at_s - self.now_s())


class CountedClock:
    """Each decode takes the same time, so that a run is the same on every machine; plus all waiting that was skipped."""

    def __init__(self, counters: Counters, decode_s: float) -> None:
        self._counters = counters
        self._decode_s = decode_s
        self._skipped_s = 0.0

    def now_s(self) -> float:
        """Seconds of the decodes until now, plus what was skipped."""
        return self._counters.decodes * self._decode_s + self._skipped_s

    def wait_until(self, at_s: float) -> None:
        """Skip."""
        self._skipped_s += max(0.0, at_s - self.now_s())


@dataclass(frozen=True)
class Run:
    """What came of a run."""

    seen: tuple[Seen, ...]
    pieces: tuple[FinalPiece, ...]
    facts: RunFacts
    notices: tuple[str, ...]


class Watcher:
    """Keeps what a reader has seen, from the captioner's events."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.pieces: list[FinalPiece] = []
        self.notices: list[str] = []
        self._sentences: list[str] = []
        self._partial = PartialText(0, "")

    def add_events(self, events: list[CaptionEvent], at_s: float) -> None:
        """Record what changed at a time."""
        for event in events:
            if isinstance(event, SentenceReady):
                self._sentences.append(event.text)
                self.pieces.append(FinalPiece(event.start_ms, event.end_ms, event.text, event.ends))
                self._partial = PartialText(event.end_ms, "")
            elif isinstance(event, SentenceEnded):
                self.pieces[-1] = replace(self.pieces[-1], ends=True)
            elif isinstance(event, PartialText):
                self._partial = event
            elif isinstance(event, Notice):
                self.notices.append(event.code)
        if events:
            done = " ".join(self._sentences)
            partial = self._partial
            final = f"{done} {partial.text[: partial.confirmed_chars]}".strip()
            self.seen.append(Seen(at_s, final, f"{done} {partial.text}".strip()))


OnProgress = Callable[[float, float], None]  # (seconds of audio sent, seconds that the text is behind)


def replay(
    talk: Talk, captioner: Captioner, *, policy: str, clock: Clock, progress: OnProgress | None = None
) -> Run:
    """Feed a talk as it would come from a microphone, poll in between, and note what a reader saw."""
    watcher = Watcher()
    cpu_s = time.process_time()
    sent, busy_s = 0, 0.0
    while True:
        sent = _send(talk.samples, sent, captioner, clock.now_s())
        before_s = clock.now_s()
        events = captioner.poll()
        busy_s += clock.now_s() - before_s
        watcher.add_events(events, clock.now_s())
        if progress is not None and events:
            progress(sent / SAMPLE_RATE_HZ, (captioner.heard_ms - captioner.committed_ms) / 1000)
        if events or clock.now_s() - before_s > 0.02:
            continue
        if sent >= len(talk.samples):
            break
        clock.wait_until(min(talk.seconds, (sent + BLOB_MS * SAMPLES_PER_MS) / SAMPLE_RATE_HZ))
    before_s = clock.now_s()
    watcher.add_events(captioner.flush(), clock.now_s())
    busy_s += clock.now_s() - before_s
    facts = RunFacts(policy, clock.now_s(), time.process_time() - cpu_s, peak_rss_mb(), busy_s)
    return Run(tuple(watcher.seen), tuple(watcher.pieces), facts, tuple(watcher.notices))


def _send(samples: Samples, sent: int, captioner: Captioner, now_s: float) -> int:
    """Feed the whole blobs that are due; return how many samples were sent in all."""
    blob = BLOB_MS * SAMPLES_PER_MS
    due = min(len(samples), int(now_s * SAMPLE_RATE_HZ + 0.5))
    due = due if due == len(samples) else due // blob * blob
    if due > sent:
        captioner.feed(sent // SAMPLES_PER_MS, samples[sent:due])
        return due
    return sent


def peak_rss_mb() -> float:
    """Most memory that this process held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
