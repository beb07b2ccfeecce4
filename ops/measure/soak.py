"""A long talk made of a short one, and what delay and memory do meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from asr.audio.samples import SAMPLE_RATE_HZ

from .score import Seen, committed
from .talk import Talk

BIN_S = 60
PAUSE_S = 6.0
WIDTH, HEIGHT, MARGIN = 720, 240, 44


@dataclass(frozen=True)
class Minute:
    """One minute of a soak."""

    at_min: float
    commit_p50_s: float
    commit_p95_s: float
    rss_mb: float


def repeated(talk: Talk, seconds: float, *, pause_s: float = PAUSE_S) -> Talk:
    """The talk again and again, with a pause after each, until it lasts `seconds`."""
    times = max(1, round(seconds / (talk.seconds + pause_s)))
    pause = np.zeros(int(pause_s * SAMPLE_RATE_HZ), dtype=np.float32)
    one = np.concatenate([talk.samples, pause])
    length_ms = len(one) * 1000 // SAMPLE_RATE_HZ
    words = tuple(
        replace(word, start_ms=word.start_ms + n * length_ms, end_ms=word.end_ms + n * length_ms)
        for n in range(times)
        for word in talk.words
    )
    silences = tuple((n * length_ms + int(talk.seconds * 1000), (n + 1) * length_ms) for n in range(times))
    reference = " ".join([talk.reference] * times)
    return Talk(f"{talk.name}x{times}", talk.language, np.tile(one, times), reference, words, silences)


def minutes(talk: Talk, seen: Sequence[Seen], memory: Sequence[tuple[float, float]]) -> list[Minute]:
    """Delay of the words of each minute; `memory` is (seconds, MB) as sampled."""
    pairs = committed(talk, seen)
    result = []
    for start in range(0, int(talk.seconds), BIN_S):
        late = [at - end for end, at in pairs if start <= end < start + BIN_S]
        rss = [mb for at, mb in memory if start <= at < start + BIN_S]
        if late:
            p50, p95 = np.percentile(late, [50, 95])
            result.append(Minute(start / 60 + 0.5, float(p50), float(p95), max(rss, default=float("nan"))))
    return result


def plot(points: Sequence[Minute], title: str) -> str:
    """Two panels as SVG: delay (p50, p95) and memory over the minutes."""
    delay = _panel(
        0,
        "seconds from spoken to final",
        {"p50": [p.commit_p50_s for p in points], "p95": [p.commit_p95_s for p in points]},
        points,
    )
    memory = _panel(HEIGHT, "resident memory, MB", {"": [p.rss_mb for p in points]}, points)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {2 * HEIGHT + 20}" font-family="sans-serif" font-size="12">'
    return f'{head}<rect width="100%" height="100%" fill="#fff"/><text x="{MARGIN}" y="14">{title}</text>{delay}{memory}</svg>\n'


def _panel(top: int, label: str, lines: dict[str, list[float]], points: Sequence[Minute]) -> str:
    colours = ("#1f6feb", "#d4572a")
    high = max((max(values) for values in lines.values()), default=1.0) * 1.15 or 1.0
    last = max((point.at_min for point in points), default=1.0)
    base, inner_width, inner_height = top + HEIGHT - 10, WIDTH - 2 * MARGIN, HEIGHT - 60

    def place(at_min: float, value: float) -> str:
        return f"{MARGIN + inner_width * at_min / last:.1f},{base - inner_height * value / high:.1f}"

    parts = [f'<text x="{MARGIN}" y="{top + 34}" fill="#555">{label}</text>']
    for share in (0.0, 0.5, 1.0):
        y = base - inner_height * share
        parts.append(f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{MARGIN - 6}" y="{y + 4}" text-anchor="end">{high * share:.3g}</text>')
    for colour, (name, values) in zip(colours, lines.items(), strict=False):
        path = " ".join(place(point.at_min, value) for point, value in zip(points, values, strict=True))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if values:
            y = base - inner_height * values[-1] / high
            parts.append(f'<text x="{WIDTH - MARGIN + 4}" y="{y + 4}" fill="{colour}">{name}</text>')
    parts.append(
        f'<text x="{WIDTH - MARGIN}" y="{base + 14}" text-anchor="end" fill="#555">{last:.0f} min</text>'
    )
    return "".join(parts)
