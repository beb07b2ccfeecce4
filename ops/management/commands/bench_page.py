"""Pages as a slow phone gets them (CPU four times slower, 1.6 Mbit/s, empty cache): `manage.py bench_page [--only NAME …] [--runs 3]`.

With --sentences 5000 the viewer's page through so long a talk, frame by frame; with --hours 8 what it holds after so many hours.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from ops import browser
from ops.bench.long_talk import Hour, Tasks, measure_hours, measure_tasks
from ops.bench.page import PageFigures, measure_page
from ops.management.commands.screenshots import PASSWORDS, showcase
from pages.shown import SHOWN

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGES = ("index", "viewer")


class Command(BaseCommand):
    """Prints a table and, as its last line, JSON. Starts a stack of its own with the showcase in it."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Which, and how often."""
        parser.add_argument("--only", nargs="+", default=PAGES, help="names of pages in pages/shown.py")
        parser.add_argument("--runs", type=int, default=3, help="openings of each; medians are told")
        parser.add_argument("--sentences", type=int, default=0, help="in place of that: a talk of so many")
        parser.add_argument("--hours", type=int, default=0, help="in place of that: a talk of so many hours")
        parser.add_argument(
            "--view",
            choices=("transcript", "captions"),
            default="transcript",
            help="through the hours",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure."""
        try:
            with showcase() as stack, browser.chromium() as chromium:
                if not (options["sentences"] or options["hours"]):
                    self._open_pages(chromium, stack.url, options)
                if options["sentences"]:
                    self._read_long_talk(chromium, stack.url, options["sentences"])
                if options["hours"]:
                    self._stay_for_hours(chromium, stack.url, options)
        except LookupError as error:
            raise CommandError(str(error)) from error

    def _open_pages(self, chromium: Browser, url: str, options: dict[str, Any]) -> None:
        figures = [
            measure_page(
                chromium, url, page, runs=options["runs"], password=PASSWORDS.get(page.power or "", "")
            )
            for page in SHOWN
            if page.name in options["only"]
        ]
        Console(width=100).print(_table(figures))
        self.stdout.write(json.dumps({"pages": [asdict(one) for one in figures]}))

    def _read_long_talk(self, chromium: Browser, url: str, sentences: int) -> None:
        found = measure_tasks(chromium, url, sentences=sentences)
        Console(width=100).print(_tasks_table(found, sentences))
        self.stdout.write(json.dumps({"sentences": sentences, "tasks": [asdict(one) for one in found]}))

    def _stay_for_hours(self, chromium: Browser, url: str, options: dict[str, Any]) -> None:
        found = measure_hours(chromium, url, hours=options["hours"], view=options["view"])
        Console(width=100).print(_hours_table(found))
        self.stdout.write(json.dumps({"view": options["view"], "hours": [asdict(one) for one in found]}))


def _tasks_table(found: list[Tasks], sentences: int) -> Table:
    table = Table(title=f"The main thread of a slow phone, {sentences} sentences")
    for heading in ("reader", "a step, ms", "p99 of tasks, ms", "longest, ms", "over 50 ms"):
        table.add_column(heading, justify="left" if heading == "reader" else "right")
    for one in found:
        figures = (one.busy_ms_per_step, one.p99_ms, one.longest_ms)
        table.add_row(one.doing, *(f"{ms:.0f}" for ms in figures), str(one.over_50_ms))
    return table


def _hours_table(found: list[Hour]) -> Table:
    table = Table(title="A page that stays open")
    for heading in ("hour", "sentences said", "shown", "heap, MB", "nodes", "listeners"):
        table.add_column(heading, justify="right")
    for one in found:
        table.add_row(
            str(one.hour),
            str(one.sentences),
            str(one.shown),
            f"{one.heap_mb:.1f}",
            str(one.nodes),
            str(one.listeners),
        )
    return table


def _table(figures: list[PageFigures]) -> Table:
    table = Table(title="A slow phone with an empty cache")
    for heading in ("page", "requests", "kB", "first paint, ms", "first text, ms", "layout shift"):
        table.add_column(heading, justify="left" if heading == "page" else "right")
    for one in figures:
        table.add_row(
            one.page, str(one.requests), f"{one.bytes / 1000:.1f}", f"{one.first_paint_ms:.0f}",
            f"{one.first_text_ms:.0f}", f"{one.shift:.3f}",
        )  # fmt: skip
    return table
