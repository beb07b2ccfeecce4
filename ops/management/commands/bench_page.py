"""Pages as a slow phone gets them (CPU four times slower, 1.6 Mbit/s, empty cache): `manage.py bench_page [--only NAME …] [--runs 3]`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from ops import browser
from ops.bench.page import PageFigures, measure_page
from ops.management.commands.screenshots import PASSWORDS, showcase
from pages.shown import SHOWN

PAGES = ("index", "viewer")


class Command(BaseCommand):
    """Prints a table and, as its last line, JSON. Starts a stack of its own with the showcase in it."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Which, and how often."""
        parser.add_argument("--only", nargs="+", default=PAGES, help="names of pages in pages/shown.py")
        parser.add_argument("--runs", type=int, default=3, help="openings of each; medians are told")

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure."""
        wanted = [page for page in SHOWN if page.name in options["only"]]
        try:
            with showcase() as stack, browser.chromium() as chromium:
                figures = [
                    measure_page(
                        chromium,
                        stack.url,
                        page,
                        runs=options["runs"],
                        password=PASSWORDS.get(page.power or "", ""),
                    )
                    for page in wanted
                ]
        except LookupError as error:
            raise CommandError(str(error)) from error
        Console(width=100).print(_table(figures))
        self.stdout.write(json.dumps({"pages": [asdict(one) for one in figures]}))


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
