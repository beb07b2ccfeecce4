"""What every web process tells alike, because it is read from PostgreSQL when metrics are asked for: rooms, slots, engines, queues.

With several web processes a question takes the greatest of what they say (`max by (…)`), never the sum.
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count as Rows
from django.db.models import Q, Sum
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from asr.models import Session, Sweep, Worker
from asr.recognise.counters import Counters
from asr.rooms.overview import SessionNow, sessions_now
from asr.selectors import WORKER_LIVES_FOR, counter_totals, max_active_rooms
from asr.sessions import slots_taken
from pages.live_board import board
from rooms import redis_connections
from rooms.metric_labels import lang_label
from translation.models import Demand, EngineState, Job
from translation.overview import engines_now

STATES = ("opening", "waiting", "live", "grace", "closing", "failed")
QUEUES = ("asr", "translation", "sweeps")
WAITS_AFTER_S = 5.0  # for a process that is not just being started
GONE_SHOWN_FOR = timedelta(hours=1)
HALLS_MOST = 100
REDIS_WITHIN_S = 1.0
GAUGES_AMONG_COUNTERS = {"shed_level"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric that is read when it is asked for."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    kind: str = "gauge"

    def family(self, values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
        """With its values by label."""
        make = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family = make(self.name, self.meaning, labels=self.labels)
        for labels, value in values:
            family.add_metric(labels, value)
        return family


ROOMS = Figure(
    "souffleur_rooms",
    "Rooms by state: opening and waiting (for a process, longer than 5 s), live, grace (the host is away), closing, "
    "failed (in the last quarter of an hour, and not opened again)",
    ("state",),
)
WAITING = Figure(
    "souffleur_sessions_waiting", "Sessions of every kind that nobody serves, longer than 5 s: too few recognisers"
)  # fmt: skip
SESSIONS = Figure(
    "souffleur_sessions", "Sessions that take a slot, by kind: room, meeting, stream", ("kind",)
)
HOSTS = Figure("souffleur_hosts", "Hosts that are connected")
VIEWERS = Figure("souffleur_viewers", "Readers of rooms by language; some seconds old", ("lang",))
PROBLEMS = Figure(
    "souffleur_room_problems",
    "What /live says of rooms, by hall: no_sound, no_words, late, waits, host_away, process_silent, failed and others; "
    "level warn or bad",
    ("hall", "problem", "level"),
)
DELAY = Figure(
    "souffleur_transcription_delay_seconds", "How late text is now, of a hall's latest room", ("hall",)
)
TRANSLATION_DELAY = Figure(
    "souffleur_translation_delay_seconds", "How late translations are behind text, of a hall's latest room", ("hall",)
)  # fmt: skip
SLOTS = Figure("souffleur_slots", "Rooms that the living workers may serve at once")
TAKEN = Figure("souffleur_slots_taken", "Of them those that sessions take")
WORKERS = Figure(
    "souffleur_workers", "Workers on the queue asr: alive, or gone (silent for 10 s, within the last hour)", ("state",)
)  # fmt: skip
ENGINE_UP = Figure("souffleur_translation_engine_up", "1: it is in use and has answered lately", ("engine",))
ENGINE_PAIRS = Figure(
    "souffleur_translation_pairs_open", "Pairs of languages that an engine is not asked for at present", ("engine",)
)  # fmt: skip
ENGINE_LATENCY = Figure("souffleur_translation_engine_latency_seconds", "Rolling mean of a call", ("engine",))
JOBS = Figure(
    "souffleur_translation_jobs",
    "Rooms' languages: due (and not taken yet), failing (the last call failed)",
    ("state",),
)
SWEPT = Figure("souffleur_sweep_age_seconds", "Since sessions were last swept; every 2 s where all is well")
QUEUED = Figure(
    "souffleur_queue_length", "Messages that wait in a Celery queue; not there while Redis is away", ("queue",)
)  # fmt: skip
ENGINE_TOTALS = tuple(
    Figure(f"souffleur_asr_{field.name}", "Over all sessions (asr/recognise/counters.py)", kind="counter")
    for field in fields(Counters)
    if field.name not in GAUGES_AMONG_COUNTERS
)
FIGURES: tuple[Figure, ...] = (
    ROOMS, WAITING, SESSIONS, HOSTS, VIEWERS, PROBLEMS, DELAY, TRANSLATION_DELAY, SLOTS, TAKEN, WORKERS, ENGINE_UP,
    ENGINE_PAIRS, ENGINE_LATENCY, JOBS, SWEPT, QUEUED, *ENGINE_TOTALS,
)  # fmt: skip


def from_database() -> Iterator[Metric]:
    """A fixed number of queries."""
    now = timezone.now()
    sessions = sessions_now(now=now)
    running = Session.objects.filter(state__in=Session.OPEN).exclude(kind=Session.Kind.TYPED)
    kinds = dict(running.order_by().values("kind").annotate(n=Rows("pk")).values_list("kind", "n"))
    yield ROOMS.family(_by_state(sessions.values()))
    waits_from = now - timedelta(seconds=WAITS_AFTER_S)
    yield WAITING.family([((), running.filter(pid=None, queued_at__lt=waits_from).count())])
    yield SESSIONS.family([((kind,), kinds.get(kind, 0)) for kind in ("room", "meeting", "stream")])
    yield HOSTS.family([((), sum(each.host_state == "connected" for each in sessions.values()))])
    yield VIEWERS.family(_viewers())
    yield from _by_hall(board()["halls"])
    yield from _of_workers()
    yield from _of_engines()
    swept = Sweep.objects.filter(pk=1).first()
    yield SWEPT.family([((), max(0.0, (now - swept.at).total_seconds()))] if swept else [])
    yield from _engine_totals()


def from_redis() -> Iterator[Metric]:
    """Nothing where it does not answer in time."""
    client = redis_connections.client(
        settings.REDIS_URL,
        socket_timeout=REDIS_WITHIN_S,
        socket_connect_timeout=REDIS_WITHIN_S,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        yield QUEUED.family([((queue,), float(client.llen(queue))) for queue in QUEUES])
    except (RedisError, OSError):
        return
    finally:
        client.close()


def _by_state(sessions: Iterable[SessionNow]) -> Iterator[tuple[tuple[str, ...], float]]:
    count = Count(_state(each) for each in sessions)
    return (((state,), float(count[state])) for state in STATES)


def _state(session: SessionNow) -> str:
    if session.state == Session.State.STARTING:
        return "waiting" if (session.waits_s or 0) > WAITS_AFTER_S else "opening"
    if session.is_open and session.host_state == "away":
        return "grace"
    return session.state


def _viewers() -> Iterator[tuple[tuple[str, ...], float]]:
    rows = Demand.objects.filter(expires_at__gt=timezone.now()).order_by().values("lang")
    count: Count[str] = Count()
    for lang, readers in rows.annotate(n=Sum("readers")).values_list("lang", "n"):
        count[lang_label(lang)] += readers
    return (((lang,), float(readers)) for lang, readers in sorted(count.items()))


def _by_hall(halls: Iterable[dict[str, Any]]) -> Iterator[Metric]:
    """A hall is named as on /live."""
    problems: Count[tuple[str, ...]] = Count()
    delays: dict[str, dict[tuple[str, ...], float]] = {"delay_s": {}, "translation_s": {}}
    for number, hall in enumerate(halls):
        name = hall["name"] if number < HALLS_MOST else "other"
        for room in hall["rooms"]:
            problems.update((name, each["code"], each["level"]) for each in room["problems"])
            for key, latest in delays.items():
                if room[key] is not None:
                    latest[(name,)] = max(room[key], latest.get((name,), 0.0))
    yield PROBLEMS.family((labels, float(number)) for labels, number in sorted(problems.items()))
    yield DELAY.family(delays["delay_s"].items())
    yield TRANSLATION_DELAY.family(delays["translation_s"].items())


def _of_workers() -> Iterator[Metric]:
    now = timezone.now()
    known = Worker.objects.filter(beat_at__gt=now - GONE_SHOWN_FOR)
    count = known.aggregate(
        alive=Rows("pk", filter=Q(beat_at__gt=now - WORKER_LIVES_FOR)),
        gone=Rows("pk", filter=Q(beat_at__lte=now - WORKER_LIVES_FOR)),
    )
    yield WORKERS.family(((state,), float(number)) for state, number in count.items())
    yield SLOTS.family([((), float(max_active_rooms()))])
    yield TAKEN.family([((), float(slots_taken()))])


def _of_engines() -> Iterator[Metric]:
    engines = engines_now()
    latency = dict(EngineState.objects.values_list("name", "latency_s"))
    yield ENGINE_UP.family(((each.name,), float(each.answers)) for each in engines)
    yield ENGINE_PAIRS.family(((each.name,), float(len(each.broken_pairs))) for each in engines)
    yield ENGINE_LATENCY.family(((each.name,), latency.get(each.name, 0.0)) for each in engines)
    jobs = Job.objects.aggregate(
        due=Rows("pk", filter=Q(due_at__lte=timezone.now(), token="")),
        failing=Rows("pk", filter=Q(failures__gt=0)),
    )
    yield JOBS.family(((state,), float(number)) for state, number in jobs.items())


def _engine_totals() -> Iterator[Metric]:
    names = [figure.name.removeprefix("souffleur_asr_") for figure in ENGINE_TOTALS]
    totals = counter_totals(names)
    for figure, name in zip(ENGINE_TOTALS, names, strict=True):
        yield figure.family([((), totals[name])])
