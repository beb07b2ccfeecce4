"""A new generation at every sentence boundary of a talk: what does it lose or double against an uninterrupted run?

No database and no stack: the real recogniser under the captioner that a session gets. Time is simulated, so that a
run is reproducible: audio comes in blobs, and every decode takes the same time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

import jiwer
from rich.console import Console
from rich.table import Table

from asr.audio.samples import SAMPLES_PER_MS
from asr.caption.captioner import Captioner, CaptionEvent, SentenceEnded, SentenceReady
from asr.recognise.counters import Counters
from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import Recogniser
from asr.recognise.streaming import StreamingRecogniser
from asr.recognise.whisper import Whisper
from ops.faults.races import Output
from ops.measure.normalise import words_of
from ops.measure.talk import Talk, load_talk

WAITING_S = (0, 10, 30)
LIVE_S = 12  # so much audio comes live behind what waits
BLOB_MS = 100
DECODE_MS = 300
STRETCH_WORDS = 3  # more missing words than these in a row are a lost stretch
SHOWN_COUNTERS = ("forced_cuts", "restarts", "hole_retries", "unexplained", "no_speech_dropped")
OPEN_MS = 2000  # the end of the audio is cut anywhere: its last words are not compared


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where a new generation may have to resume, and the sentences that are stored by then."""

    committed_ms: int
    sentences: tuple[str, ...]
    unfinished: str = ""  # the pieces of a sentence that goes on there


@dataclass(frozen=True, slots=True)
class ResumeRow:
    """The result of one: reference words in stretches over 3 that only the uninterrupted run has."""

    talk: str
    committed_ms: int
    waiting_s: int
    missing: int
    longest: int
    doubled: int
    counters: dict[str, float]
    text: str


def make_captioner(
    model: Whisper, options: EngineOptions, counters: Counters, boundary: Boundary | None = None
) -> Captioner:
    """The captioner of a session, from its beginning or resumed at a boundary."""

    def make(start_ms: int) -> Recogniser:
        return StreamingRecogniser(model, options, start_ms, counters=counters)

    if boundary is None:
        return Captioner(make, options)
    text = boundary.sentences[-1]
    return Captioner(
        make, options, boundary.committed_ms, line=1, committed_text=text, unfinished=boundary.unfinished
    )


def play(captioner: Captioner, talk: Talk, *, waiting_until_ms: int, until_ms: int) -> Iterator[CaptionEvent]:
    """Feed the waiting audio at once, from where the captioner begins, the rest live; yield its events.

    Where nothing comes live, the host has left: the captioner is flushed at once.
    """
    sent_ms, now_ms = captioner.heard_ms, waiting_until_ms
    while waiting_until_ms < until_ms:
        due_ms = until_ms if now_ms >= until_ms else now_ms // BLOB_MS * BLOB_MS
        if due_ms > sent_ms:
            captioner.feed(sent_ms, talk.samples[sent_ms * SAMPLES_PER_MS : due_ms * SAMPLES_PER_MS])
            sent_ms = due_ms
        events = captioner.poll()
        yield from events
        if not events and sent_ms >= until_ms:
            break
        now_ms += DECODE_MS if events else BLOB_MS
    captioner.feed(sent_ms, talk.samples[sent_ms * SAMPLES_PER_MS : until_ms * SAMPLES_PER_MS])
    yield from captioner.flush()


def uninterrupted(model: Whisper, talk: Talk) -> list[Boundary]:
    """The whole talk; the last boundary holds all of its sentences."""
    options = EngineOptions(language=talk.language)
    captioner = make_captioner(model, options, Counters())
    boundaries: list[Boundary] = []
    sentences: tuple[str, ...] = ()
    unfinished = ""
    for event in play(captioner, talk, waiting_until_ms=0, until_ms=_end_ms(talk)):
        if isinstance(event, SentenceReady):
            sentences = (*sentences, event.text)
            unfinished = "" if event.ends else f"{unfinished} {event.text}".strip()
            boundaries.append(Boundary(captioner.committed_ms, sentences, unfinished))
        elif isinstance(event, SentenceEnded):
            unfinished = ""
            boundaries[-1] = replace(boundaries[-1], unfinished="")
    latest = {boundary.committed_ms: boundary for boundary in boundaries}
    return list(latest.values())


def resumed(
    model: Whisper,
    talk: Talk,
    boundary: Boundary,
    waiting_s: int,
    whole: Sequence[str],
    *,
    live_s: int = LIVE_S,
    title: str = "",
) -> ResumeRow:
    """A process that resumes at a boundary with audio waiting, against the sentences of the whole talk."""
    counters = Counters()
    options = EngineOptions(language=talk.language, title=title)
    captioner = make_captioner(model, options, counters, boundary)
    waiting_until_ms = min(_end_ms(talk), boundary.committed_ms + waiting_s * 1000)
    until_ms = min(_end_ms(talk), waiting_until_ms + live_s * 1000)
    events = play(captioner, talk, waiting_until_ms=waiting_until_ms, until_ms=until_ms)
    texts = [event.text for event in events if isinstance(event, SentenceReady)]
    stretches = lost_stretches(talk, whole, [*boundary.sentences, *texts], until_ms)
    return ResumeRow(
        talk.name,
        boundary.committed_ms,
        waiting_s,
        missing=sum(stretches),
        longest=max(stretches, default=0),
        doubled=doubled_words(boundary.sentences, texts),
        counters={name: counters.as_dict()[name] for name in SHOWN_COUNTERS},
        text=" ".join(texts),
    )


