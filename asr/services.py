"""Opening, joining, leaving, restarting and closing rooms: the host's side of a session."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from asr.audio_log import AudioLog
from asr.models import Session
from asr.placement import request_process
from asr.selectors import max_active_rooms
from rooms.errors import Conflict, Forbidden, NoCapacity, NotFound
from rooms.models import Room
from transcripts import live
from transcripts.events import HostReplaced, RoomClosed, SessionReplaced, StateChanged
from transcripts.models import Part
from transcripts.services import PartTerms, end_part, forget_unstored, open_part

# One lock for every decision on capacity: counting rooms and adding one must not interleave.
CAPACITY_LOCK = 0x50FF1E
HOST_GONE_AFTER = timedelta(seconds=10)  # its web process renews every 2 s
ROOM_CLOSED = "Room closed"
TAKEN = -1


@dataclass(frozen=True, slots=True)
class HostRequest:
    """A host that wants to speak. `connection_id`: what its browser was given by its last connection."""

    room_code: str
    terms: PartTerms
    connection_id: str = ""


@dataclass(frozen=True, slots=True)
class HostSeat:
    """What a host got: its new connection id, its session, and whether the engine hears already."""

    room_id: int
    session_id: int
    opening: int
    connection_id: str
    ready: bool


@transaction.atomic
def join_as_host(request: HostRequest) -> HostSeat:
    """Open the room, rejoin it, or take over from one's own older socket.

    Raises NotFound, Forbidden (do not record), NoCapacity, Conflict (`multiple_hosts`); a refusal changes
    nothing.
    """
    room = recordable_room(request.room_code, lock=True)
    session = (
        Session.objects.select_for_update(of=("self",))
        .select_related("part")
        .filter(room=room, state__in=Session.OPEN)
        .first()
    )
    if session is None:
        session = _open(room, request.terms)
    elif _host_is_connected(session) and session.host_connection_id != (request.connection_id or None):
        raise Conflict("multiple_hosts", "Multiple hosts not allowed")
    elif _terms(_part(session)) != request.terms:  # another language, preference or login: a part of its own
        session = _replace(session, terms=request.terms)
    session.host_connection_id = str(uuid.uuid4())
    session.host_seen_at = timezone.now()
    session.grace_until = None
    session.save(update_fields=["host_connection_id", "host_seen_at", "grace_until"])
    if room.source_lang != session.source_lang:
        room.source_lang = session.source_lang
        room.save(update_fields=["source_lang"])
    part = _part(session)
    _tell(room.pk, HostReplaced(session.host_connection_id))
    _tell(room.pk, StateChanged("live", part.opening, part.number, session.source_lang))
    return HostSeat(
        room.pk, session.pk, part.opening, session.host_connection_id, session.state == Session.State.LIVE
    )


def keep_seat(*, room_id: int, connection_id: str) -> int | None:
    """Renew a host's presence. Returns its open session's id, TAKEN where another host has the seat, or None."""
    session = Session.objects.filter(room_id=room_id, state__in=Session.OPEN).first()
    if session is None:
        return None
    if session.host_connection_id != connection_id:
        return TAKEN
    mine = Session.objects.filter(pk=session.pk, host_connection_id=connection_id, state__in=Session.OPEN)
    mine.update(host_seen_at=timezone.now(), grace_until=None)
    return session.pk


@transaction.atomic
def leave_as_host(*, session_id: int, connection_id: str) -> bool:
    """The host's socket is gone: the grace period begins (True). A socket that was replaced changes nothing."""
    session = Session.objects.select_for_update().filter(pk=session_id, state__in=Session.OPEN).first()
    if session is None or session.host_connection_id != connection_id or session.host_seen_at is None:
        return False
    begin_grace(session)
    return True


def begin_grace(session: Session) -> None:
    """Wait for the host to come back. Call with the session's row locked."""
    session.host_seen_at = None
    session.grace_until = timezone.now() + timedelta(seconds=settings.ENV.grace_s)
    session.save(update_fields=["host_seen_at", "grace_until"])
    part = _part(session)
    _tell(
        part.room_id,
        StateChanged("grace", part.opening, part.number, session.source_lang, settings.ENV.grace_s),
    )


@transaction.atomic
def restart_session(*, session_id: int, connection_id: str) -> int:
    """A new engine process and a new part; host, viewers, terms stay. Returns the new session's id.

    Raises Conflict where this socket is not the host of an open session.
    """
    session = (
        Session.objects.select_for_update(of=("self",))
        .select_related("part")
        .filter(pk=session_id, host_connection_id=connection_id, state__in=Session.OPEN)
        .first()
    )
    if session is None:
        raise Conflict("not_host", "Not the host of this room")
    return _replace(session).pk


