"""The lease of a session: who may write for it, who is dead, who comes next.

Every write of an ASR process goes through `held`, which locks the session's row and compares the
generation: a process that was declared dead finds its generation gone and writes nothing.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from redis.exceptions import RedisError

from asr.audio_log import AudioLog
from asr.ending import begin_closing, close_to_viewers, finish_session, forbid_room, forget_if_closed
from asr.models import Session, Sweep
from asr.placement import is_queued, kill_process, request_process
from asr.selectors import live_workers, room_end
from asr.services import HOST_GONE_AFTER, begin_grace
from rooms.locks import locked
from rooms.models import Room
from transcripts import live
from transcripts.events import EngineReady, HostError

MAX_DEATHS = 5
DEATHS_WITHIN_S = 300
ASKED_AGAIN_AFTER = timedelta(seconds=5)  # asked for, not taken and not in the queue: the broker lost it
HANDED_OVER_WITHIN = timedelta(
    minutes=3
)  # taken by a worker that lives: its next process may load its model first
WAITING_TOLD_AFTER = timedelta(seconds=5)
WAITING_TOLD_EVERY_S = 60
PAUSED_AFTER = timedelta(seconds=6)  # three sweeps are missing
GIVEN_UP_AFTER = timedelta(minutes=10)  # closing, and no process takes it: nobody waits for its text any more
WAITING = "All engines are busy or starting; your audio is kept and will be transcribed"
logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another generation serves this session now; stop without writing."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write for one generation of a session."""

    session_id: int
    generation: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a process is, in audio time, and whether audio waits to be heard.

    `committed_ms`: everything before it is in committed sentences or is not speech.
    """

    heard_ms: int
    committed_ms: int
    audio_waits: bool
    delay_s: float
    counters: dict[str, float] = field(default_factory=dict)


@contextmanager
def held(lease: Lease) -> Iterator[Session]:
    """A transaction with the session's row locked. Raises LeaseLost."""
    with transaction.atomic():
        mine = Session.objects.filter(
            pk=lease.session_id, generation=lease.generation, state__in=Session.RUNNING
        )
        session = locked(mine.select_related("part", "room")).first()
        if session is None:
            raise LeaseLost
        yield session


def take(lease: Lease, *, worker: str) -> bool:
    """A worker's parent is about to give the task of this generation to a child: whether it is still due.

    True once a generation: a task that came twice, or that outlived its generation, costs no process.
    """
    due = Session.objects.filter(
        pk=lease.session_id, generation=lease.generation, state__in=Session.RUNNING, pid=None,
        worker__in=("", worker),
    )  # fmt: skip
    return due.update(worker=worker, beat_at=timezone.now()) == 1


def give_back_taken(worker: str) -> None:
    """This worker has forgotten what it took and gave to no process: the sweep asks for it again."""
    Session.objects.filter(worker=worker, pid=None, state__in=Session.RUNNING).update(worker="")


def claim(lease: Lease, *, worker: str, pid: int) -> Session:
    """Take the lease for this process; again, if the answer was lost. Raises LeaseLost.

    (Also where another process or worker has it already.)
    """
    with held(lease) as session:
        if session.pid not in (None, pid) or session.worker not in ("", worker):
            raise LeaseLost
        now = timezone.now()
        session.worker, session.pid = worker, pid
        session.beat_at = session.progress_at = now
        session.suspect_at = None
        session.save(update_fields=["worker", "pid", "beat_at", "progress_at", "suspect_at"])
    return session


def announce_ready(lease: Lease) -> None:
    """The process hears: tell the host."""
    with held(lease) as session:
        if session.state == Session.State.CLOSING:
            return  # nobody speaks there any more
        if session.state == Session.State.STARTING:
            session.state = Session.State.LIVE
            session.save(update_fields=["state"])
        if session.room_id is not None:
            transaction.on_commit(partial(live.publish_room, session.room_id, EngineReady(session.pk)))


