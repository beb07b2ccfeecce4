"""Brings a backup back into an empty database: manage.py restore BACKUP [--check]"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ops.backup.manifest import KEYS, BackupError
from ops.backup.restore import check_backup, restore
from ops.interrupts import ended_in_order


class Command(BaseCommand):
    """`manage.py restore`: all of it, or the database stays as it was. The last line is JSON."""

    help = (
        "Restore a backup of manage.py backup, while web, workers and beat are stopped (docs/deployment.md)."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("backup", type=Path, help="a folder souffleur-…Z")
        parser.add_argument(
            "--keys", type=Path, metavar="FILE", help=f"the newest keys [{KEYS} beside the backup]"
        )
        parser.add_argument(
            "--check", action="store_true", help="look whether it is whole, and touch no database"
        )
        parser.add_argument(
            "--replace", action="store_true", help="put it in the place of what the database has"
        )
        parser.add_argument(
            "--without-keys",
            action="store_true",
            help="encrypted transcripts are lost, and what was erased since comes back",
        )
        parser.add_argument(
            "--trust",
            action="store_true",
            help="also one that was made with other keys; its SQL runs as the database's owner",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            checked = check_backup(
                options["backup"].resolve(), keys=options["keys"], without_keys=options["without_keys"], trust=options["trust"]
            )  # fmt: skip
            manifest = checked.manifest
            self.stdout.write(
                f"Backup of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, Souffleur {manifest.souffleur}, PostgreSQL {manifest.server}: "
                f"{sum(manifest.rows.values())} rows, whole"
            )
            if options["check"]:
                return
            with ended_in_order():
                done = restore(checked, replace=options["replace"], say=self.stdout.write)
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{done.keys} keys of encrypted transcripts; {done.ended} sessions that were live are ended; {done.erased} erasures of "
            f"later were carried out again; {done.too_old} parts were too old."
        )
        self.stdout.write(json.dumps({"restored": asdict(done)}))
