"""Fetches the recogniser's model where it is missing: run before a worker on the queue `asr` starts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from asr import runtime
from asr.recognise.backends import BackendError
from asr.weights import WeightsError


class Command(BaseCommand):
    """A worker's processes load the model within a time limit; a download would outlast it."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.ENV.asr_recogniser != "whisper":
            return
        try:
            folder = runtime.model_folder(progress=self._say)
        except (BackendError, WeightsError) as error:
            raise CommandError(str(error)) from error
        self._say(f"model {runtime.choice().model} in {folder}")

    def _say(self, message: str) -> None:
        self.stdout.write(message)
        self.stdout.flush()