def beat(lease: Lease, progress: Progress) -> str:
    """Renew the lease; returns the session's state. Raises LeaseLost."""
    with held(lease) as session:
        now = timezone.now()
        was_away = session.beat_at is None or _is_stale(session)  # nothing could be written, nothing went on
        if was_away or progress.heard_ms != session.heard_ms or not progress.audio_waits:
            session.progress_at = now
        session.beat_at, session.suspect_at = now, None
        session.heard_ms, session.audio_waits = progress.heard_ms, progress.audio_waits
        session.committed_ms = max(session.committed_ms, progress.committed_ms)
        session.delay_s = progress.delay_s
        session.counters = progress.counters
        session.save(
            update_fields=[
                "beat_at",
                "suspect_at",
                "heard_ms",
                "committed_ms",
                "audio_waits",
                "delay_s",
                "counters",
                "progress_at",
            ]
        )
        return session.state


def finish(lease: Lease) -> None:
    """All audio of a closing session is text: end it. Raises LeaseLost."""
    with held(lease) as session:
        finish_session(session)


def succeed(lease: Lease, *, died: bool = True) -> None:
    """This generation is over, start the next. A death counts; more than MAX_DEATHS in 5 min fail the session.

    `died`: by its own fault, not because PostgreSQL or Redis were away.
    """
    try:
        with held(lease) as session:
            now = timezone.now()
            recent = [at for at in session.deaths if at > now.timestamp() - DEATHS_WITHIN_S]
            session.deaths = [*recent, now.timestamp()] if died else recent
            if len(session.deaths) > MAX_DEATHS:
                _fail(session)
                return
            session.generation += 1
            session.worker, session.pid = "", None
            session.beat_at = session.suspect_at = None
            session.queued_at = now
            session.audio_waits = False
            session.save(
                update_fields=[
                    "deaths", "generation", "worker", "pid", "beat_at", "suspect_at", "queued_at", "audio_waits",
                ]
            )  # fmt: skip
            transaction.on_commit(partial(request_process, session.pk, session.generation), robust=True)
            logger.warning(
                "next generation",
                extra={"session": session.pk, "generation": session.generation, "died": died},
            )
    except LeaseLost:
        return  # somebody else was quicker


def sweep() -> None:
    """Repair what no signal told: silent or stuck processes, lost tasks, hosts gone, grace over, text to forget."""
    resumed_at = _note_sweep()
    for session in Session.objects.filter(state__in=Session.RUNNING).select_related("room"):
        try:
            _sweep_session(session, resumed_at)
        except Exception:
            # One session that cannot be repaired must not keep the others from it.
            logger.exception("session not swept", extra={"session": session.pk})
    unstored = Room.objects.filter(parts__store=False, parts__sentences__isnull=False).distinct()
    for room in unstored.exclude(sessions__state__in=Session.RUNNING):
        forget_if_closed(room)


@transaction.atomic
def _note_sweep() -> datetime | None:
    """When sweeping went on after its newest pause, if there ever was one."""
    now = timezone.now()
    Sweep.objects.get_or_create(pk=1, defaults={"at": now})
    row = locked(Sweep.objects.filter(pk=1)).get()
    if row.at < now - PAUSED_AFTER:
        row.resumed_at = now
    row.at = now
    row.save(update_fields=["at", "resumed_at"])
    return row.resumed_at


def _sweep_session(session: Session, resumed_at: datetime | None) -> None:
    lease = Lease(session.pk, session.generation)
    if session.room is not None and session.room.do_not_record:
        forbid_room(session.room.pk)
    elif session.pid is not None:
        # It has not beaten since before the pause: what kept the sweeps away kept it from beating, or killed it.
        by_outage = session.beat_at is not None and resumed_at is not None and session.beat_at < resumed_at
        if _is_silent(session, by_outage=by_outage) or _is_stuck(session):
            kill_process(session)
            succeed(lease, died=not by_outage)
    elif _is_given_up(session):
        _give_up(lease)
    else:
        _see_to_process(session)
    _sweep_host(lease)
    if session.room_id is not None and room_end(session.room_id).due_in_s == 0:
        close_to_viewers(session.room_id)


