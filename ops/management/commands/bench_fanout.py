"""One room's captions to thousands, by server: `manage.py bench_fanout [--viewers 1000 3000]`."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from ops.bench.fanout import (
    STEADY,
    FanoutLoad,
    FanoutRow,
    installed_for_fanout,
    measure_fanout,
    ratio_of,
    rooms_for,
)
from ops.bench.limits import raise_open_files
from ops.faults.stack import running_stack
from ops.interrupts import StackCommand

REPORTED = ("server", "viewers", "cpu_ms_per_delivery", "p50_ms", "p99_ms", "idle_kb")


class Command(StackCommand):
    """Prints a table, and on the last line the same as JSON. Starts a stack of its own, without a recogniser's words."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        names = installed_for_fanout()
        parser.add_argument(
            "--viewers", type=int, nargs="+", default=[1000, 3000], help="of one room, on each server"
        )
        parser.add_argument("--servers", nargs="+", choices=names, default=names)
        parser.add_argument("--seconds", type=float, default=10.0, help="of each round (default 10)")
        parser.add_argument("--rounds", type=int, default=3, help="for each server (default 3)")

    def handle(self, *args: Any, **options: Any) -> None:
        raise_open_files()
        names, rows = options["servers"], list[FanoutRow]()
        rooms = list(rooms_for(names).values())
        for viewers in options["viewers"]:
            load = FanoutLoad(viewers, seconds=options["seconds"], rounds=options["rounds"])
            with running_stack(rooms=rooms, LOG_LEVEL="WARNING", ASR_SLOTS="1", ASR_SPARES="0") as stack:
                rows += measure_fanout(stack, names, load, self.stderr.write)
        ratio = ratio_of(rows)
        Console(width=140).print(_table(rows, ratio))
        reported = [_reported(row) for row in rows if row.load == STEADY]
        self.stdout.write(json.dumps({"rows": reported, "ratio": _rounded(ratio)}))


def _reported(row: FanoutRow) -> dict[str, object]:
    figures = asdict(row)
    return {name: _rounded(figures[name]) for name in REPORTED}


def _rounded(value: object) -> object:
    """JSON knows no NaN."""
    return (round(value, 4) if math.isfinite(value) else None) if isinstance(value, float) else value


def _table(rows: list[FanoutRow], ratio: float) -> Table:
    table = Table(
        title=f"One room, two updates a second (the baseline's cost over the default server's: {ratio:.1f})"
    )
    headings = (
        "server", "viewers", "load", "deliveries", "CPU per delivery, ms", "p50, ms", "p99, ms", "idle kB per viewer",
        "durable lost", "twice",
    )  # fmt: skip
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place in (0, 2) else "right")
    for row in rows:
        table.add_row(
            row.server, str(row.viewers), row.load, str(row.deliveries), f"{row.cpu_ms_per_delivery:.4f}",
            f"{row.p50_ms:.1f}", f"{row.p99_ms:.1f}", f"{row.idle_kb:.0f}", str(row.lost), str(row.repeats),
        )  # fmt: skip
    return table
