"""Whoever is asked to end puts things back first: SIGTERM and SIGHUP are as Ctrl-C, also where a shell has begun the command in the background.

Where nohup has begun it, SIGHUP ends nothing.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

INTERRUPTED = 130  # as shells say it


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Call in the main thread."""
    handlers = {
        signal.SIGINT: signal.default_int_handler,  # which asyncio knows: it cancels its tasks in their order
        signal.SIGTERM: _interrupt,
    }
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        handlers[signal.SIGHUP] = _interrupt
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Once: whoever asks again does not keep things from being put back."""
    for asked in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked, signal.SIG_IGN)
    signal.raise_signal(signal.SIGINT)


class StackCommand(BaseCommand):
    """A command that starts a stack of its own: however it is ended, but by SIGKILL, nothing of it is left."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            with ended_in_order():
                return super().execute(*args, **options)
        except KeyboardInterrupt:
            raise CommandError("interrupted", returncode=INTERRUPTED) from None
