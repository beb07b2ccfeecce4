"""One room in real time beside a crowd of viewers: what it costs and how late it is."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from asr.audio.recorder import Blob
from gateways.conference.client.viewer import Caption, Key
from ops.bench.crowd import await_crowd, facts_of, fan_out_s, start_crowd
from ops.demonstration import Observed, Stored, Talk, result_line, stream_talk
from ops.faults.stack import Stack

ROOM = "LIVE"
MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """Seconds unless the name says otherwise; None: not measured."""

    cores: float
    cores_web: float
    cores_asr: float
    first_caption_s: float | None
    sentence_p50_s: float
    sentence_p95_s: float
    sentence_first_minute_p50_s: float
    sentence_last_minute_p50_s: float
    complete_after_end_s: float
    viewers: int
    chunks: int
    fan_out_p50_s: float | None
    fan_out_p99_s: float | None
    wer: float | None
    sentences: int


async def measure_live(stack: Stack, talk: Talk, blobs: Sequence[Blob], viewers: int) -> LiveFigures:
    """Stream `talk` once, watched by `viewers`; the room is closed afterwards."""
    crowd: subprocess.Popen[str] | None = None

    async def gather_crowd() -> None:
        nonlocal crowd
        if viewers:
            crowd = start_crowd(stack.viewer_url(ROOM, talk.lang), viewers)
            await asyncio.to_thread(await_crowd, crowd)
        cpu.start()

    cpu = CpuMeter(stack)
    options = stack.host_options(ROOM, lang=talk.lang, target=talk.lang)
    observed = await stream_talk(options, blobs, show=_silently, target=talk.lang, before=gather_crowd)
    length_s = blobs[-1].end_ms / 1000
    shares = cpu.stop(observed.ended_s - observed.began_s)
    rows = stack.query(
        "SELECT p.number - 1, s.index, s.end_ms, extract(epoch from s.created_at), s.ends FROM transcripts_sentence s "
        "JOIN transcripts_part p ON p.id = s.part_id JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s",
        ROOM,
    )
    stored = {(line, position): Stored(end, float(at), ends) for line, position, end, at, ends in rows}
    await asyncio.to_thread(stack.close_room, ROOM)
    facts = await asyncio.to_thread(facts_of, crowd) if crowd else {}
    spread = fan_out_s(facts, {f"{line}.{position}": float(at) for line, position, _, at, _ in rows})
    late = [
        (stored[key].end_ms / 1000, at - observed.began_s - stored[key].end_ms / 1000)
        for key, at in _arrivals(observed, talk)
        if key in stored
    ]
    result = result_line(ROOM, talk, observed, stored, talk.lang)
    return LiveFigures(
        cores=sum(shares.values()),
        cores_web=shares.get("web", 0.0),
        cores_asr=shares.get("asr", 0.0),
        first_caption_s=_as_float(result["first_caption_s"]),
        sentence_p50_s=quantile([value for _, value in late], 0.50),
        sentence_p95_s=quantile([value for _, value in late], 0.95),
        sentence_first_minute_p50_s=quantile([value for end, value in late if end <= MINUTE_S], 0.5),
        sentence_last_minute_p50_s=quantile([value for end, value in late if end > length_s - MINUTE_S], 0.5),
        complete_after_end_s=max(0.0, observed.last_at_s - observed.ended_s),
        viewers=facts.get("connected", 0),
        chunks=facts.get("chunks", 0),
        fan_out_p50_s=quantile(spread, 0.50) if spread else None,
        fan_out_p99_s=quantile(spread, 0.99) if spread else None,
        wer=_as_float(result["wer"]),
        sentences=len(late),
    )


class CpuMeter:
    """CPU seconds of every process of a stack, by program, between start() and stop()."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._before: dict[str, float] = {}

    def start(self) -> None:
        """Begin to count."""
        self._before = self._totals()

    def stop(self, seconds: float) -> dict[str, float]:
        """Mean cores used by each program since start()."""
        after = self._totals()
        return {name: (after[name] - self._before.get(name, 0.0)) / seconds for name in after}

    def _totals(self) -> dict[str, float]:
        totals: dict[str, float] = {}
        for process in self._stack.processes():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                name = _program(process.cmdline())
                totals[name] = totals.get(name, 0.0) + times.user + times.system
        return totals


def _program(command: list[str]) -> str:
    line = " ".join(command)
    for name, mark in (("web", "config.servers"), ("asr", "-Q asr"), ("translation", "-Q translation")):
        if mark in line:
            return name
    for name in ("postgres", "redis", "celery", "supervisord"):
        if name in line:
            return name
    return "other"


def _arrivals(observed: Observed, talk: Talk) -> list[tuple[Key, float]]:
    return [(key, at) for (key, lang), at in observed.arrivals.items() if lang == talk.lang]


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of them lies."""
    if not values:
        return float("nan")
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]


def _as_float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _silently(at_s: float, caption: Caption) -> None:
    return None


def talk_of(path: Path, lang: str) -> Talk:
    """A talk by the path of its audio or of the JSON beside it."""
    from ops.demonstration import describe

    if path.suffix == ".json":
        path = next(
            path.with_suffix(end) for end in (".flac", ".wav", ".ogg") if path.with_suffix(end).exists()
        )
    return describe(path, lang)