def _see_to_process(session: Session) -> None:
    """No process serves it yet. Its generation stays, and with it its task: another would only stand behind it."""
    now = timezone.now()
    if session.worker:
        if _is_forgotten(session):
            # In this order: a worker never runs what it was told to kill, so that generation must be over by then.
            succeed(Lease(session.pk, session.generation), died=False)
            kill_process(session)
    elif session.queued_at < now - ASKED_AGAIN_AFTER and is_queued(session) is False:
        request_process(session.pk, session.generation)
    if session.state in Session.OPEN and session.queued_at < now - WAITING_TOLD_AFTER:
        _tell_waiting(session)


def _is_forgotten(session: Session) -> bool:
    """A worker took its task, and has gone or has found no process for it."""
    if session.beat_at is None or session.beat_at < timezone.now() - HANDED_OVER_WITHIN:
        return True
    return session.worker not in live_workers()


def _tell_waiting(session: Session) -> None:
    """The host reads why nothing is transcribed; now and then, not with every sweep."""
    try:
        first = cache.add(f"waiting-told-{session.pk}", value=True, timeout=WAITING_TOLD_EVERY_S)
    except RedisError:
        return  # the host could not be told either
    if first and session.room_id is not None:
        logger.warning("waits for a process", extra={"session": session.pk, "room": session.room_id})
        live.publish_room(session.room_id, HostError("waiting_for_engine", WAITING))


def _is_stale(session: Session) -> bool:
    limit = timezone.now() - timedelta(seconds=settings.ENV.asr_beat_stale_s)
    return session.beat_at is not None and session.beat_at < limit


def _is_silent(session: Session, *, by_outage: bool) -> bool:
    """Stale twice, a sweep apart; after a pause of the sweeps every lease is stale, and all have time to beat again."""
    now = timezone.now()
    if not _is_stale(session):
        return False
    if session.suspect_at is None:
        Session.objects.filter(pk=session.pk, generation=session.generation).update(suspect_at=now)
        return False
    patience_s = settings.ENV.asr_beat_stale_s if by_outage else 1
    return session.suspect_at < now - timedelta(seconds=patience_s)


def _is_stuck(session: Session) -> bool:
    """It answers, but audio time stands still while audio waits."""
    limit = timezone.now() - timedelta(seconds=settings.ENV.asr_stuck_s)
    if _is_stale(session) or not session.audio_waits:
        return False
    return session.progress_at is not None and session.progress_at < limit


def _is_given_up(session: Session) -> bool:
    if session.state != Session.State.CLOSING or session.progress_at is None:
        return False
    return session.progress_at < timezone.now() - GIVEN_UP_AFTER


def _give_up(lease: Lease) -> None:
    try:
        with held(lease) as session:
            logger.error("closing session given up", extra={"session": session.pk, "room": session.room_id})
            finish_session(session, state=Session.State.FAILED)
            log = AudioLog(settings.REDIS_URL, session.audio_key)
            transaction.on_commit(log.delete, robust=True)
    except LeaseLost:
        return


def _sweep_host(lease: Lease) -> None:
    now = timezone.now()
    try:
        with held(lease) as session:
            if session.state not in Session.OPEN:
                return
            if session.host_seen_at is not None and session.host_seen_at < now - HOST_GONE_AFTER:
                begin_grace(session)
            elif session.grace_until is not None and session.grace_until < now:
                begin_closing(session, by="end of grace")
    except LeaseLost:
        return


def _fail(session: Session) -> None:
    logger.error("session failed", extra={"session": session.pk, "deaths": len(session.deaths)})
    if session.room_id is not None and session.closed_to_viewers_at is None:
        error = HostError("asr_failed", "Transcription failed repeatedly; the room was closed")
        transaction.on_commit(partial(live.publish_room, session.room_id, error))
    finish_session(session, state=Session.State.FAILED)
