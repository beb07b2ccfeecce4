"""Attacks of strangers against a stack of its own, with a viewer beside: `manage.py siege [NAME …]`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from dataclasses import asdict
from functools import partial
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console
from rich.table import Table

from ops.bench.fanout_served import line_process
from ops.bench.limits import raise_open_files
from ops.bench.wires import wires_environment
from ops.faults.stack import Stack, free_port, running_stack
from ops.interrupts import StackCommand
from ops.siege.attacks import ATTACKS
from ops.siege.beside import Answered, AttackRow, Beside
from ops.siege.clients import login
from ops.siege.target import CALM, LIVE, LOCKED, OTHER, Target

COLUMNS = ("name", "memory_mb", "viewer_p99_s", "answer", "ok")


class Command(StackCommand):
    """A table, and one last line of JSON. Bounds: 100 MB more memory, half a second to the viewer at most, nothing lost."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ATTACKS))

    def handle(self, *args: Any, **options: Any) -> None:
        names = options["names"] or list(ATTACKS)
        if unknown := sorted(set(names) - set(ATTACKS)):
            raise CommandError(f"unknown: {', '.join(unknown)}; known: {', '.join(ATTACKS)}")
        raise_open_files()
        ports = (free_port(), free_port())
        environment = wires_environment(ports) | {
            "ASR_SLOTS": "6",
            "HOST_RETURN_S": "30",
            "LOG_LEVEL": "WARNING",
        }
        with running_stack(rooms=[CALM, LIVE, LOCKED, OTHER], **environment) as stack:
            rows = asyncio.run(self._all(stack, names, ports[0]))
        Console(width=150).print(_table(rows))
        said = [{column: getattr(row, column) for column in COLUMNS} for row in rows]
        self.stdout.write(json.dumps({"attacks": said}))

    async def _all(self, stack: Stack, names: list[str], speech_port: int) -> list[AttackRow]:
        with contextlib.ExitStack() as children:
            speaker, viewer = (
                children.enter_context(line_process(module, stack))
                for module in ("ops.bench.fanout_speaker", "ops.siege.viewer")
            )
            beside = Beside(stack, CALM, speaker, viewer)
            async with stack.host(LIVE) as live:
                await live.wait_ready()
                target = Target(stack, live, await asyncio.to_thread(login, stack), speech_port)
                await beside.measure("nothing", _warm_up, seconds=5)
                rows = []
                for name in names:
                    attack, seconds = ATTACKS[name]
                    rows.append(await beside.measure(name, partial(attack, target), seconds=seconds))
                    self.stdout.write(f"{name}: {'as it should' if rows[-1].ok else 'HARM'}")
                    self.stdout.flush()
                return rows


async def _warm_up() -> Answered:
    return Answered("", True)


def _table(rows: list[AttackRow]) -> Table:
    table = Table(title="What each attack cost, and what its attacker got")
    for heading in ("attack", "memory MB", "viewer p99 s", "lost", "answer", "ok"):
        table.add_column(heading)
    for row in rows:
        found = asdict(row)
        table.add_row(
            *(str(found[name]) for name in ("name", "memory_mb", "viewer_p99_s", "lost", "answer", "ok"))
        )
    return table
