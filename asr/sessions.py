"""Opening and ending sessions of whatever kind; what only rooms have is in asr/rooms."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from asr.audio_log import AudioLog
from asr.kinds import kind_named, kind_of, kinds_with_process
from asr.models import PastCounters, Session
from asr.placement import kill_process, request_process
from asr.selectors import max_active_rooms
from asr.session_keys import create_key, destroy_key
from rooms.locks import locked

# One lock for every decision on capacity: counting sessions and adding one must not interleave.
CAPACITY_LOCK = 0x50FF1E


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many sessions the workers that live may serve, and how many are open."""

    slots: int
    taken: int

    @property
    def left(self) -> int:
        """Sessions that may still be opened."""
        return max(0, self.slots - self.taken)


def lock_capacity() -> Capacity:
    """The capacity, which nobody else takes from until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CAPACITY_LOCK])
    return Capacity(max_active_rooms(), slots_taken())


def slots_taken() -> int:
    """How many sessions are open that a process serves, or will."""
    return Session.objects.filter(state__in=Session.OPEN, kind__in=kinds_with_process()).count()


def create_session(*, kind: str, source_lang: str, options: dict[str, Any] | None = None) -> Session:
    """A new session; a process is asked for once the transaction is committed. The caller sees to capacity.

    A kind that needs no process is live at once.
    """
    if not kind_named(kind).needs_process:
        return Session.objects.create(kind=kind, source_lang=source_lang, state=Session.State.LIVE)
    session = Session.objects.create(kind=kind, source_lang=source_lang, options=options or {})
    create_key(session)
    transaction.on_commit(partial(request_process, session.pk, session.generation), robust=True)
    return session


def begin_closing(session: Session, *, by: str) -> None:
    """Ask the session's process to finish. Call with the row locked. `by`: who closes it, for the log.

    A session that no process has taken yet still may hold audio: the process that takes it finishes it.
    """
    session.state = Session.State.CLOSING
    session.close_reason = by
    session.closing_at = session.progress_at = timezone.now()
    session.save(update_fields=["state", "close_reason", "closing_at", "progress_at"])
    kind_of(session).closing(session, by=by)


@transaction.atomic
def finish_session(session: Session, *, state: str = Session.State.CLOSED) -> None:
    """The session's work is done (or given up); its audio is unreadable from now on. Call with the row locked."""
    session.state = state
    session.closed_at = timezone.now()
    session.save(update_fields=["state", "closed_at"])
    kind_of(session).finished(session)
    destroy_key(session)


@transaction.atomic
def stop_session(session: Session) -> None:
    """End it at once: its process writes nothing more, what waits is dropped. Call with the row locked."""
    transaction.on_commit(partial(kill_process, session.worker, session.task_id), robust=True)
    session.generation += 1  # its process finds its lease gone
    session.save(update_fields=["generation"])
    finish_session(session)
    transaction.on_commit(partial(AudioLog(settings.REDIS_URL, session.audio_key).delete), robust=True)


@transaction.atomic
def remember_counters(session: Session) -> None:
    """The session's row goes, and its key; what it counted stays counted."""
    destroy_key(session)
    PastCounters.objects.get_or_create(pk=1)
    past = locked(PastCounters.objects.filter(pk=1)).get()
    for name, value in session.counters.items():
        past.counters[name] = past.counters.get(name, 0.0) + value
    past.save(update_fields=["counters"])
