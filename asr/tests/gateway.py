"""What a gateway does for a meeting or a bare stream, and the process that serves it as a child process; for tests."""

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np
from django.conf import settings
from django.db import connection

from asr import streams
from asr.audio.pcm import RawFormat
from asr.audio_log import AudioLog
from asr.models import Session
from asr.redis_clients import close_async_clients
from asr.session_keys import session_cipher
from asr.stream_options import StreamOptions
from asr.tests.make import slots
from asr.text_stream import AsyncTextStream

WITHIN_S = 60
BASE_DIR = Path(__file__).resolve().parent.parent.parent
PEOPLE = ("ada", "bo", "cy")

SERVE = """
import json, os, sys, django
django.setup()
from asr import runtime
from asr.leases import Lease
from asr.process import Node, serve
from django.conf import settings
session, generation = json.loads(sys.argv[1])
runtime.load()
serve(Lease(session, generation), Node("asr@test", os.getpid()), make_captioner=runtime.make_captioner,
      redis_url=settings.REDIS_URL)
"""


def noise(seconds, raw_format=RawFormat()):  # noqa: B008
    samples = np.random.default_rng(5).normal(0, 0.1, int(seconds * raw_format.rate_hz))
    if raw_format.encoding == "f32le":
        return samples.astype("<f4").tobytes()
    return (samples * 32767).astype("<i2").tobytes()


def spoken(seconds):
    """What the scripted recogniser says to so much sound."""
    return [f"{'Ss'[n % 4 > 0]}{n // 4 + 1:04d}w{n % 4 + 1}" for n in range(int(seconds * 2))]


class Gateway:
    """What a gateway does for one session."""

    def __init__(self, session_id, redis_url):
        self.session_id = session_id
        self._cipher = session_cipher(session_id)
        self.log = AudioLog(redis_url, str(session_id), cipher=self._cipher)
        self._redis_url = redis_url
        self.texts = []
        self.after, self.seq = "0-0", 0

    def speak(self, channel, seconds, raw_format=RawFormat()):  # noqa: B008
        self.log.append(raw_format.kind, noise(seconds, raw_format), channel=channel)

    def pause(self, channel, seconds):
        self.log.append("pcm", bytes(int(seconds * 32_000)), channel=channel)

    def end(self, *channels):
        for channel in channels:
            self.log.append("end", b"", channel=channel)

    def flush(self, channel, token):
        self.log.append("flush", token.encode(), channel=channel)

    def read(self):
        """What is new; kept in `texts`."""

        async def once():
            stream = AsyncTextStream(
                self._redis_url, str(self.session_id), cipher=self._cipher, after=self.after, seq=self.seq
            )
            try:
                found = await stream.read(block_ms=200)
                self.after, self.seq = stream.after, stream.seq
                return found
            finally:
                await close_async_clients()

        found = asyncio.run(once())
        self.texts += found
        return found

    def until(self, holds, within_s=WITHIN_S):
        deadline = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < deadline, [(text.channel, text.kind, text.data) for text in self.texts]
            self.read()

    def until_closed(self, within_s=WITHIN_S):
        self.until(lambda: any(text.kind == "closed" for text in self.texts), within_s)

    def words(self, channel):
        rows = [
            row
            for text in self.texts
            if (text.channel, text.kind) == (channel, "words")
            for row in text.data["words"]
        ]
        return [(start, end, text) for start, end, text, _ in rows]

    def told(self, channel):
        """Speech and words in their order, words without their times."""
        return [
            (text.data["state"], text.data["ms"])
            if text.kind == "speech"
            else [row[2].strip().rstrip(".") for row in text.data["words"]]
            for text in self.texts
            if text.channel == channel and text.kind in ("words", "speech")
        ]

    def said(self, channel):
        return [text.strip().rstrip(".") for _, _, text in self.words(channel)]


@contextmanager
def process(session_id, generation=1, redis_url=None, **env):
    """A child process that serves the session; killed at the end if it still runs."""
    database = connection.settings_dict
    url = f"postgres://postgres@{quote(database['HOST'], safe='')}/{database['NAME']}"
    child = subprocess.Popen(
        [sys.executable, "-c", SERVE, json.dumps([session_id, generation])],
        cwd=BASE_DIR,
        env={
            **os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": url,
            "REDIS_URL": redis_url or settings.REDIS_URL, **env,
        },
    )  # fmt: skip
    try:
        yield child
    finally:
        child.kill()
        child.wait(WITHIN_S)


def opened(kind, redis_url=None, source_lang="en", options=StreamOptions()):  # noqa: B008
    slots(9)
    session_id = streams.open_session(kind=kind, source_lang=source_lang, options=options)
    return Gateway(session_id, redis_url or settings.REDIS_URL)


def meeting(redis_url=None, people=PEOPLE, langs=("en", "de", "fr")):
    gateway = opened(Session.Kind.MEETING, redis_url)
    for key, lang in zip(people, langs, strict=False):
        streams.open_channel(gateway.session_id, key=key, source_lang=lang)
    return gateway
