"""Many rooms at once: how long a sentence waits for its translation, and how long the broker's queue gets.

`measure` starts a whole stack with the free scripted engine and, beside it, a process that writes sentences through
the services at a talk's pace, as the recognisers' processes do, and holds the readers' leases, as web processes do.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ops.faults.stack import Stack, running_stack

BASE_DIR = Path(__file__).resolve().parent.parent.parent
LANGS = ("de", "es", "fr", "it", "nl", "pl", "pt", "uk", "zh", "ja", "ko")
SENTENCE_EVERY_S = 3.0
LAST_WITHIN_S = 10.0
SAMPLE_S = 0.02
QUEUE_KEYS = (
    "translation",
    *(f"translation\x06\x16{priority}" for priority in (3, 6, 9)),
)  # as Kombu names them


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured. Seconds from a sentence's row to its translation's; `queue_max`: messages that waited."""

    rooms: int
    langs: int
    sentences: int
    translated_share: float
    p50_s: float
    p95_s: float
    worst_s: float
    queue_max: int


def measure(*, rooms: int, langs: int, seconds: float, **environment: str) -> Load:
    """On a stack of its own."""
    codes = [f"T{number:03}" for number in range(rooms)]
    environment = {"TRANSLATION_ENGINES": "scripted", "ASR_SLOTS": "1", "ASR_SPARES": "0", **environment}
    with running_stack(rooms=codes, **environment) as stack:
        return _beside(stack, rooms, langs, seconds)


def _beside(stack: Stack, rooms: int, langs: int, seconds: float) -> Load:
    """In a process that has this stack's settings."""
    env = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "REDIS_URL")}
    env |= {"VAR_DIR": str(stack.folder), "DEBUG": "1", "DJANGO_SETTINGS_MODULE": "config.settings"}
    env |= {"LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-m", "ops.bench.load", str(rooms), str(langs), str(seconds)]
    ran = subprocess.run(command, cwd=BASE_DIR, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return Load(**json.loads(ran.stdout.splitlines()[-1]))


def speak(*, rooms: int, langs: int, seconds: float) -> Load:
    """Open the rooms, speak in all of them, wait for the last translations, and count. Needs Django."""
    from rooms.models import Room
    from transcripts.services import NewSentence, PartTerms, add_sentences, end_part, open_part

    targets = LANGS[:langs]
    parts = [
        open_part(room=room, terms=PartTerms("en", store=True, public=True, owner_id=None))
        for room in Room.objects.order_by("code")[:rooms]
    ]
    demanded = {(part.room_id, lang): 1 for part in parts for lang in targets}
    with _reading(demanded), _queue_sampled() as longest:
        began, count = time.monotonic(), 0
        while (due_s := count * SENTENCE_EVERY_S / rooms) < seconds:
            time.sleep(max(0.0, began + due_s - time.monotonic()))
            start_ms = round(1000 * SENTENCE_EVERY_S * (count // rooms))
            text = f"This is sentence number {count} of all that is said here."
            add_sentences(part=parts[count % rooms], sentences=[NewSentence(start_ms, start_ms + 2500, text)])
            count += 1
        waits_s = _waits(len(parts), count * langs)
        queue_max = longest[0]
    for part in parts:
        end_part(part=part)
    ordered = sorted(waits_s) or [float("nan")]
    return Load(
        rooms, langs, count, len(waits_s) / (count * langs), statistics.median(ordered),
        ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], ordered[-1], queue_max,
    )  # fmt: skip


def _waits(parts: int, expected: int) -> list[float]:
    """Seconds from each sentence to each of its translations, as soon as all are there or none has come for long."""
    from transcripts.models import Sentence

    translations = Sentence.objects.filter(of_version__isnull=False)
    until = time.monotonic() + LAST_WITHIN_S
    while translations.count() < expected and time.monotonic() < until:
        time.sleep(0.2)
    spoken = {
        (part, index): at
        for part, index, at in Sentence.objects.filter(of_version=None).values_list(
            "part_id", "index", "created_at"
        )
    }
    return [
        (at - spoken[part, index]).total_seconds()
        for part, index, at in translations.values_list("part_id", "index", "created_at")
    ]


@contextlib.contextmanager
def _reading(demanded: dict[tuple[int, str], int]) -> Iterator[None]:
    """Leases, renewed like a web process renews them."""
    from django.db import connection

    from translation.demand import RENEW_EVERY_S, lease

    done = threading.Event()
    lease("bench", demanded)

    def renew() -> None:
        while not done.wait(RENEW_EVERY_S):
            lease("bench", demanded)
        connection.close()

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextlib.contextmanager
def _queue_sampled() -> Iterator[list[int]]:
    """One number that follows the most messages that waited for a translation worker."""
    import redis
    from django.conf import settings

    longest, done = [0], threading.Event()

    def sample() -> None:
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            while not done.wait(SAMPLE_S):
                waiting = sum(int(client.llen(key)) for key in QUEUE_KEYS)
                longest[0] = max(longest[0], waiting)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield longest
    finally:
        done.set()
        thread.join()


if __name__ == "__main__":
    import django

    django.setup()
    print(
        json.dumps(asdict(speak(rooms=int(sys.argv[1]), langs=int(sys.argv[2]), seconds=float(sys.argv[3]))))
    )
