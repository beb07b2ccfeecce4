"""Real Celery workers in child processes, a real broker, and an engine that is broken in every way.

A wake-up goes through Redis; nothing here calls the work directly.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.db import connection
from django.utils import timezone

from asr.tests.real_redis import RealRedis
from transcripts import live
from transcripts.events import Draft, Partial, decode, encode
from transcripts.models import Part
from translation.models import Demand, EngineState, Job, PairState
from translation.tests.make import demand, read, say, spoken_part
from translation.tests.scripted_libretranslate import ScriptedLibreTranslate

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack]
BASE_DIR = Path(__file__).resolve().parent.parent.parent
WITHIN_S = 30.0


def until(holds: Callable[[], bool], *, within_s: float = WITHIN_S) -> float:
    """Wait until something holds; returns how long it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within_s
        time.sleep(0.02)
    return time.monotonic() - began


def figure(fault: str, what: str, seconds: float) -> None:
    """A line of the fault table (pytest -rP shows it)."""
    print(f"{fault}: {what} {seconds:.2f} s")


class Workers:
    """A translation worker with its sweep, as a child process on a broker of its own."""

    def __init__(self, redis: RealRedis, folder: Path, name: str = "translation", **env: str) -> None:
        database = connection.settings_dict
        url = f"postgres://postgres@{quote(database['HOST'], safe='')}/{database['NAME']}"
        self.env = {**os.environ, "DATABASE_URL": url, "REDIS_URL": redis.url, **env}
        self._folder, self._name = folder, name
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it answers once its engines were asked."""
        command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-Q", "translation,sweeps", "-B"]
        command += ["-P", "threads", "-c", "2", "--without-gossip", "--without-mingle"]
        command += ["-s", str(self._folder / "schedule"), "-n", f"{self._name}@test"]
        with (self._folder / "worker.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=BASE_DIR, env=self.env, stdout=log, stderr=log, start_new_session=True
            )
        until(lambda: EngineState.objects.filter(answered_at__isnull=False).exists(), within_s=60)

    @property
    def pid(self) -> int | None:
        """None: it is not there any more."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def kill(self) -> None:
        """SIGKILL, with the beat that it forked."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None


SPEAKER = """
import json, sys, time, django
django.setup()
from transcripts.models import Part
from translation.tests.make import say
for line in sys.stdin:
    part, *texts = json.loads(line)
    began = time.monotonic()
    say(Part.objects.get(pk=part), *texts)
    print(time.monotonic() - began, flush=True)
"""


class Speaker:
    """Commits sentences in a process of its own, as the ASR process does."""

    def __init__(self, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SPEAKER], cwd=BASE_DIR, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**env, "DJANGO_SETTINGS_MODULE": "config.settings"},
        )  # fmt: skip

    def say(self, part: Part, *texts: str) -> float:
        """Seconds that the commit took, with everything that it publishes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([part.pk, *texts]) + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def broker() -> Iterator[RealRedis]:
    """A Redis that the test may restart."""
    with tempfile.TemporaryDirectory() as folder, RealRedis(Path(folder)) as running:
        yield running


@pytest.fixture
def workers(broker: RealRedis, server: ScriptedLibreTranslate, tmp_path: Path) -> Iterator[Workers]:
    """With the settings that everybody has."""
    running = Workers(broker, tmp_path, TRANSLATION_ENGINES="libretranslate", LIBRETRANSLATE_URL=server.url)
    running.start()
    yield running
    running.kill()


@pytest.fixture
def speaker(workers: Workers) -> Iterator[Speaker]:
    running = Speaker(workers.env)
    yield running
    running.stop()


def translated(part: Part, count: int) -> Callable[[], bool]:
    return lambda: len(read(part, "de")) == count


def test_a_sentence_is_translated_soon_after_its_commit(workers, speaker):
    part = spoken_part()
    demand(part, "de")
    speaker.say(part, "One.")
    until(translated(part, 1))
    times = []
    for count in (3, 5, 7):
        speaker.say(part, f"Number {count - 1}.", f"Number {count}.")
        times.append(until(translated(part, count)))
    assert min(times) < 1.5, "sweeps alone, one every two seconds, would find each of them late"
    assert read(part, "de") == {
        0: "[de] One.",
        **{index: f"[de] Number {index + 1}." for index in range(1, 7)},
    }


def test_an_engine_that_goes_away_costs_the_captions_nothing_and_loses_nothing(workers, server, speaker):
    part = spoken_part()
    demand(part, "de")
    speaker.say(part, "One.")
    until(translated(part, 1))
    server.stop()
    times = [speaker.say(part, f"Sentence {number}.") for number in range(12)]
    figure("engine away", "commit p50", sorted(times)[6])
    assert sorted(times)[6] < 1.0
    until(lambda: EngineState.objects.filter(opened_at__isnull=False).exists())
    until(lambda: Job.objects.filter(waiting_s__gt=1.0).exists())
    server.start()
    figure("engine away", "translations resumed", until(lambda: len(read(part, "de")) > 1))
    figure("engine away", "all there", until(translated(part, 13)))
    until(lambda: not EngineState.objects.filter(opened_at__isnull=False).exists())


