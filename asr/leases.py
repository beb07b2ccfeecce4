"""The lease of a session: which process may write for it, which is dead, which generation comes next.

Every write of an ASR process goes through `held`, which locks the session's row and compares the
generation: a process that was declared dead finds its generation gone and writes nothing.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from asr.kinds import kind_of
from asr.metrics import DEATHS
from asr.models import Session, Worker
from asr.placement import STANDS_BY, request_process
from asr.selectors import taking_workers
from asr.sessions import finish_session
from rooms.locks import locked

MAX_DEATHS = 5
DEATHS_WITHIN_S = 300
WARM_SAID_WITHIN = timedelta(seconds=5)  # two beats of a worker: one that was killed takes nothing
STANDBY_SAID_WITHIN = timedelta(seconds=5)
OF_A_GENERATION = (
    "generation", "worker", "pid", "beat_at", "suspect_at", "queued_at", "audio_waits",
    "standby_worker", "standby_pid", "standby_at",
)  # fmt: skip
OF_PROGRESS = ("heard_ms", "committed_ms", "audio_waits", "delay_s", "counters")
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
    """How far a process is, in audio time, and whether audio waits to be processed.

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
        session = locked(mine).first()
        if session is None:
            raise LeaseLost
        yield session


def reserve(lease: Lease, *, worker: str) -> bool:
    """Reserve this generation for a worker whose parent is about to hand its task to a child: whether it is still due.

    True once per generation: a task that came twice, or that outlived its generation, costs no process.
    """
    due = Session.objects.filter(
        pk=lease.session_id, generation=lease.generation, state__in=Session.RUNNING, pid=None,
        worker__in=("", worker),
    )  # fmt: skip
    return due.update(worker=worker, beat_at=timezone.now()) == 1


def release_reserved(worker: str) -> None:
    """This worker has lost the tasks that it reserved and handed to no process: the sweep requests them again."""
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
    """The process is ready for audio."""
    with held(lease) as session:
        if session.state == Session.State.CLOSING:
            return  # no host speaks there any more
        if session.state == Session.State.STARTING:
            session.state = Session.State.LIVE
            session.save(update_fields=["state"])
        kind_of(session).ready(session)


def beat(lease: Lease, progress: Progress) -> str:
    """Renew the lease; returns the session's state. Raises LeaseLost."""
    with held(lease) as session:
        now = timezone.now()
        was_away = session.beat_at is None or is_stale(session)  # nothing could be written, nothing went on
        if was_away or progress.heard_ms != session.heard_ms or not progress.audio_waits:
            session.progress_at = now
        if progress.heard_ms != session.heard_ms:
            session.heard_at = now
        session.beat_at, session.suspect_at = now, None
        _note_progress(session, progress)
        session.save(update_fields=["beat_at", "suspect_at", "heard_at", "progress_at", *OF_PROGRESS])
        kind_of(session).beaten(session)
        return session.state


def _note_progress(session: Session, progress: Progress) -> None:
    session.heard_ms, session.audio_waits = progress.heard_ms, progress.audio_waits
    session.committed_ms = max(session.committed_ms, progress.committed_ms)
    session.delay_s, session.counters = progress.delay_s, progress.counters


def is_stale(session: Session) -> bool:
    """Its process has not renewed it for too long."""
    limit = timezone.now() - timedelta(seconds=settings.ENV.asr_beat_stale_s)
    return session.beat_at is not None and session.beat_at < limit


def finish(lease: Lease, progress: Progress | None = None) -> None:
    """All audio of a closing session is text: end it. `progress`: how far it came behind the last beat. Raises LeaseLost."""
    with held(lease) as session:
        if progress is not None:
            _note_progress(session, progress)
            session.save(update_fields=OF_PROGRESS)
        finish_session(session)


def start_next_generation(lease: Lease, *, died: bool = True) -> None:
    """This generation is over, start the next. More than MAX_DEATHS in 5 min without any text fail the session.

    `died`: by its own fault, not because PostgreSQL or Redis were away. Deaths before the last progress do not count:
    it is not the talk that kills its process.
    """
    try:
        with held(lease) as session:
            now = timezone.now()
            went_on = session.committed_ms > session.died_at_ms
            since = float("inf") if went_on else now.timestamp() - DEATHS_WITHIN_S
            session.deaths = [at for at in session.deaths if at > since]
            if died:
                transaction.on_commit(DEATHS.labels(session.kind).inc)
                session.deaths.append(now.timestamp())
                session.died_at_ms = session.committed_ms
            if len(session.deaths) > MAX_DEATHS:
                _fail(session)
                return
            session.save(update_fields=["deaths", "died_at_ms"])
            _request_next(session)
            logger.warning(
                "next generation",
                extra={"session": session.pk, "generation": session.generation, "died": died},
            )
    except LeaseLost:
        return  # somebody else was quicker


