"""A crowd of viewers on each installed ASGI server at the same time: `manage.py bench_servers [--viewers 500]`."""

from __future__ import annotations

import argparse
import asyncio
from itertools import chain, repeat
from typing import Any

from rich.console import Console
from rich.table import Table

from asr.audio.recorder import read_audio, record
from asr.sample import SAMPLE
from ops.bench.servers import ROOM, ServerFigures, installed, measure_servers
from ops.faults.stack import running_stack
from ops.interrupts import StackCommand

OPUS_RATE_HZ = 48_000


class Command(StackCommand):
    """Prints a table; the machine's noise is in it, the same for all. Starts a stack of its own, with scripted words."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        names = installed()
        parser.add_argument("--viewers", type=int, default=500, help="on each server (default 500)")
        parser.add_argument(
            "--repeats", type=int, default=6, help="of the sample's eleven seconds (default 6)"
        )
        parser.add_argument("--servers", nargs="+", choices=names, default=names)

    def handle(self, *args: Any, **options: Any) -> None:
        frames = chain.from_iterable(
            read_audio(path, rate_hz=OPUS_RATE_HZ) for path in repeat(SAMPLE.path, options["repeats"])
        )
        blobs = list(record(frames))
        with running_stack(rooms=[ROOM], LOG_LEVEL="WARNING") as stack:
            figures = asyncio.run(measure_servers(stack, blobs, options["viewers"], options["servers"]))
        Console(width=110).print(_table(figures))


def _table(figures: list[ServerFigures]) -> Table:
    table = Table(title="One room, a crowd on each server at the same time")
    headings = (
        "server", "viewers", "deliveries", "CPU per delivery, ms", "p50, ms", "p99, ms", "memory per viewer, kB"
    )  # fmt: skip
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "server" else "right")
    for one in figures:
        table.add_row(
            one.server, str(one.viewers), str(one.deliveries), f"{one.cpu_ms:.3f}",
            f"{1000 * one.fan_out_p50_s:.0f}", f"{1000 * one.fan_out_p99_s:.0f}", f"{one.memory_per_viewer_kb:.0f}",
        )  # fmt: skip
    return table
