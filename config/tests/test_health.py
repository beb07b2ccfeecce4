"""GET /health: 503 until everything has answered once, and then nobody loses a socket because of an outage."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest
import requests
from django.core.cache import cache
from django.http import HttpResponse
from django.middleware.security import SecurityMiddleware

from asr.models import Worker
from asr.tests.make import beat_for_a_test
from config import health
from config.models import Installation
from gateways.conference.audio import HELD_FOR_S
from ops.faults.stack import Stack

WITHIN_S = 60.0


class Clock:
    """Stands still until told."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(clock: Clock) -> Iterator[health.Watch]:
    """A process that asks when the test says so, of an installation that was never ready."""
    cache.delete(health.READY_KEY)
    yield health.Watch(clock=clock)
    cache.delete(health.READY_KEY)


def worker() -> Worker:
    return Worker.objects.create(
        name="asr@here", slots=1, model="base", device="cpu", beat_at=beat_for_a_test()
    )


def ask(watch: health.Watch) -> health.Known:
    """One round of both threads."""
    watch.ask_redis()
    watch.ask_database()
    return watch._known


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
def test_who_asks_a_process_itself_is_not_sent_to_https(rf, settings, path):
    """Proxies and probes ask without TLS, and would take the redirect for an answer, or for none."""
    settings.SECURE_SSL_REDIRECT = True
    middleware = SecurityMiddleware(lambda request: HttpResponse("answered"))
    assert middleware(rf.get(path)).content == b"answered"
    assert middleware(rf.get("/")).status_code == 301


@pytest.mark.django_db
class TestFirstReadiness:
    def test_not_ready_until_an_asr_worker_has_answered(self, watch, clock):
        assert not ask(watch).ok(clock())
        assert not Installation.objects.exists()
        worker()
        assert ask(watch).ok(clock())

    def test_not_ready_before_redis_has_answered(self, watch, clock):
        worker()
        watch.ask_database()
        assert not watch._known.ok(clock())
        assert ask(watch).ok(clock())

    def test_another_process_knows_it_from_postgresql_whatever_has_died_since(self, watch, clock):
        worker()
        ask(watch)
        Worker.objects.all().delete()
        cache.delete(health.READY_KEY)
        successor = health.Watch(clock=clock)
        successor.ask_database()
        assert successor._known.ok(clock())
        assert {"asr", "redis"} <= set(successor._known.missing(clock()))

    def test_without_postgresql_another_process_knows_it_from_redis(self, watch, clock):
        worker()
        ask(watch)
        watch.ask_redis()
        successor = health.Watch(clock=clock)
        successor.ask_redis()
        assert successor._known.ok(clock())
        assert successor._known.missing(clock()) == ["database"]

    def test_where_nobody_knows_it_is_not_called_ready(self, watch, clock):
        assert not watch._known.ok(clock())


class TestOutage:
    HEALTHY = health.Known(
        1000.0,
        1000.0,
        database_answered=True,
        redis_answered=True,
        asr=True,
        translation=True,
        was_ready=True,
    )

    def test_whole_stack_is_degraded_in_nothing(self):
        assert self.HEALTHY.missing(1001.0) == []

    @pytest.mark.parametrize("part", ["asr", "translation"])
    def test_engine_that_is_away_is_told_and_takes_nobody_s_socket(self, part):
        known = replace(self.HEALTHY, **{part: False})
        assert known.missing(1001.0) == [part]
        assert known.ok(1001.0)

    @pytest.mark.parametrize("part", ["database", "redis"])
    def test_server_that_is_away_costs_no_socket_while_hosts_audio_is_held(self, part):
        now_s = 1000.0 + HELD_FOR_S
        known = replace(self.HEALTHY, database_at_s=now_s, redis_at_s=now_s)
        known = replace(known, **{f"{part}_at_s": 1000.0})
        assert known.missing(now_s) == [part]
        assert known.ok(now_s)
        assert not known.ok(now_s + 1.0)

    def test_audio_is_held_for_about_two_minutes(self):
        assert 100 < HELD_FOR_S < 150


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    return shared_stack


@contextlib.contextmanager
def frozen(stack: Stack, program: str) -> Iterator[None]:
    """The program and its children stand still: what is sent to them is taken and never answered."""
    parent = psutil.Process(stack.pid(program))
    processes = [parent, *parent.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def asked(stack: Stack, *, until: list[str] | None = None) -> requests.Response:
    """The answer; `until`: ask on until it is degraded so."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        with contextlib.suppress(requests.ConnectionError):  # web begins again
            answer = requests.get(f"{stack.url}/health", timeout=WITHIN_S)
            if until is None or answer.json().get("degraded", []) == until:
                return answer
            assert answer.status_code == 200, answer.json()
        assert time.monotonic() < deadline, answer.json()
        time.sleep(0.1)


@pytest.mark.stack
class TestWholeStack:
    @pytest.mark.parametrize("program", ["redis", "postgres"])
    def test_silent_server_makes_the_answer_degraded_at_every_moment_200(self, stack, program):
        asked(stack, until=[])
        name = {"postgres": "database"}.get(program, program)
        with frozen(stack, program):
            assert asked(stack, until=[name]).status_code == 200
        assert asked(stack, until=[]).json() == {"status": "ok"}

    def test_dead_recogniser_makes_it_degraded(self, stack):
        with frozen(stack, "asr"):
            assert asked(stack, until=["asr"]).json() == {"status": "ok", "degraded": ["asr"]}
        asked(stack, until=[])

    def test_web_process_that_begins_while_postgresql_is_silent_says_ok(self, stack):
        web = stack.pid("web")
        with frozen(stack, "postgres"):
            stack.kill(web, signal.SIGKILL)
            assert asked(stack, until=["database"]).json() == {"status": "ok", "degraded": ["database"]}
            assert stack.pid("web") != web
        asked(stack, until=[])
