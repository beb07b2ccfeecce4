"""Erases once more what was erased, in a database that went back in time: manage.py erase_again KEYS.json"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ops.backup.erasures import delete_what_is_too_old, erase_what_was_erased
from ops.backup.manifest import BackupError, Keys, read_sealed
from rooms.data_keys import sealing_keys


class Command(BaseCommand):
    """`manage.py restore` does it by itself; this is for a recovery by PostgreSQL's own log, or a copy of its disk."""

    help = (
        "Carry out withdrawals, removals, deletions and erasures of keys.json (manage.py backup) that this database does not know of. "
        "Its keys are destroyed with them."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("keys", type=Path, help="the newest keys.json")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            newest = read_sealed(options["keys"].resolve(), Keys, sealing_keys(), trust=False)
            erased = erase_what_was_erased(newest)
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{erased} erasures were carried out again; {delete_what_is_too_old()} parts were too old."
        )
