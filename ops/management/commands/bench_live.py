"""The whole stack under one talk in real time and a crowd of viewers: `manage.py bench_live [TALK] [--lang xx]`."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import asdict
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from django.conf import settings
from rich.console import Console
from rich.table import Table

from asr.audio.recorder import Blob, read_audio, record
from asr.sample import SAMPLE
from ops.bench.end_to_end import ROOM, LiveFigures, measure_live, talk_of
from ops.demonstration import Talk
from ops.faults.stack import running_stack
from ops.interrupts import StackCommand

OPUS_RATE_HZ = 48_000
SAMPLE_REPEATS = 12  # two minutes of the sample where no talk is given
REACH = {
    "cores": "< 1.2", "first_caption_s": "< 3", "sentence_p50_s": "< 3", "complete_after_end_s": "< 3",
    "fan_out_p99_s": "< 1",
}  # fmt: skip


class Command(StackCommand):
    """Prints a table; the machine's noise is in it. Starts a stack of its own."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "talk", nargs="?", type=Path, help="audio, or the JSON beside it; default: the sample"
        )
        parser.add_argument("--lang", default="en")
        parser.add_argument("--viewers", type=int, default=300)

    def handle(self, *args: Any, **options: Any) -> None:
        talk, blobs = self._talk(options["talk"], options["lang"])
        weights = {"ASR_MODEL_DIR": str(settings.VAR_DIR / "models")}
        with running_stack(rooms=[ROOM], ASR_RECOGNISER="whisper", LOG_LEVEL="WARNING", **weights) as stack:
            figures = asyncio.run(measure_live(stack, talk, blobs, options["viewers"]))
        Console(width=100).print(_table(talk, figures))

    def _talk(self, path: Path | None, lang: str) -> tuple[Talk, list[Blob]]:
        if path is not None:
            talk = talk_of(path, lang)
            return talk, list(record(read_audio(talk.path, rate_hz=OPUS_RATE_HZ)))
        frames = chain.from_iterable(
            read_audio(path, rate_hz=OPUS_RATE_HZ) for path in repeat(SAMPLE.path, SAMPLE_REPEATS)
        )
        reference = " ".join([SAMPLE.reference] * SAMPLE_REPEATS)
        return Talk(SAMPLE.path, SAMPLE.language, reference, SAMPLE.first_word_end_s), list(record(frames))


def _table(talk: Talk, figures: LiveFigures) -> Table:
    table = Table(title=f"One room in real time: {talk.path.stem}")
    for heading in ("figure", "measured", "reach"):
        table.add_column(heading)
    for name, value in asdict(figures).items():
        shown = "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
        table.add_row(name, shown, REACH.get(name, ""))
    return table
