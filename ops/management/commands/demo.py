"""A talk, live: starts the whole stack, streams a file into room DEMO as a host, prints what a viewer reads."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import requests
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db.models import F

from asr.audio.recorder import Blob, NotAudioError, read_audio, record
from asr.rooms.selectors import is_running
from asr.sample import SAMPLE
from gateways.conference.client.host import HostLostError, HostOptions, HostRefusedError
from gateways.conference.client.viewer import Caption, Key
from ops.demonstration import Stored, Talk, describe, result_line, stream_talk
from rooms.models import Hall, Room
from rooms.seed import settings_event
from transcripts.models import Sentence
from transcripts.selectors import first_part

ROOM, HALL = "DEMO", "demo"
UP_WITHIN_S = 900.0  # the first start fetches the model
STOP_WITHIN_S = 6.0
CLOSED_WITHIN_S = 120.0  # what was heard is written first
ANSWERS_WITHIN_S = 30.0
LOOKS_EVERY_S = 0.5  # whether the stack still runs
ADMIN = "admin"
OPUS_RATE_HZ = 48_000


class Command(BaseCommand):
    """script/demo [FILE] [--lang xx] [--once]."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="any audio that PyAV reads; default: a sample")
        parser.add_argument("--lang", default="en", help="the language spoken in it")
        parser.add_argument(
            "--once", action="store_true", help="stop when the talk is over; last line is JSON"
        )
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        # Explicitly: a shell starts background jobs with SIGINT ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _as_interrupt)
        try:
            talk = self._talk(options["file"], options["lang"])
            blobs = _recorded(talk)
        except (NotAudioError, OSError) as error:
            raise CommandError(str(error)) from error
        up = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(options["port"])],
            cwd=settings.BASE_DIR, start_new_session=True,
        )  # fmt: skip
        base = f"http://127.0.0.1:{options['port']}"
        try:
            result = self._show(up, base, talk, blobs)
            if not options["once"]:
                self._say(_addresses(base, talk.lang))
                while _asked_again(up):
                    self._show(up, base, talk, _recorded(talk))
        except KeyboardInterrupt:
            self.stdout.write("\nstopping")
            return
        except (HostLostError, HostRefusedError, requests.RequestException) as error:
            raise CommandError(str(error)) from error
        finally:
            _stop(up)
        self.stdout.write(json.dumps(result, ensure_ascii=False))
        if not result["sentences"]:
            raise CommandError(
                f"no sentence came: is the machine too busy? Logs are in {settings.VAR_DIR / 'run'}"
            )

    def _talk(self, file: Path | None, lang: str) -> Talk:
        if file is not None:
            return describe(file, lang)
        return Talk(SAMPLE.path, SAMPLE.language, SAMPLE.reference, SAMPLE.first_word_end_s)

    def _show(
        self, up: subprocess.Popen[bytes], base: str, talk: Talk, blobs: Iterator[Blob]
    ) -> dict[str, Any]:
        _wait_until_healthy(up, base)
        if talk.lang not in settings.ENV.source_langs:
            raise CommandError(f"{talk.lang} is not among SOURCE_LANGS")
        room = _room()
        options = HostOptions(url=base, room=ROOM, password=_host_key(base), lang=talk.lang, target=talk.lang)
        target = _second_language(base, talk.lang)
        self._say(f"Streaming {talk.path.name} into room {ROOM}")
        observed = asyncio.run(stream_talk(options, blobs, show=self._caption, target=target))
        result = result_line(ROOM, talk, observed, _stored(), target)
        self._close(base, room.pk)
        return result

    def _caption(self, at_s: float, caption: Caption) -> None:
        if not caption.text:
            return  # nothing is unfinished; or the translation stands at the first piece of its sentence
        if caption.key is not None:
            self._say(f"{at_s:7.2f} s  {caption.lang}  {caption.text}")
        elif self.stdout.isatty():
            self.stdout.write(f"{at_s:7.2f} s  …   {caption.text[-100:]}\x1b[K\r", ending="")
            self.stdout.flush()

    def _close(self, base: str, room_id: int) -> None:
        """Close the room and wait until it is: all is stored then, and the next demo begins anew."""
        requests.post(
            f"{base}/room/{ROOM}/close",
            json={"password": settings.ENV.admin_password},
            timeout=ANSWERS_WITHIN_S,
        )
        deadline = time.monotonic() + CLOSED_WITHIN_S
        while is_running(room_id):
            if time.monotonic() > deadline:
                raise CommandError(f"room {ROOM} was not closed within {CLOSED_WITHIN_S:.0f} s")
            time.sleep(0.1)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _wait_until_healthy(up: subprocess.Popen[bytes], base: str) -> None:
    deadline = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < deadline:
        if up.poll() is not None:
            raise CommandError("the stack did not start")
        try:
            answer = requests.get(f"{base}/health", timeout=2)
            if answer.ok and "degraded" not in answer.json():
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise CommandError(f"the stack was not ready within {UP_WITHIN_S:.0f} s; see {settings.VAR_DIR / 'run'}")


