"""The echo's round trip under many clients on this machine: `manage.py bench_echo [--clients 50] [--frame-ms 10]`."""

from __future__ import annotations

import argparse
import asyncio
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from ops.bench.echo import ROOM, EchoRow, measure_echo
from ops.bench.limits import raise_open_files
from ops.faults.stack import running_stack
from ops.interrupts import StackCommand

SUPPRESSORS = ("gate", "auto")


class Command(StackCommand):
    """Prints a table; the machine's noise is in it. Starts stacks of its own, without a recogniser's words."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--clients", type=int, nargs="+", default=[50], help="that speak at once (default 50)"
        )
        parser.add_argument("--seconds", type=float, default=20.0, help="of each load (default 20)")
        parser.add_argument("--frame-ms", type=float, default=10.0, help="of each message (default 10)")
        parser.add_argument("--suppressors", nargs="+", choices=SUPPRESSORS, default=SUPPRESSORS)

    def handle(self, *args: Any, **options: Any) -> None:
        raise_open_files()
        rows = [row for suppressor in options["suppressors"] for row in _rows(suppressor, options)]
        Console(width=140).print(_table(rows, options["frame_ms"]))


def _rows(suppressor: str, options: dict[str, Any]) -> Iterator[EchoRow]:
    clients = options["clients"]
    environment = {
        "NOISE_SUPPRESSOR": suppressor, "ECHO_MAX_CLIENTS": str(max(clients)), "LOG_LEVEL": "WARNING",
        "ASR_SLOTS": "1", "ASR_SPARES": "0",
    }  # fmt: skip
    with running_stack(rooms=[ROOM], **environment) as stack:
        for count in (0, *clients):
            yield asyncio.run(
                measure_echo(
                    stack, suppressor, clients=count, seconds=options["seconds"], frame_ms=options["frame_ms"]
                )
            )


def _table(rows: list[EchoRow], frame_ms: float) -> Table:
    table = Table(title=f"Echo: a message of {frame_ms:g} ms from each client every {frame_ms:g} ms")
    for place, name in enumerate(asdict(rows[0])):
        table.add_column(name.replace("_", " "), justify="right" if place else "left")
    for row in rows:
        table.add_row(*(_shown(value) for value in asdict(row).values()))
    return table


def _shown(value: object) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.2f}"
    return str(value)