@transaction.atomic
def close_room(room_id: int) -> None:
    """Close an active room: what was heard is finished and delivered, then everyone is sent away.

    Raises Conflict where the room is not active.
    """
    session = (
        Session.objects.select_for_update(of=("self",))
        .select_related("part")
        .filter(room_id=room_id, state__in=Session.OPEN)
        .first()
    )
    if session is None:
        raise Conflict("not_active", "Room not active")
    begin_closing(session)


def begin_closing(session: Session) -> None:
    """Ask the session's process to finish. Call with the row locked.

    A session that no process has taken yet still may hold audio: the process that takes it finishes it.
    """
    session.state = Session.State.CLOSING
    session.close_reason = ROOM_CLOSED
    session.host_seen_at = None
    session.grace_until = None
    session.progress_at = timezone.now()
    session.save(update_fields=["state", "close_reason", "host_seen_at", "grace_until", "progress_at"])


@transaction.atomic
def finish_session(session: Session, *, state: str = Session.State.CLOSED) -> None:
    """The session's work is done (or given up): end its part, and close the room unless another goes on."""
    session.state = state
    session.closed_at = timezone.now()
    session.grace_until = None
    session.save(update_fields=["state", "closed_at", "grace_until"])
    part = _part(session)
    end_part(part=part)
    if session.replaced or Session.objects.filter(room_id=part.room_id, state__in=Session.OPEN).exists():
        return
    if Session.objects.filter(room_id=part.room_id, state=Session.State.CLOSING).exists():
        return  # an older part still finishes; the last one closes the room
    forget_unstored(room=part.room)
    _tell(part.room_id, StateChanged("closed", part.opening, part.number, session.source_lang))
    _tell(part.room_id, RoomClosed(ROOM_CLOSED))


def recordable_room(code: str, *, lock: bool = False) -> Room:
    """The room of this code if it may be captioned.

    Raises NotFound (`room_not_found`) and Forbidden (`do_not_record`).
    """
    rows = Room.objects.select_for_update() if lock else Room.objects
    room = rows.filter(code=code, published=True).first()
    if room is None:
        raise NotFound("room_not_found", f"Room <{code}> not found")
    if room.do_not_record:
        raise Forbidden("do_not_record", f"Audio recording not allowed in room <{code}>")
    return room


def _open(room: Room, terms: PartTerms) -> Session:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CAPACITY_LOCK])
    slots = max_active_rooms()
    if Session.objects.filter(state__in=Session.OPEN).count() >= slots:
        raise NoCapacity(
            "capacity", f"Unable to activate room <{room.code}>: Maximum capacity of {slots} instances reached"
        )
    return _new_session(open_part(room=room, terms=terms))


def _replace(session: Session, *, terms: PartTerms | None = None) -> Session:
    """End this session's part and go on in a new one of the same opening; the old process finishes its audio."""
    part = _part(session)
    session.replaced = True
    begin_closing(session)
    successor = _new_session(open_part(room=part.room, terms=terms or _terms(part), opening=part.opening))
    successor.host_connection_id = session.host_connection_id
    successor.host_seen_at = timezone.now()
    successor.save(update_fields=["host_connection_id", "host_seen_at"])
    _tell(part.room_id, SessionReplaced(session.pk, successor.pk))
    return successor


def _new_session(part: Part) -> Session:
    session = Session.objects.create(room=part.room, part=part, source_lang=part.source_lang)
    transaction.on_commit(partial(request_process, session.pk, session.generation))
    return session


def _terms(part: Part) -> PartTerms:
    return PartTerms(part.source_lang, part.store, part.public, part.owner)


def _host_is_connected(session: Session) -> bool:
    return session.host_seen_at is not None and session.host_seen_at > timezone.now() - HOST_GONE_AFTER


def _part(session: Session) -> Part:
    if session.part is None:
        raise ValueError("a room's session always has a part")
    return session.part


def _tell(
    room_id: int, event: StateChanged | HostReplaced | RoomClosed | SessionReplaced
) -> None:
    transaction.on_commit(partial(live.publish_room, room_id, event))




@transaction.atomic
def forbid_room(room_id: int) -> None:
    """The speaker does not want to be recorded: nothing more is heard, what waits is dropped, everyone goes."""
    sessions = Session.objects.select_for_update(of=("self",)).select_related("part")
    for session in sessions.filter(room_id=room_id, state__in=Session.RUNNING):
        session.generation += 1  # its process finds its lease gone and writes nothing more
        session.save(update_fields=["generation"])
        finish_session(session)
        transaction.on_commit(partial(AudioLog(settings.REDIS_URL, session.audio_key).delete))
