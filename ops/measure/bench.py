"""Runs of talks under different options, and the table of what came of them."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from rich.table import Table

from asr.caption.captioner import Captioner
from asr.recognise.counters import Counters
from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import Recogniser
from asr.recognise.streaming import StreamingRecogniser
from asr.recognise.whisper import Whisper

from .quality import formatted_error_rate
from .replay import CountedClock, RealClock, Run, VirtualClock, peak_rss_mb, replay
from .score import Row, RunFacts, error_rates, score
from .talk import Talk

# What is left when a part of the engine is taken away.
WITHOUT: dict[str, Callable[[EngineOptions], EngineOptions]] = {
    "vad": lambda options: replace(options, vac=False),
    "alignment": lambda options: replace(options, confidence_validation=False),
    "prompt": lambda options: replace(options, prompt=False),
    "lexicon": lambda options: replace(options, lexicon=False),
    "trimming": lambda options: replace(options, buffer_trimming_s=28.0),
    "second-look": lambda options: replace(options, final_pass=False),
    "live-beam": lambda options: replace(options, live_beam_size=1),
    "doubt": lambda options: replace(options, doubt_probability=0.0),
    "short-windows": lambda options: replace(options, window_s=30.0),
}
COLUMNS = {
    "talk": "talk",
    "policy": "policy",
    "wer": "WER",
    "cer": "CER",
    "commit_mean_s": "commit mean",
    "commit_p50_s": "p50",
    "commit_p95_s": "p95",
    "commit_max_s": "max",
    "commit_last_minute_p50_s": "p50 last min",
    "seen_p50_s": "seen p50",
    "unchanged_share": "unchanged",
    "invented_words": "invented",
    "final_rewrites": "rewrites",
    "done_after_end_s": "done after",
    "cpu_per_audio_s": "CPU/s",
    "peak_rss_mb": "RSS MB",
    "normalized_erasure": "erasure",
    "steady_erasure": "steady",
    "sentence_f1": "F1",
    "wer_formatted": "WER formatted",
    "stream_laal_s": "StreamLAAL",
    "long_yaal_s": "LongYAAL",
    "rtf": "RTF",
    "durable_p95_s": "durable p95",
}


@dataclass(frozen=True)
class Case:
    """One line to measure: a name for the table and the options behind it."""

    name: str
    options: EngineOptions


def run_case(
    talk: Talk, model: Whisper, case: Case, *, virtual: bool, decode_s: float = 0.0
) -> tuple[Row, Run, Counters]:
    """Play one talk to a fresh engine; `decode_s`: on a virtual clock on which each decode takes so long."""
    options = replace(case.options, language=talk.language)
    counters = Counters()

    def make(start_ms: int) -> Recogniser:
        return StreamingRecogniser(model, options, start_ms, counters=counters)

    clock = CountedClock(counters, decode_s) if decode_s else VirtualClock() if virtual else RealClock()
    run = replay(talk, Captioner(make, options), policy=case.name, clock=clock)
    return score(talk, run.seen, run.pieces, run.facts), run, counters


def run_offline(talk: Talk, path: Path, *, device: str, compute_type: str, threads: int) -> tuple[Row, str]:
    """faster-whisper over the whole file at once, beam 5: the floor for the error rate, and its text."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(path), device=device, compute_type=compute_type, cpu_threads=threads)
    cpu_s, began_s = time.process_time(), time.monotonic()
    segments, _ = model.transcribe(talk.samples, language=talk.language, beam_size=5)
    text = " ".join(segment.text.strip() for segment in segments)
    wall_s = time.monotonic() - began_s
    facts = RunFacts("offline", wall_s, time.process_time() - cpu_s, peak_rss_mb(), wall_s)
    row = score(talk, (), (), facts)
    wer, cer = error_rates(talk, text)
    formatted = formatted_error_rate(talk.reference, text)
    nobody = float("nan")  # reads along, and it makes segments, not sentences
    row = replace(
        row, wer=wer, cer=cer, wer_formatted=formatted, offline_wer=wer, done_after_end_s=facts.done_s,
        normalized_erasure=nobody, steady_erasure=nobody, sentence_f1=nobody,
    )  # fmt: skip
    return row, text


def medians(rows: Sequence[Row]) -> Row:
    """Median of every figure over runs of the same talk and case."""
    figures = {
        field.name: statistics.median_low([getattr(row, field.name) for row in rows])
        for field in fields(Row)
        if field.name not in ("talk", "policy") and getattr(rows[0], field.name) is not None
    }
    return replace(rows[0], **figures)


def parse_options(pairs: Sequence[str], base: EngineOptions) -> EngineOptions:
    """Options changed by NAME=VALUE pairs; raises ValueError on an unknown name or a bad value."""
    changes: dict[str, object] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if name not in asdict(base):
            raise ValueError(f"No option is called {name!r}")
        before = getattr(base, name)
        changes[name] = _parsed(text, before)
    return replace(base, **changes)  # type: ignore[arg-type]


def _parsed(text: str, like: object) -> object:
    if isinstance(like, bool):
        return text.lower() in ("1", "true", "yes", "on")
    if isinstance(like, int):
        return int(text)
    if isinstance(like, float):
        return float(text)
    if isinstance(like, tuple):
        return tuple(part for part in text.split(",") if part)
    return text


def table(rows: Sequence[Row]) -> Table:
    """The rows for a terminal."""
    result = Table(title="Recogniser")
    for title in COLUMNS.values():
        result.add_column(title, justify="right" if title not in ("talk", "policy") else "left")
    for row in rows:
        result.add_row(*(_shown(name, getattr(row, name)) for name in COLUMNS))
    return result


def json_line(row: Row, **more: object) -> str:
    """The row as one line of JSON."""
    return json.dumps({**row.as_dict(), **more}, allow_nan=False)


def _shown(name: str, value: object) -> str:
    if value is None or value != value:
        return "–"
    if not isinstance(value, float):
        return str(value)
    if name in ("wer", "cer", "unchanged_share", "wer_formatted"):
        return f"{100 * value:.1f} %"
    return f"{value:.0f}" if name == "peak_rss_mb" else f"{value:.2f}"
