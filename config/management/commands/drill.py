"""Break every part of a running stack in mid-talk and print what it cost: `manage.py drill [NAME …]`."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from config.drill.faults import SCENARIOS
from config.drill.stack import running_stack


class Command(BaseCommand):
    """The fault table. Starts a stack of its own with the scripted recogniser."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCENARIOS))

    def handle(self, *args: Any, **options: Any) -> None:
        names = options["names"] or list(SCENARIOS)
        unknown = sorted(set(names) - set(SCENARIOS))
        if unknown:
            raise CommandError(f"unknown: {', '.join(unknown)}; known: {', '.join(SCENARIOS)}")
        table = Table(title="What each fault cost")
        for heading in ("fault", "before", "after", "s until next", "lost words", "doubled", "rewritten"):
            table.add_column(heading)
        with running_stack(rooms=[f"F{index}" for index in range(len(names))]) as stack:
            for index, name in enumerate(names):
                row = asyncio.run(SCENARIOS[name](stack, f"F{index}"))
                self.stdout.write(f"{name}: {'harmless' if row.harmless else 'HARM'}")
                table.add_row(
                    row.fault, str(row.sentences_before), str(row.sentences_after),
                    f"{row.seconds_until_next:.1f}", str(row.lost), str(row.doubled), str(row.rewritten),
                )  # fmt: skip
        Console(width=110).print(table)