def _recorded(talk: Talk) -> Iterator[Blob]:
    """As a browser would; to be used up once."""
    return record(read_audio(talk.path, rate_hz=OPUS_RATE_HZ))


def _addresses(base: str, lang: str) -> str:
    """Where to go now, and with which password."""
    _make_admin()
    host, admin = settings.ENV.host_password, settings.ENV.admin_password
    return f"""
The stack goes on until Ctrl-C. Open in a browser:
  all talks        {base}/
  read along       {base}/room/{ROOM}
  the hall screen  {base}/hall/{HALL}
  the transcript   {base}/room/{ROOM}/transcript
  speak yourself   {base}/room/{ROOM}/host  password {host}
  type captions    {base}/room/{ROOM}/type  password {host}
  all halls        {base}/live  password {admin}
  admin pages      {base}/admin/  user {ADMIN}, password {admin}
  as plain text    {base}/room/{ROOM}/transcript/{lang}
A microphone needs this machine's own browser, or https. From a file instead:
  DEBUG=1 .venv/bin/python manage.py stream FILE --room {ROOM} --url {base} --password {host}
{"Enter: the sample once more, to watch it on these pages." if sys.stdin.isatty() else ""}"""


def _asked_again(up: subprocess.Popen[bytes]) -> bool:
    """Wait until somebody presses Enter (True) or the stack ends (False)."""
    if not sys.stdin.isatty():
        up.wait()
    while up.poll() is None:
        if select.select([sys.stdin], [], [], LOOKS_EVERY_S)[0]:
            return bool(sys.stdin.readline()) or bool(up.wait())
    return False


def _room() -> Room:
    """The demo's room, in a hall of its own, so that the hall's screen shows it."""
    event = settings_event()
    hall, _ = Hall.objects.get_or_create(slug=HALL, defaults={"event": event, "name": "Demo hall"})
    values = {
        "title": "Demonstration",
        "published": True,
        "hall": hall,
        "event": hall.event,
        "location": hall.name,
    }
    return Room.objects.update_or_create(code=ROOM, defaults=values)[0]


def _make_admin() -> None:
    """A user for the admin pages, with the demo's own password."""
    users = get_user_model().objects
    admin, _ = users.update_or_create(username=ADMIN, defaults={"is_staff": True, "is_superuser": True})
    admin.set_password(settings.ENV.admin_password)
    admin.save()


def _second_language(base: str, spoken: str) -> str:
    """What the viewer reads beside the spoken language: Portuguese or English where an engine offers it."""
    offered = requests.get(f"{base}/room_list", timeout=ANSWERS_WITHIN_S).json()["available_target_langs"]
    wanted = {"en": "pt", "pt": "en"}.get(spoken, spoken)
    return wanted if wanted in offered else spoken


def _host_key(base: str) -> str:
    answer = requests.post(
        f"{base}/login", json={"password": settings.ENV.host_password}, timeout=ANSWERS_WITHIN_S
    )
    answer.raise_for_status()
    return str(answer.json()["key"])


def _stored() -> dict[Key, Stored]:
    newest = Sentence.objects.filter(part__room__code=ROOM).order_by("-part__broadcast").first()
    if newest is None:
        return {}
    rows = Sentence.objects.filter(part__room__code=ROOM, part__broadcast=newest.part.broadcast)
    spoken = rows.filter(track__lang=F("part__source_lang")).select_related("part")
    first = first_part(newest.part.room_id, newest.part.broadcast)
    return {
        (row.part.number - first, row.index): Stored(row.end_ms, row.created_at.timestamp(), row.ends)
        for row in spoken
    }


def _stop(up: subprocess.Popen[bytes]) -> None:
    up.terminate()
    try:
        up.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(up.pid, signal.SIGKILL)


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
