"""The end of sessions and rooms: closing in order, forbidding at once, forgetting what was not to be stored."""

from copy import copy
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from asr.audio_log import AudioLog
from asr.models import PastCounters, Session
from asr.placement import kill_process
from asr.rooms.journal import note
from asr.rooms.state import lock_end, tell_state
from asr.selectors import is_running, newest_session, room_end
from rooms.errors import Conflict
from rooms.locks import locked
from rooms.models import Room
from transcripts import live
from transcripts.events import HostReplaced, RoomClosed, SessionClosing, SessionReplaced
from transcripts.models import Part
from transcripts.services import end_part, forget_unstored


@transaction.atomic
def close_room(room_id: int, *, by: str = "admin") -> None:
    """Close an active room: what was heard is finished, and what is written within VIEWERS_STAY is delivered.

    `by`: who closes it, for the log. Raises Conflict where the room is not active.
    """
    session = lock_open_session(room_id)
    if session is None:
        raise Conflict("not_active")
    begin_closing(session, by=by)


def begin_closing(session: Session, *, by: str) -> None:
    """Ask the session's process to finish. Call with the row locked.

    A session that no process has taken yet still may hold audio: the process that takes it finishes it.
    """
    now = timezone.now()
    session.state = Session.State.CLOSING
    session.close_reason = by
    session.host_seen_at = None
    session.grace_until = None
    session.closing_at = session.progress_at = now
    session.save(
        update_fields=[
            "state", "close_reason", "replaced", "host_seen_at", "grace_until", "closing_at", "progress_at",
        ]
    )  # fmt: skip
    if session.room_id is not None:
        tell(session.room_id, SessionClosing(session.pk))
    if not session.replaced:
        note("room closing", session, by=by)
        tell_state(part_of(session).room_id)


@transaction.atomic
def close_to_viewers(room_id: int) -> None:
    """Send everybody away when VIEWERS_STAY is over; what is still to be transcribed is stored behind it.

    Whoever notices first does it: the feed of any web process, or the sweep. The next host begins a new opening.
    """
    session = newest_session(room_id)
    session = session and locked(Session.objects.filter(pk=session.pk).select_related("part", "room")).get()
    lock_end(room_id)
    if session is None or room_end(room_id).due_in_s != 0 or newest_session(room_id) != session:
        return
    session.closed_to_viewers_at = timezone.now()
    session.save(update_fields=["closed_to_viewers_at"])
    note("room closed to viewers, text is still to come", session)
    tell_state(room_id)


@transaction.atomic
def finish_session(session: Session, *, state: str = Session.State.CLOSED) -> None:
    """The session's work is done (or given up): end its part; with the room's last one the room is closed.

    Call with the row locked.
    """
    session.state = state
    session.closed_at = timezone.now()
    session.grace_until = None
    session.save(update_fields=["state", "closed_at", "grace_until"])
    part = part_of(session)
    end_part(part=part)
    lock_end(part.room_id)
    if is_running(part.room_id):
        if not is_running(part.room_id, opening=part.opening):  # another opening goes on
            forget_unstored(room=part.room, opening=part.opening)
        tell_state(part.room_id)
        return
    # Text first, then the end, then what is forgotten: viewers have read the last sentences by then.
    note("room closed", session, state=state)
    tell_state(part.room_id)
    tell(part.room_id, RoomClosed(part.opening))
    forget_unstored(room=part.room)


@transaction.atomic
def forget_if_closed(room: Room) -> None:
    """Delete what was not to be stored, unless the room is open (again)."""
    lock_end(room.pk)
    if not is_running(room.pk):
        forget_unstored(room=room)


@transaction.atomic
def forbid_room(room_id: int) -> None:
    """The speaker does not want to be recorded: nothing more is heard, what waits is dropped, everyone goes."""
    running = Session.objects.select_related("part", "room").filter(
        room_id=room_id, state__in=Session.RUNNING
    )
    for session in locked(running):
        transaction.on_commit(partial(kill_process, copy(session)), robust=True)
        note("recording stopped: do not record", session)
        session.generation += 1  # its process finds its lease gone and writes nothing more
        session.save(update_fields=["generation"])
        finish_session(session)
        transaction.on_commit(partial(AudioLog(settings.REDIS_URL, session.audio_key).delete), robust=True)


@transaction.atomic
def remember_counters(session: Session) -> None:
    """The session's row goes; what it counted stays counted."""
    PastCounters.objects.get_or_create(pk=1)
    past = locked(PastCounters.objects.filter(pk=1)).get()
    for name, value in session.counters.items():
        past.counters[name] = past.counters.get(name, 0.0) + value
    past.save(update_fields=["counters"])


def lock_open_session(room_id: int) -> Session | None:
    """The room's open session with its row locked."""
    open_sessions = Session.objects.select_related("part", "room").filter(
        room_id=room_id, state__in=Session.OPEN
    )
    return locked(open_sessions).first()


def part_of(session: Session) -> Part:
    """The part that a room's session writes."""
    if session.part is None:
        raise ValueError("a room's session always has a part")
    return session.part


def tell(room_id: int, event: HostReplaced | RoomClosed | SessionClosing | SessionReplaced) -> None:
    """Publish once the transaction is committed."""
    transaction.on_commit(partial(live.publish_room, room_id, event))