def lost_stretches(talk: Talk, whole: Sequence[str], resumed: Sequence[str], until_ms: int) -> list[int]:
    """Lengths of the stretches over 3 words of the reference that the whole text has and this one has not."""
    reference = [(part, word.end_ms) for word in talk.words for part in words_of(word.text)]
    has, lacks = _present(reference, whole), _present(reference, resumed)
    lost = [
        there and not here and end_ms < until_ms - OPEN_MS
        for there, here, (_, end_ms) in zip(has, lacks, reference, strict=True)
    ]
    lengths = [len(list(run)) for is_lost, run in groupby(lost) if is_lost]
    return [length for length in lengths if length > STRETCH_WORDS]


def doubled_words(before: Sequence[str], behind: Sequence[str]) -> int:
    """Words at the end of one text with which the next one begins again."""
    tail, head = words_of(" ".join(before)), words_of(" ".join(behind))
    return max((n for n in range(1, 13) if tail[-n:] == head[:n]), default=0)


def _present(reference: Sequence[tuple[str, int]], sentences: Sequence[str]) -> list[bool]:
    """For each word of the reference, whether a word of the text stands for it."""
    present = [False] * len(reference)
    hypothesis = words_of(" ".join(sentences))
    if not hypothesis:
        return present
    output = jiwer.process_words(" ".join(word for word, _ in reference), " ".join(hypothesis))
    for chunk in output.alignments[0]:
        if chunk.type in ("equal", "substitute"):
            present[chunk.ref_start_idx : chunk.ref_end_idx] = [True] * (
                chunk.ref_end_idx - chunk.ref_start_idx
            )
    return present


def _end_ms(talk: Talk) -> int:
    return len(talk.samples) // SAMPLES_PER_MS


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """Which boundaries of which talks are tried, and how widely the work is spread."""

    talks: tuple[Path, ...]
    model_path: Path
    every: int = 1
    processes: int = 1
    live_s: int = LIVE_S
    title: str = ""  # of the room: part of the recogniser's prompt


def all_resumed(plan: ResumePlan) -> Iterator[ResumeRow]:
    """Every boundary of the talks with every length of waiting audio, as they come."""
    pool = ProcessPoolExecutor(
        plan.processes, mp_context=get_context("spawn"), initializer=_load, initargs=(plan.model_path,)
    )
    with pool:
        runs = {pool.submit(_uninterrupted, path): path for path in plan.talks}
        resumptions = [
            pool.submit(_resumed, runs[run], boundary, waiting_s, run.result()[-1].sentences, plan)
            for run in as_completed(runs)
            for boundary in run.result()[:-1][:: plan.every]
            for waiting_s in WAITING_S
        ]
        for done in as_completed(resumptions):
            yield done.result()


def run_and_print(out: Output, plan: ResumePlan) -> list[ResumeRow]:
    """Run them; print the table and a line of JSON."""
    rows = []
    for row in all_resumed(plan):
        rows.append(row)
        out.write(f"{row.talk} {row.committed_ms} ms, {row.waiting_s} s waiting: {row.missing} missing")
    rows.sort(key=lambda row: (row.talk, row.committed_ms, row.waiting_s))
    Console(width=140).print(table(rows))
    out.write(json.dumps(summary(rows)))
    return rows


def table(rows: Sequence[ResumeRow]) -> Table:
    """The rows for a terminal."""
    shown = Table(title="A new generation at each sentence boundary")
    for heading in ("talk", "boundary, s", "waiting, s", "missing", "longest", "doubled", *SHOWN_COUNTERS):
        shown.add_column(heading.replace("_", " "))
    for row in rows:
        counts = [f"{count:.0f}" for count in row.counters.values()]
        boundary = f"{row.committed_ms / 1000:.1f}"
        figures = [str(row.waiting_s), str(row.missing), str(row.longest), str(row.doubled)]
        shown.add_row(row.talk, boundary, *figures, *counts)
    return shown


def summary(rows: Sequence[ResumeRow]) -> dict[str, object]:
    """What the last line says."""
    return {
        "seams": len(rows),
        "lossy": sum(row.missing > 0 for row in rows),
        "missing": sum(row.missing for row in rows),
        "doubled": sum(row.doubled for row in rows),
        "unexplained": sum(row.counters["unexplained"] for row in rows),
    }


_model: Whisper | None = None  # of a child process


def _load(path: Path) -> None:
    global _model
    _model = Whisper.load(path, threads=1)


def _loaded() -> Whisper:
    if _model is None:
        raise RuntimeError("_load comes first")
    return _model


def _uninterrupted(path: Path) -> list[Boundary]:
    return uninterrupted(_loaded(), load_talk(path))


def _resumed(
    path: Path, boundary: Boundary, waiting_s: int, whole: tuple[str, ...], plan: ResumePlan
) -> ResumeRow:
    talk = load_talk(path)
    return resumed(_loaded(), talk, boundary, waiting_s, whole, live_s=plan.live_s, title=plan.title)