@pytest.mark.parametrize("mode", ["slow", "fails", "garbage", "few", "busy", "key"])
def test_whatever_an_engine_answers_translations_go_on_when_it_is_right_again(workers, server, speaker, mode):
    part = spoken_part()
    demand(part, "de")
    server.mode = mode
    speaker.say(part, f"First in trouble of the kind {mode}.", f"Second in trouble of the kind {mode}.")
    until(lambda: Job.objects.filter(failures__gt=0).exists())
    assert speaker.say(part, f"Third in trouble of the kind {mode}.") < 5.0, (
        "an engine that is slow takes ten seconds"
    )
    server.mode = "ok"
    server.freed.set()
    figure(f"engine {mode}", "first there", until(lambda: bool(read(part, "de"))))
    figure(f"engine {mode}", "all there", until(translated(part, 3)))


def test_an_engine_that_asks_for_a_pause_is_asked_nothing_in_it_and_used_after_it(workers, server, speaker):
    part = spoken_part()
    demand(part, "de", "pt")
    server.mode, server.retry_after = "busy", "5"
    speaker.say(part, "First before a pause.", "Second before a pause.")
    until(lambda: EngineState.objects.filter(opened_at__isnull=False).exists())
    server.mode, called = "ok", len(server.answered)
    began = server.asked_at[called - 1]
    until(translated(part, 2))
    assert server.asked_at[called] - began >= 4.9
    trial = server.answered[:called].count("/translate")
    assert len(server.requests[trial]["q"]) == 1
    figure("engine asks for a pause", "first call behind it", server.asked_at[called] - began - 5)


def test_after_an_engine_hung_for_every_pair_the_first_translation_waits_for_no_call_that_hangs_still(
    workers, server, speaker
):
    part = spoken_part()
    langs = ("de", "nb", "pt", "zh")
    demand(part, *langs)
    server.mode = "slow"
    speaker.say(part, "Said while the engine hangs for every pair.")
    until(lambda: PairState.objects.filter(opened_at__isnull=False).count() == len(langs), within_s=90)
    called = len(server.requests)
    until(lambda: len(server.requests) >= called + 2)
    server.mode = "ok"
    figure(
        "engine hangs for four pairs", "first there", until(lambda: any(read(part, lang) for lang in langs))
    )
    until(lambda: all(read(part, lang) for lang in langs))


def test_a_remote_engine_that_hangs_holds_up_no_local_one(broker, server, tmp_path):
    server.listed = json.dumps([{"code": "en", "name": "English", "targets": ["de"]}]).encode()
    running = Workers(
        broker, tmp_path, TRANSLATION_ENGINES="libretranslate scripted", LIBRETRANSLATE_URL=server.url,
        TRANSLATION_CONCURRENCY="1", TRANSLATION_TIMEOUT_S="30",
    )  # fmt: skip
    running.start()
    try:
        server.mode = "slow"
        parts = [spoken_part(f"HALL{number}") for number in range(4)]
        for part in parts:
            demand(part, "de", "fr")
            say(part, f"One in {part.pk}.")
        until(lambda: len(server.requests) == 1)
        until(lambda: all(read(part, "fr") for part in parts))
        say(parts[0], "Two.")
        until(lambda: len(read(parts[0], "fr")) == 2)
        assert not any(read(part, "de") for part in parts)
        assert len(server.requests) == 1
        server.mode = "ok"
        server.freed.set()
        until(lambda: all(read(part, "de") for part in parts))
    finally:
        running.kill()


def test_a_remote_engine_that_hangs_keeps_no_worker_from_beginning_with_a_local_one(broker, server, tmp_path):
    server.mode = "drips"
    now = timezone.now()
    EngineState.objects.create(name="libretranslate", pairs=[["en", "de"]], answered_at=now)
    EngineState.objects.create(name="scripted", answered_at=now)
    part = spoken_part()
    demand(part, "fr")
    say(part, "Said before the worker began.")
    running = Workers(
        broker, tmp_path, TRANSLATION_ENGINES="libretranslate scripted", LIBRETRANSLATE_URL=server.url,
        TRANSLATION_TIMEOUT_S="30",
    )  # fmt: skip
    running.start()
    try:
        until(lambda: bool(server.answered), within_s=60)
        until(lambda: bool(read(part, "fr")), within_s=20)  # it hangs for 30
    finally:
        running.kill()


