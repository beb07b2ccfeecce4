"""The writers of the races (races.py): each step is what one process of a stack does in one go."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import psycopg
from django.core.exceptions import ObjectDoesNotExist
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.utils import timezone

from asr import leases, sweeps
from asr.caption.captioner import SentenceReady
from asr.delay import SpokenClock
from asr.leases import Lease, LeaseLost, Progress
from asr.models import Session, Worker
from asr.rooms import ending, pen, presence, services
from asr.rooms.models import RoomSession
from asr.sinks.transcript import TranscriptSink
from ops.faults.races import NO_SUCH_PID, OLD_PARTS
from rooms.errors import DomainError
from rooms.models import Room
from rooms.schedule import Schedule, ScheduledTalk
from rooms.services import apply_schedule
from transcripts.models import Part, Sentence, Track
from transcripts.revisions import Editor
from transcripts.services import (
    PartTerms,
    Translation,
    add_translations,
    correct_sentence,
)
from translation import claims, demand, due, store, work
from translation import services as translation
from translation.models import Job

SPEAKER, TRANSLATOR, LATE, DELETION = "speaker", "translator", "late translation", "deletion"
SETTLED = "note that a part was deleted"
LANGS = ("de", "es", "fr", "it", "nl", "pl", "pt", "uk")
TERMS = PartTerms("en", store=True, public=True, owner_id=None)
Step = Callable[[], None]
_numbers = itertools.count()


class RacedRoom:
    """A live room. `host_lease` and its lease belong to the process that opened it."""

    def __init__(self, room: Room, part: Part, host_lease: services.HostLease | None, lease: Lease) -> None:
        self.room, self.part = room, part
        self._host_lease, self._lease = host_lease, lease
        self._sink = TranscriptSink(lease, part)
        self._spoken = 0

    def speak(self) -> None:
        """The next sentence, written as an ASR process does."""
        start_ms = 2000 * self._spoken
        self._spoken += 1
        sentence = SentenceReady(
            start_ms, start_ms + 2000, f"Sentence {self._spoken}.", self._spoken % 7 == 0
        )
        self._sink.handle([sentence], committed_ms=start_ms + 2000, clock=SpokenClock())

    def beat(self) -> None:
        """The process renews its lease, the host its lease."""
        leases.beat(self._lease, Progress(0, 0, audio_waits=False, delay_s=0.0))
        if self._host_lease is not None:
            presence.renew_host_lease(self._host_lease)

    def correct(self) -> None:
        """A sentence of this room, in any language, is corrected."""
        recent = Sentence.objects.filter(track__room=self.room).order_by("-pk")[:100]
        sentence = random.choice(list(recent) or [None])  # noqa: S311  (no secret)
        if sentence is not None:
            by = Editor(None, "admin")
            correct_sentence(sentence=sentence, text=f"Correction {next(_numbers)}.", by=by)

    def type(self) -> None:
        """A person takes the pen, writes a sentence, perhaps takes it back, and gives the pen up."""
        lease = pen.take_pen(self.room.pk)
        now, name = timezone.now(), f"race-{next(_numbers)}"
        pen.show_typed(lease, "Typ", began_at=now)
        pen.write_typed(lease, pen.TypedSentence(name, "Typed.", now, now))
        if random.random() < 0.3:  # noqa: S311  (no secret)
            pen.undo_typed(self.room.pk, name, by=Editor(None, "captioner"))
        pen.release_pen(lease)

    def delete(self) -> None:
        """An old part goes, while its languages are being completed."""
        part = Part.objects.filter(room=self.room, ended_at__isnull=False).order_by("number").first()
        if part is not None:
            translation.complete_part(part.pk)
            part.delete()

    def wake(self) -> None:
        """A worker finds due jobs."""
        due.find()

    def change_demand(self) -> None:
        """Readers come and go."""
        holder = f"races-{threading.get_ident()}"
        langs = random.sample(LANGS, 5)
        demand.lease(holder, {(self.room.pk, lang): 1 for lang in langs})
        demand.drop(holder, self.room.pk, random.choice(langs))  # noqa: S311


def opened(code: str) -> RacedRoom:
    """A room with old parts, whose present part this process serves."""
    Worker.objects.update_or_create(
        name="asr@races",
        defaults={"slots": 99, "model": "", "device": "", "beat_at": timezone.now() + timedelta(hours=1)},
    )
    room = Room.objects.create(
        code=code, title=code, origin=Room.Origin.SCHEDULE, published=True, in_schedule=True
    )
    _old_parts(room)
    host_lease, lease = _open(room, TERMS)
    return RacedRoom(room, _part(lease), host_lease, lease)


def joined(code: str) -> RacedRoom:
    """The same room, seen from another process."""
    room = Room.objects.get(code=code)
    session = Session.objects.get(room_session__room=room, state__in=Session.OPEN)
    lease = Lease(session.pk, session.generation)
    return RacedRoom(room, _part(lease), None, lease)


def crowd(rooms: list[RacedRoom]) -> list[tuple[str, Step]]:
    """Everybody but the rooms' own processes, as (name, step)."""
    new = {"title": "RACEX", "origin": Room.Origin.SCHEDULE, "published": True}
    visited, _ = Room.objects.get_or_create(code="RACEX", defaults=new)
    steps: list[tuple[str, Step]] = [("host", lambda: _visit(visited)), ("schedule", _change_schedule)]
    steps += [("sweep", sweeps.sweep), ("translation sweep", translation.sweep), ("admin retry", _retry)]
    for room in rooms:
        steps += [("admin correction", room.correct), (DELETION, room.delete), ("captioner", room.type)]
        steps += [("reader", room.change_demand), ("waking", room.wake)]
    parts = [room.part for room in rooms]
    steps += [(LATE, partial(_translate_all, parts, lang)) for lang in LANGS]
    steps += [(TRANSLATOR, partial(_work_next, name)) for name in ("one", "two")]
    return steps