def move(lease: Lease, *, at_once: bool, to_standby: bool = False) -> bool:
    """Give the session to the next generation, because this one's worker is to end; its text is written up to here.

    `to_standby`: a process that stands by has it at once; no audio was trimmed since it was requested. False: the session
    stays, as no other worker has a loaded process for it; `at_once`: it goes all the same, and waits for one. Raises LeaseLost.
    """
    with held(lease) as session:
        if to_standby and is_stood_by(session):
            _hand_over(session)
            return True
        place = _take_place()
        if place is None and not at_once:
            return False
        _request_next(session)
        logger.info(
            "session moves",
            extra={"session": session.pk, "generation": session.generation, "waits": place is None},
        )
        return True


def request_standby(lease: Lease) -> bool:
    """Ask for a process on another worker that reads along, to take over (asr/standby.py).

    False: no other worker has a loaded process for it. Raises LeaseLost.
    """
    with held(lease) as session:
        if _take_place() is None:
            return False
        request = partial(request_process, session.pk, session.generation + 1, name=STANDS_BY)
        transaction.on_commit(request, robust=True)
        return True


def stood_by(lease: Lease) -> bool:
    """Whether a process stands by that can take over now."""
    session = Session.objects.filter(pk=lease.session_id, generation=lease.generation).first()
    return session is not None and is_stood_by(session)


def is_stood_by(session: Session) -> bool:
    """The same of this row."""
    return session.standby_at is not None and session.standby_at > timezone.now() - STANDBY_SAID_WITHIN


def awaited(lease: Lease) -> Session | None:
    """The session whose next generation this is, where its worker is to end: a process may stand by for it."""
    ending = Worker.objects.filter(drains_until__isnull=False).values("name")
    before = Session.objects.filter(
        pk=lease.session_id, generation=lease.generation - 1, state__in=Session.OPEN, worker__in=ending
    )
    return before.first()


def stand_by(lease: Lease, *, worker: str, pid: int) -> None:
    """This process could take over the session's generation `lease` now. Again each second."""
    before = Session.objects.filter(
        pk=lease.session_id, generation=lease.generation - 1, state__in=Session.OPEN
    )
    before.update(standby_worker=worker, standby_pid=pid, standby_at=timezone.now())


def _hand_over(session: Session) -> None:
    """To the process that stands by. Call with the row locked."""
    worker, pid = session.standby_worker, session.standby_pid
    _begin_next(session)
    session.worker, session.pid = worker, pid
    session.beat_at = session.progress_at = timezone.now()
    session.save(update_fields=[*OF_A_GENERATION, "progress_at"])
    logger.info(
        "session handed over",
        extra={"session": session.pk, "generation": session.generation, "to": worker},
    )


def _take_place() -> Worker | None:
    """A worker with a free slot and a loaded process for it, which is counted as taken until the worker counts again."""
    served = (
        Session.objects.filter(worker=OuterRef("name"), state__in=Session.RUNNING).order_by().values("worker")
    )
    taken = Coalesce(Subquery(served.annotate(count=Count("pk")).values("count")), 0)
    free = (
        taking_workers(said_within=WARM_SAID_WITHIN)
        .filter(warm__gt=0)
        .annotate(taken=taken)
        .filter(slots__gt=F("taken"))
    )
    worker = locked(free).first()
    if worker is not None and worker.warm:
        worker.warm -= 1
        worker.save(update_fields=["warm"])
    return worker


def _request_next(session: Session) -> None:
    """The next generation, and a process for it. Call with the row locked."""
    _begin_next(session)
    session.save(update_fields=OF_A_GENERATION)
    transaction.on_commit(partial(request_process, session.pk, session.generation), robust=True)


def _begin_next(session: Session) -> None:
    session.generation += 1
    session.worker, session.pid = "", None
    session.standby_worker, session.standby_pid, session.standby_at = "", None, None
    session.beat_at = session.suspect_at = None
    session.queued_at = timezone.now()
    session.audio_waits = False


def _fail(session: Session) -> None:
    logger.error("session failed", extra={"session": session.pk, "deaths": len(session.deaths)})
    kind_of(session).failed(session)
    finish_session(session, state=Session.State.FAILED)