def test_two_workers_translate_nothing_twice(workers, broker, server, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    other = Workers(
        broker, folder, "other", TRANSLATION_ENGINES="libretranslate", LIBRETRANSLATE_URL=server.url
    )
    EngineState.objects.update(answered_at=None)
    other.start()
    try:
        parts = [spoken_part(f"HALL{number}") for number in range(4)]
        for part in parts:
            demand(part, "de", "pt")
        for number in range(5):
            for part in parts:
                say(part, f"Sentence {number} in {part.pk}.")
        until(lambda: all(len(read(part, lang)) == 5 for part in parts for lang in ("de", "pt")))
        texts = [(text, body["target"]) for body in server.requests for text in body["q"] if text != "OK"]
        assert len(texts) == len(set(texts)) == 40
    finally:
        other.kill()


def test_when_the_database_cuts_every_connection_in_mid_batch_the_batch_is_done_again(workers, server):
    part = spoken_part()
    demand(part, "de")
    server.mode = "slow"
    say(part, "One.")
    until(lambda: len(server.requests) >= 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    server.mode = "ok"
    server.freed.set()
    figure("connections cut in mid-batch", "all there", until(translated(part, 1)))


def test_a_worker_killed_in_mid_batch_doubles_nothing_and_its_successor_goes_on(workers, server, speaker):
    part = spoken_part()
    demand(part, "de")
    server.mode = "slow"
    speaker.say(part, "One.", "Two.")
    until(lambda: len(server.requests) >= 1)
    workers.kill()
    assert Job.objects.exclude(token="").exists()
    server.mode = "ok"
    server.freed.set()
    EngineState.objects.update(answered_at=None)
    workers.start()
    figure(
        "worker killed in mid-batch",
        "all there, from its successor's start",
        until(translated(part, 2)),
    )


async def drafted(redis_url: str, part: Part, index: int) -> Draft:
    """What a reader is shown of a sentence that is being said, as a recogniser's process and a web process on that Redis have it."""
    layer = RedisPubSubChannelLayer(hosts=[redis_url], prefix="souffleur")
    group, channel = live.room_group(part.room_id), await layer.new_channel()
    await layer.group_add(group, channel)
    words = [f"word{number}" for number in range(12)]
    async with asyncio.timeout(2 * WITHIN_S):
        while True:
            for count in range(4, len(words)):
                said = " ".join(words[:count])
                partial = Partial("en", part.number, 0, said, index, confirmed_chars=len(said))
                message = {"type": "hub.events", "group": group, "events": [encode(partial)]}
                await layer.group_send(group, message)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        while True:
                            told = await layer.receive(channel)
                            for event in map(decode, told["events"]):
                                if isinstance(event, Draft):
                                    await layer.flush()
                                    return event


def test_after_a_restart_of_redis_translations_and_drafts_go_on(workers, broker, speaker):
    part = spoken_part()
    demand(part, "de")
    Demand.objects.update(drafts=1)
    speaker.say(part, "One.")
    until(translated(part, 1))
    assert asyncio.run(drafted(broker.url, part, 1)).text.startswith("[de] word0")
    broker.stop(signal.SIGKILL)
    assert speaker.say(part, "Two.") < 5.0
    broker.start()
    speaker.say(part, "Three.")
    figure("Redis restarted", "all there", until(translated(part, 3), within_s=60.0))
    assert asyncio.run(drafted(broker.url, part, 3)).index == 3
    assert len(read(part, "de")) == 3, "drafts are stored nowhere"


def test_while_redis_is_full_drafts_are_given_up_and_nothing_finished_and_all_goes_on_when_it_has_room(
    workers, broker, speaker, tmp_path
):
    part = spoken_part()
    demand(part, "de")
    Demand.objects.update(drafts=1)
    speaker.say(part, "One.")
    until(translated(part, 1))
    assert asyncio.run(drafted(broker.url, part, 1)).text.startswith("[de] word0")
    process = workers.pid
    with broker.full():  # it answers, but takes nothing: without eviction, as it is configured
        assert speaker.say(part, "Two.") < 5.0
        until(lambda: "rooms of drafts not read" in (tmp_path / "worker.log").read_text())
        assert speaker.say(part, "Three.") < 5.0
        assert len(read(part, "en")) == 3
        figure("Redis full", "translated meanwhile", until(translated(part, 3), within_s=60.0))
    speaker.say(part, "Four.")
    figure("Redis full", "all there", until(translated(part, 4), within_s=60.0))
    assert asyncio.run(drafted(broker.url, part, 4)).index == 4
    assert len(read(part, "de")) == 4, "drafts are stored nowhere"
    assert workers.pid == process


def test_without_a_broker_a_commit_neither_waits_nor_fails(workers, broker, speaker):
    part = spoken_part()
    demand(part, "de")
    speaker.say(part, "One.")
    until(translated(part, 1))
    broker.stop(signal.SIGKILL)
    times = [speaker.say(part, f"Sentence {number}.") for number in range(10)]
    figure("no broker", "commit p50", sorted(times)[5])
    assert sorted(times)[5] < 1.0, "kombu tries three times, for a second each"
    assert len(read(part, "en")) == 11
