"""Clients of the wires without a room, many at once: `manage.py bench_wires [--real TALK.json] [--seconds 30]`."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from rich.console import Console
from rich.table import Table

from ops.bench.limits import raise_open_files
from ops.bench.wires import (
    MEETINGS,
    STREAMS,
    measure_queueing,
    measure_words,
    place_of,
    slots_of,
    wires_environment,
)
from ops.faults.stack import free_port, running_stack
from ops.interrupts import StackCommand
from ops.measure.talk import Talk, load_talk
from ops.wire_clients import WIRES

STALLED = 2
ROOM = "WIRES"
QUIET = {"LOG_LEVEL": "WARNING"}


class Command(StackCommand):
    """Prints tables; the machine's noise is in them. Starts a stack of its own.

    Without --real the recogniser is scripted: what is measured is who waits for whom.
    """

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--seconds", type=float, default=0.0, help="of sound (default 30; with --real: all of it)"
        )
        parser.add_argument("--real", type=Path, metavar="TALK", help="a talk's JSON, its audio beside it")
        parser.add_argument("--wires", nargs="+", choices=[*WIRES], default=[*WIRES], help="with --real")
        parser.add_argument("--slots", type=int, default=0, help="with --real; 0: as the worker finds them")

    def handle(self, *args: Any, **options: Any) -> None:
        raise_open_files()
        rows = _real(options) if options["real"] else _scripted(options["seconds"] or 30.0)
        Console(width=180).print(_table(rows))


def _scripted(seconds: float) -> list[Any]:
    ports, slots = (free_port(), free_port()), STREAMS + MEETINGS + STALLED
    environment = wires_environment(ports) | QUIET | {"ASR_SLOTS": str(slots), "ASR_SPARES": "0", "WHISPER_MAX_CONNECTIONS": str(slots)}  # fmt: skip
    rows: list[Any] = []
    for stalled in (False, True):
        with running_stack(rooms=[ROOM], **environment) as stack:  # each with processes that are warm
            rows += asyncio.run(
                measure_queueing(place_of(stack, "en", ports), seconds=seconds, stalled=stalled)
            )
    return rows


def _real(options: dict[str, Any]) -> list[Any]:
    talk, ports = load_talk(options["real"]), (free_port(), free_port())
    if options["seconds"]:
        talk = _beginning(talk, options["seconds"])
    environment = wires_environment(ports, talk.language) | QUIET | {
        "ASR_RECOGNISER": "whisper", "ASR_MODEL_DIR": str(settings.VAR_DIR / "models"), "ASR_SLOTS": str(options["slots"]),
    }  # fmt: skip
    with running_stack(rooms=[ROOM], **environment) as stack:
        place, slots = place_of(stack, talk.language, ports), slots_of(stack)
        return [asyncio.run(measure_words(place, wire, talk, slots)) for wire in options["wires"]]


def _beginning(talk: Talk, seconds: float) -> Talk:
    """So much of it."""
    words = tuple(word for word in talk.words if word.end_ms <= seconds * 1000)
    samples = talk.samples[: int(seconds * len(talk.samples) / talk.seconds)]
    reference = " ".join(word.text for word in words)
    return Talk(talk.name, talk.language, samples, reference, words, talk.nonspeech_ms)


def _table(rows: list[Any]) -> Table:
    table = Table()
    for name in asdict(rows[0]):
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(
            *(f"{value:.2f}" if isinstance(value, float) else str(value) for value in asdict(row).values())
        )
    return table