def attempt(step: Step) -> str:
    """One step; the name of what it may not raise. Losing a race by the rules is no fault, nor is a vanished row."""
    try:
        step()
    except (LeaseLost, DomainError, claims.ClaimLost, ObjectDoesNotExist):
        return ""
    except DatabaseError as error:
        if isinstance(error.__cause__, psycopg.Error):
            cause = error.__cause__
            return f"{type(cause).__name__} {cause.diag.constraint_name or ''}".strip()
        return type(error).__name__
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


@contextmanager
def connected(name: str) -> Iterator[None]:
    """A thread with a connection of its own, which PostgreSQL knows by the writer's name."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('application_name', %s, false)", [name])
        yield
    finally:
        connection.close()


def deadlocks() -> int:
    """How many this database has seen. Counts what connections did that are closed by now."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = ANY(%s)"
    names = [SPEAKER, TRANSLATOR, LATE, "admin correction", DELETION, "host", "waking"]
    with connection.cursor() as cursor:
        while True:
            cursor.execute(others, [names])
            if cursor.fetchone() == (0,):
                break
            time.sleep(0.02)
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def blockers_of_speakers() -> list[str]:
    """The writers whose locks the speakers wait for at this moment.

    A deletion says behind itself, by one statement for each track, that it was: that is no waiting for the deletion.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN holding.application_name = %s AND holding.query LIKE %s THEN %s "
            "ELSE holding.application_name END FROM pg_stat_activity waiting "
            "JOIN pg_stat_activity holding ON holding.pid = ANY(pg_blocking_pids(waiting.pid)) "
            "WHERE waiting.application_name = %s",
            [DELETION, 'UPDATE "transcripts_track"%', SETTLED, SPEAKER],
        )
        return [name for (name,) in cursor.fetchall()]


def _part(lease: Lease) -> Part:
    return RoomSession.objects.select_related("part").get(pk=lease.session_id).part


def _open(room: Room, terms: PartTerms) -> tuple[services.HostLease, Lease]:
    """A host takes its lease, and this process the lease."""
    host_lease = services.join_as_host(services.HostRequest(room.code, terms))
    lease = Lease(host_lease.session_id, Session.objects.get(pk=host_lease.session_id).generation)
    leases.claim(lease, worker="asr@races", pid=NO_SUCH_PID)
    leases.announce_ready(lease)
    return host_lease, lease


def _old_parts(room: Room) -> None:
    """Parts that ended long ago, with translations into some languages."""
    parts = Part.objects.bulk_create(
        Part(
            room=room, number=number, broadcast=number, source_lang="en", store=number % 2 == 0, public=True,
            ended_at=timezone.now(),
        )
        for number in range(1, OLD_PARTS + 1)
    )  # fmt: skip
    for lang in ("en", *LANGS[:4]):
        track = Track.objects.create(room=room, lang=lang, version=1)
        Sentence.objects.bulk_create(
            Sentence(
                track=track, part=part, index=index, line=0, position=index, start_ms=2000 * index,
                end_ms=2000 * index + 2000, text=f"Old sentence {index}.", version=1,
                of_version=None if lang == "en" else 1,
            )
            for part in parts
            for index in range(20)
        )  # fmt: skip


def _visit(room: Room) -> None:
    """A host without storage opens a room, speaks, restarts, and leaves: all of it is deleted."""
    host_lease, lease = _open(room, replace(TERMS, store=False))
    part = _part(lease)
    demand.lease("races-visit", {(room.pk, lang): 1 for lang in LANGS})
    TranscriptSink(lease, part).handle(
        [SentenceReady(2000 * n, 2000 * n + 2000, f"Visit {n}.", False) for n in range(5)],
        committed_ms=10_000, clock=SpokenClock(),
    )  # fmt: skip
    due.find()
    for lang in LANGS:
        _translate(part, lang)
    successor = Session.objects.get(
        pk=services.restart_session(room_id=room.pk, connection_id=host_lease.connection_id)
    )
    leases.finish(lease)
    lease = Lease(successor.pk, successor.generation)
    leases.claim(lease, worker="asr@races", pid=NO_SUCH_PID)
    ending.close_room(room.pk, by="racer")
    leases.finish(lease)


def _translate(part: Part, lang: str) -> None:
    """What a worker stores that took long: any of the newest sentences, some outdated by now, in any order."""
    rows = list(Sentence.objects.filter(part=part, track__lang=part.source_lang).order_by("-index")[:8])
    random.shuffle(rows)
    texts = [Translation(row.index, f"[{lang}] {row.text} {next(_numbers)}", row.version) for row in rows]
    add_translations(part=part, lang=lang, translations=texts)


def _translate_all(parts: list[Part], lang: str) -> None:
    for part in parts:
        _translate(part, lang)


def _work_next(name: str) -> None:
    work.work_next(f"translation@{name}")


def _retry() -> None:
    translation.retry(Job.objects.all())
    store.retry_failing()
    claims.release_lost(worker="translation@nobody")


def _change_schedule() -> None:
    now = timezone.now()
    codes = list(Room.objects.filter(origin=Room.Origin.SCHEDULE).values_list("code", flat=True))
    with transaction.atomic():
        talks = [
            ScheduledTalk(
                code=code, title=f"Title {next(_numbers)}", abstract="", track="", colour="#808080",
                location="Hall", presenters=(), starts_at=now, ends_at=now + timedelta(hours=1), language="en",
                recording="allowed", event={"code": code, "do_not_record": False},
            )
            for code in codes
        ]  # fmt: skip
        apply_schedule(Schedule(talks))
