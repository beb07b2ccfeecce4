"""Makes a checkpoint for ASR_BACKEND=torch of a model that was converted for CTranslate2: the same weights."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from asr.recognise.backends import BackendError, check_installed
from asr.weights import WeightsError, find_or_fetch
from ops.measure.checkpoint import export_checkpoint


class Command(BaseCommand):
    """For comparing the backends, and for torch where the hub is not reached."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", help="a size of Whisper, or a folder")
        parser.add_argument("folder", type=Path, help="where the checkpoint goes")
        parser.add_argument("--model-dir", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_installed("torch")
            source = find_or_fetch(
                options["model"], model_dir=options["model_dir"], progress=self.stderr.write
            )
            export_checkpoint(source, options["folder"])
        except (BackendError, WeightsError, OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"checkpoint of {options['model']} in {options['folder']}")
