"""One talk under many conditions: clean, faster, slower, by other microphones, and with noise, voices, music or applause at three levels. Pure."""

from __future__ import annotations

import re
import statistics
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
from rich.table import Table

from asr.audio.samples import Samples

from . import noises
from .score import Row
from .talk import Talk

LEVELS_DB = (20, 10, 5)
DISTURBANCES = ("noise", "babble", "speaker", "music", "applause")
SPEEDS = (0.9, 1.1)
MICROPHONES = ("telephone", "reverberant")
CONDITIONS = (
    "clean",
    *(f"speed-{speed}" for speed in SPEEDS),
    *MICROPHONES,
    *(f"{name}-{level}" for name in DISTURBANCES for level in LEVELS_DB),
)
COLUMNS = {
    "condition": "condition",
    "words": "words",
    "wer": "WER",
    "offline_wer": "offline",
    "ratio": "ratio",
    "commit_p50_s": "p50",
    "commit_p95_s": "p95",
    "stream_laal_s": "StreamLAAL",
    "long_yaal_s": "LongYAAL",
    "invented_words": "invented",
    "normalized_erasure": "erasure",
    "rtf": "RTF",
}
_NAME = re.compile(r"(?P<what>[a-z]+)-(?P<amount>\d+(\.\d+)?)")


@dataclass(frozen=True)
class ConditionRow:
    """One line: the recogniser and offline faster-whisper on the same audio; latencies in seconds."""

    condition: str
    words: int  # of the reference
    wer: float
    offline_wer: float | None
    ratio: float | None  # of the two; None where offline made no error, or was not run
    commit_p50_s: float
    commit_p95_s: float
    stream_laal_s: float
    long_yaal_s: float
    invented_words: int
    normalized_erasure: float
    rtf: float

    def as_dict(self) -> dict[str, object]:
        """By name, floats rounded; what is no number is None."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


def under(talk: Talk, condition: str, others: Sequence[Samples]) -> Talk:
    """The talk under a condition of CONDITIONS (or at another level or speed); `others` are the voices that may disturb it.

    Raises ValueError for a condition that nobody knows.
    """
    name = f"{talk.name} {condition}"
    if condition == "clean":
        return replace(talk, name=name)
    if condition == "telephone":
        return replace(talk, name=name, samples=noises.telephone(talk.samples))
    if condition == "reverberant":
        random = np.random.default_rng(zlib.crc32(condition.encode()))
        return replace(talk, name=name, samples=noises.reverberant(talk.samples, random))
    match = _NAME.fullmatch(condition)
    if match is None or not (match["what"] == "speed" or match["what"] in DISTURBANCES):
        raise ValueError(f"No condition is called {condition!r}")
    amount = float(match["amount"])
    if match["what"] == "speed":
        if not 0.5 <= amount <= 2:
            raise ValueError("A speed is 0.5 to 2")
        return replace(noises.at_speed(talk, amount), name=name)
    random = np.random.default_rng(zlib.crc32(match["what"].encode()))  # the same sound at every level
    disturbance = _makers(others)[match["what"]](len(talk.samples), random)
    return replace(noises.mixed(talk, disturbance, amount), name=name)


def _makers(others: Sequence[Samples]) -> dict[str, Callable[[int, np.random.Generator], Samples]]:
    return {
        "noise": noises.pink_noise,
        "babble": lambda count, random: noises.babble(others, count, random),
        "speaker": lambda count, random: noises.looped(others[0], count, random),
        "music": noises.music,
        "applause": noises.applause,
    }


def row_of(condition: str, row: Row, words: int) -> ConditionRow:
    """The figures of a run over so many words, beside offline's that it carries."""
    ratio = row.wer / row.offline_wer if row.offline_wer else None
    return ConditionRow(
        condition, words, row.wer, row.offline_wer, ratio, row.commit_p50_s, row.commit_p95_s, row.stream_laal_s, row.long_yaal_s,
        row.invented_words, row.normalized_erasure, row.rtf,
    )  # fmt: skip


def summed(rows: Sequence[ConditionRow]) -> ConditionRow:
    """Runs of one condition as one: errors over all words, invented words in all; the other figures are medians."""
    words = sum(row.words for row in rows)
    wer = sum(row.wer * row.words for row in rows) / words
    offline = [row.offline_wer * row.words for row in rows if row.offline_wer is not None]
    offline_wer = sum(offline) / words if len(offline) == len(rows) else None
    medians = {
        field.name: statistics.median(getattr(row, field.name) for row in rows)
        for field in fields(ConditionRow)
        if field.name.endswith("_s") or field.name in ("normalized_erasure", "rtf")
    }
    return replace(
        rows[0], words=words, wer=wer, offline_wer=offline_wer, ratio=wer / offline_wer if offline_wer else None,
        invented_words=sum(row.invented_words for row in rows), **medians,
    )  # fmt: skip


def table(rows: Sequence[ConditionRow], title: str) -> Table:
    """The rows for a terminal."""
    result = Table(title=title)
    for name, heading in COLUMNS.items():
        result.add_column(heading, justify="left" if name == "condition" else "right")
    for row in rows:
        result.add_row(*(_shown(name, getattr(row, name)) for name in COLUMNS))
    return result


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return None if value != value else round(value, 4)
    return value


def _shown(name: str, value: object) -> str:
    if value is None or value != value:
        return "–"
    if isinstance(value, float):
        return f"{100 * value:.1f} %" if name in ("wer", "offline_wer") else f"{value:.2f}"
    return str(value)
