"""A host on the command line: streams a file, standard input or a microphone into a room as a browser would."""

from __future__ import annotations

import asyncio
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from asr.audio.recorder import Blob, NotAudioError, record_file
from gateways.conference.client.host import Host, HostLostError, HostOptions, HostRefusedError

COME_BACK_TRIES = 30
COME_BACK_EVERY_S = 1.0


class Command(BaseCommand):
    help = (
        "Streams audio into a room in real time and prints the captions that come back. FILE is anything that PyAV "
        "reads, - is standard input; with --device FILE names a microphone (for instance --device alsa default)."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE|-")
        parser.add_argument("--room", required=True, help="the room's code")
        parser.add_argument(
            "--url", default=os.environ.get("SOUFFLEUR_URL", "ws://127.0.0.1:8000"), help="the server"
        )
        parser.add_argument(
            "--password",
            default=os.environ.get("HOST_PASSWORD", ""),
            help="host password or login key [HOST_PASSWORD]",
        )
        parser.add_argument("--lang", default="en", help="spoken language")
        parser.add_argument(
            "--target", default="", help="language to read along in; the spoken one if not given"
        )
        parser.add_argument("--speed", type=float, default=1.0, help="times real time")
        parser.add_argument("--format", choices=["webm", "pcm"], default="webm", help="what is sent")
        parser.add_argument(
            "--device", metavar="KIND", help="FILE is a device: alsa, pulse, avfoundation, dshow"
        )
        parser.add_argument("--private", action="store_true", help="nothing is stored")
        parser.add_argument(
            "--linger", type=float, default=5.0, metavar="SECONDS", help="wait for the last captions"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["speed"] > 0:
            raise CommandError("--speed must be more than 0")
        host = HostOptions(
            url=options["url"],
            room=options["room"],
            password=options["password"],
            lang=options["lang"],
            target=options["target"] or options["lang"],
            audio_format=options["format"],
            allow_store=not options["private"],
            allow_client_download=not options["private"],
        )
        try:
            blobs = _blobs(options["file"], device=options["device"], host=host)
            asyncio.run(self._stream(host, blobs, speed=options["speed"], linger_s=options["linger"]))
        except (NotAudioError, HostRefusedError, HostLostError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stderr.write("stopped")

    async def _stream(
        self, options: HostOptions, blobs: Iterator[Blob], *, speed: float, linger_s: float
    ) -> None:
        printer = _CaptionPrinter(self)
        async with Host(options, on_message=printer.on_message) as host:
            tries = 0
            while True:
                try:
                    await host.wait_ready()
                    tries = 0
                    await host.play(blobs, speed=speed)
                    await host.listen(linger_s)
                    return
                except HostLostError as error:
                    tries += 1
                    self.stderr.write(f"{error}; trying again")
                    await _come_back(host, tries)


async def _come_back(host: Host, tries: int) -> None:
    await host.leave()
    while True:
        if tries > COME_BACK_TRIES:
            raise HostLostError("the server does not come back")
        await asyncio.sleep(COME_BACK_EVERY_S)
        try:
            await host.connect()
        except HostLostError:
            tries += 1
        else:
            return


def _blobs(file: str, *, device: str | None, host: HostOptions) -> Iterator[Blob]:
    """The recorder's blobs; what is no audio shows before a room is opened for it."""
    source = sys.stdin.buffer if file == "-" else file
    blobs = record_file(source, audio_format=host.audio_format, container=device)
    if device:
        return blobs  # a microphone is switched on when the room is ready
    first = next(blobs, None)
    if first is None:
        raise NotAudioError("holds no audio")
    return chain([first], blobs)


class _CaptionPrinter:
    """Prints each sentence once, and what the server complains about."""

    def __init__(self, command: BaseCommand) -> None:
        self._command = command
        self._printed: dict[tuple[int, int], str] = {}

    def on_message(self, message: dict[str, Any]) -> None:
        error = message.get("error")
        if isinstance(error, dict):
            self._command.stderr.write(f"{error.get('code')}: {error.get('message')}")
        for line in message.get("last_n_sents") or ():
            for sentence in line.get("sentences") or ():
                self._sentence(
                    (line.get("line_idx", 0), sentence.get("sent_idx", 0)), sentence.get("content") or {}
                )

    def _sentence(self, place: tuple[int, int], content: dict[str, str]) -> None:
        text = " | ".join(f"{lang}: {words}" for lang, words in content.items())
        if text and self._printed.get(place) != text:
            self._printed[place] = text
            self._command.stdout.write(text)
