"""Streams a file to a server of speech over gRPC and prints what comes back."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any, Protocol

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.live import Live
from rich.text import Text

from asr.audio.pcm import RawFormat
from asr.audio.recorder import NotAudioError, record_file
from gateways.speech.client import ClientOptions, ClientRefused, recognise
from gateways.speech.pieces import Update
from gateways.speech.ports import OLDER_PORT
from gateways.speech.rules import MAX_CHUNK_MS

SHOWN_CHARS = 2000  # of what was confirmed, while it goes on


class Command(BaseCommand):
    help = (
        "Streams audio to `manage.py speech_server` at the pace at which it was spoken and prints the text that comes "
        "back. FILE is anything that PyAV reads, - is standard input; with --device FILE names a microphone (for "
        "instance --device alsa default)."
    )
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE|-")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=50051)
        parser.add_argument(
            "--generation", choices=("current", "older"), help=f"of the port; older for {OLDER_PORT}"
        )
        parser.add_argument("--with-hypothesis", action="store_true", help="what is not confirmed yet, too")
        parser.add_argument("--interactive", action="store_true", help="one text that grows, for a terminal")
        parser.add_argument(
            "--chunk-duration", type=float, default=1.0, metavar="SECONDS", help="of audio in a message"
        )
        parser.add_argument(
            "--speed", type=float, default=1.0, help="times real time; 0: as fast as it is taken"
        )
        parser.add_argument("--lang", default="", help="spoken language; the server's choice if not given")
        parser.add_argument("--consent", action="store_true", help="who speaks agreed to being recognised")
        parser.add_argument(
            "--device", metavar="KIND", help="FILE is a device: alsa, pulse, avfoundation, dshow"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chunk_ms = round(options["chunk_duration"] * 1000)
        if not 0 < chunk_ms <= MAX_CHUNK_MS:
            raise CommandError(f"--chunk-duration must be more than 0 and at most {MAX_CHUNK_MS / 1000:g}")
        if options["speed"] < 0:
            raise CommandError("--speed must not be less than 0")
        client = ClientOptions(
            f"{options['host']}:{options['port']}",
            options["generation"] or ("older" if options["port"] == OLDER_PORT else "current"),
            options["with_hypothesis"], chunk_ms, options["speed"], options["lang"], options["consent"],
        )  # fmt: skip
        shown: Printer = _Growing(self, client) if options["interactive"] else _Lines(self, client)
        try:
            chunks = _opened(_chunks(options["file"], chunk_ms, device=options["device"]))
            with shown:
                asyncio.run(_run(chunks, client, shown))
        except (NotAudioError, ClientRefused) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stderr.write("stopped")


class Printer(Protocol):
    """How text is shown."""

    def __enter__(self) -> object: ...

    def __exit__(self, *error: object) -> None: ...

    def show(self, update: Update) -> None:
        """As it comes."""


class _Lines(contextlib.nullcontext[None]):
    """Begin and end in milliseconds, and the text."""

    def __init__(self, command: BaseCommand, options: ClientOptions) -> None:
        super().__init__()
        self._command, self._with_hypothesis = command, options.with_hypothesis

    def show(self, update: Update) -> None:
        marks = ("CONF ", "HYP  ") if self._with_hypothesis else ("", "")
        for piece, mark in zip((update.confirmed, update.interim), marks, strict=True):
            if piece is not None and piece.text and (self._with_hypothesis or piece is update.confirmed):
                self._command.stdout.write(f"{mark}{piece.start_ms:04d} {piece.end_ms:04d} {piece.text}")
                self._command.stdout.flush()


class _Growing:
    """One text that grows; the hypothesis is dimmed behind it."""

    def __init__(self, command: BaseCommand, options: ClientOptions) -> None:
        self._with_hypothesis = options.with_hypothesis
        self._confirmed = ""
        self._live = Live(console=Console(file=command.stdout), vertical_overflow="visible")  # type: ignore[arg-type]  # has all that is used

    def __enter__(self) -> object:
        return self._live.__enter__()

    def __exit__(self, *error: object) -> None:
        self._live.update(Text(self._confirmed.strip()))
        self._live.__exit__(None, None, None)

    def show(self, update: Update) -> None:
        if update.confirmed is not None:
            self._confirmed += update.confirmed.text
        text = Text(self._confirmed[-SHOWN_CHARS:].lstrip())
        if self._with_hypothesis and update.interim is not None:
            text.append(update.interim.text, style="dim")
        self._live.update(text)


async def _run(chunks: Iterator[bytes], options: ClientOptions, shown: Printer) -> None:
    async with contextlib.aclosing(recognise(chunks, options)) as updates:
        async for update in updates:
            shown.show(update)


def _opened(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What is no audio shows before a stream is opened for it."""
    first = next(chunks, None)
    if first is None:
        raise NotAudioError("holds no audio")
    return chain([first], chunks)


def _chunks(file: str, chunk_ms: int, *, device: str | None) -> Iterator[bytes]:
    """Of one length, but for the last one."""
    source = sys.stdin.buffer if file == "-" else file
    size = RawFormat().second_bytes * chunk_ms // 1000 // 2 * 2
    waiting = bytearray()
    for blob in record_file(source, audio_format="pcm", container=device):
        waiting += blob.data
        while len(waiting) >= size:
            yield bytes(waiting[:size])
            del waiting[:size]
    if waiting:
        yield bytes(waiting)
