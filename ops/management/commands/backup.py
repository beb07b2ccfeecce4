"""A backup of the database, the settings and the schedules: manage.py backup FOLDER [--keep N]"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ops.backup.dump import Made, make_backup
from ops.backup.manifest import DUMP, KEYS, BackupError
from ops.interrupts import ended_in_order


class Command(BaseCommand):
    """`manage.py backup`: of a stack that runs or does not. The last line is JSON."""

    help = (
        "Write a backup into a folder of its own in FOLDER, and the newest keys of encrypted transcripts over those before. No sound, no "
        "secrets (docs/deployment.md)."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--keys", type=Path, metavar="FILE",
            help=f"the newest keys, and what was erased; keep this file apart, and no older one [FOLDER/{KEYS}]",
        )  # fmt: skip
        parser.add_argument(
            "--keep", type=_count, default=0, metavar="N", help="remove older backups than the newest N"
        )
        parser.add_argument(
            "--only-keys", action="store_true", help="write that file alone: quick, for every few minutes"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"].resolve()
        keys = (options["keys"] or folder / KEYS).resolve()
        try:
            with ended_in_order():
                made = make_backup(folder, keys=keys, keep=options["keep"], only_keys=options["only_keys"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        self._tell(made, keys)

    def _tell(self, made: Made, keys: Path) -> None:
        self.stdout.write(f"{keys}: {made.keys} keys of encrypted transcripts, {made.erased} erasures")
        told: dict[str, object] = {"keys": made.keys, "erased": made.erased}
        if made.folder is not None and made.manifest is not None:
            dump, rows = made.manifest.files[DUMP], sum(made.manifest.rows.values())
            self.stdout.write(
                f"{made.folder}: {len(made.manifest.rows)} tables, {rows} rows, {dump.size_bytes / 1e6:.1f} MB"
            )
            if made.manifest.apart:
                self.stdout.write(f"Not in it, keep them apart: {', '.join(made.manifest.apart)}")
            if made.removed:
                self.stdout.write(f"{made.removed} older backups removed")
            told |= {
                "backup": str(made.folder),
                "tables": len(made.manifest.rows),
                "rows": rows,
                "bytes": dump.size_bytes,
            }
        self.stdout.write(json.dumps(told))


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number
