"""The end of rooms: closing in order, stopping a recording at once, deleting what was not to be stored."""

from functools import partial

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from asr.models import Session
from asr.rooms.journal import note
from asr.rooms.models import RoomSession
from asr.rooms.selectors import is_running, newest_session, room_end
from asr.rooms.state import lock_end, publish_state
from asr.sessions import begin_closing, stop_session
from rooms.audit import Action, Actor, record
from rooms.errors import Conflict
from rooms.locks import locked
from rooms.models import Room
from transcripts import live
from transcripts.events import HostReplaced, RoomClosed, SessionClosing, SessionReplaced
from transcripts.models import Part
from transcripts.removal import remove_unstored
from transcripts.services import end_last_sentence, end_part


@transaction.atomic
def close_room(room_id: int, *, by: str = "admin") -> None:
    """Close an active room: what was heard is finished, and what is written within VIEWERS_STAY is delivered.

    `by`: who closes it, for the log. Raises Conflict where the room is not active.
    """
    opened = lock_open_session(room_id)
    if opened is None:
        raise Conflict("not_active")
    begin_closing(opened.session, by=by)


def part_closes(session: Session, *, by: str) -> None:
    """A room's session is closing: no host speaks there any more; published to viewers."""
    closing = lock_room_session(session)
    closing.is_open = False
    closing.host_seen_at = None
    closing.grace_until = None
    closing.save(update_fields=["is_open", "host_seen_at", "grace_until"])
    publish(closing.room_id, SessionClosing(session.pk))
    if not closing.replaced:
        note("room closing", closing, by=by)
        record(Action.CLOSED, closing.room.code, by=_closer(by, closing.part), part=closing.part.number)
        publish_state(closing.room_id)


@transaction.atomic
def close_to_viewers(room_id: int) -> None:
    """Send everybody away when VIEWERS_STAY is over; what is still to be transcribed is stored behind it.

    Whoever notices first does it: the feed of any web process, or the sweep. The next host begins a new broadcast.
    """
    newest = newest_session(room_id)
    if newest is None:
        return
    newest = lock_room_session(locked(Session.objects.filter(pk=newest.pk)).get())
    lock_end(room_id)
    if room_end(room_id).due_in_s != 0 or newest_session(room_id) != newest:
        return
    newest.closed_to_viewers_at = timezone.now()
    newest.save(update_fields=["closed_to_viewers_at"])
    note("room closed to viewers, text is still to come", newest)
    publish_state(room_id)


def part_finished(session: Session) -> None:
    """All of a room's session is written: end its part; with the room's last one the room is closed."""
    over = lock_room_session(session)
    over.is_open = False
    over.grace_until = None
    over.save(update_fields=["is_open", "grace_until"])
    part = over.part
    end_part(part=part)
    if part.store:
        by = Actor(part.owner_id, "host")
        record(Action.STORED, over.room.code, by=by, part=part.number, public=part.public)
    lock_end(part.room_id)
    publish_state(part.room_id)
    end_last_sentence(part=part)  # its process may have died within it
    if is_running(part.room_id):
        return
    note("room closed", over, state=session.state)
    publish(part.room_id, RoomClosed(part.broadcast))


@transaction.atomic
def delete_unstored_if_over(room: Room, broadcast: int) -> None:
    """Delete what of a broadcast was not to be stored, unless its room is open (again)."""
    lock_end(room.pk)
    if not is_running(room.pk, broadcast=broadcast):
        remove_unstored(room=room, broadcast=broadcast)


@transaction.atomic
def stop_recording(room_id: int) -> None:
    """Do not record: no more audio is processed, waiting audio is dropped, all sockets are closed.

    What was not to be stored goes at once, read or not.
    """
    running = Session.objects.filter(room_session__room_id=room_id, state__in=Session.RUNNING)
    for session in locked(running):
        stopped = lock_room_session(session)
        note("recording stopped: do not record", stopped)
        record(Action.CLOSED, stopped.room.code, by=Actor(role="do not record"), part=stopped.part.number)
        stop_session(session)
    lock_end(room_id)
    remove_unstored(room=Room.objects.get(pk=room_id))


def _closer(by: str, part: Part) -> Actor:
    """`by` as logs have it: "user 12", "host", or what closed it."""
    kind, _, number = by.partition(" ")
    if kind == "user" and number.isdigit():
        return Actor(User.objects.filter(pk=number).values_list("pk", flat=True).first(), "operator")
    return Actor(part.owner_id if by == "host" else None, by)


def lock_open_session(room_id: int) -> RoomSession | None:
    """The room's open session, with its rows locked."""
    opened = Session.objects.filter(room_session__room_id=room_id, state__in=Session.OPEN)
    session = locked(opened).first()
    return lock_room_session(session) if session else None


def lock_room_session(session: Session) -> RoomSession:
    """What the session's room has, as it is now; call with the session's row locked.

    Read behind that lock and not with it: a join would give this row as it was before the wait.
    """
    rows = RoomSession.objects.filter(pk=session.pk).select_related("part", "room")
    room_session = locked(rows).get()
    room_session.session = session
    return room_session


def publish(room_id: int, event: HostReplaced | RoomClosed | SessionClosing | SessionReplaced) -> None:
    """Publish once the transaction is committed."""
    transaction.on_commit(partial(live.publish_room, room_id, event))
