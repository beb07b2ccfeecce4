"""Opening, joining, leaving and restarting rooms: the host's side of a session (its end: ending.py)."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from asr.ending import begin_closing, lock_end, lock_open_session, part_of, tell
from asr.models import Session
from asr.placement import request_process
from asr.selectors import max_active_rooms, newest_session, open_session, room_end
from rooms.errors import Conflict, Forbidden, NoCapacity, NotFound
from rooms.locks import locked
from rooms.models import ROOM_CODE, Room, passes
from transcripts.events import HostReplaced, SessionReplaced, StateChanged
from transcripts.models import Part
from transcripts.services import PartTerms, open_part

# One lock for every decision on capacity: counting rooms and adding one must not interleave.
CAPACITY_LOCK = 0x50FF1E
HOST_GONE_AFTER = timedelta(seconds=10)  # its web process renews every 2 s
TAKEN = -1


@dataclass(frozen=True, slots=True)
class HostRequest:
    """A host that wants to speak. `connection_id`: what its browser was given by its last connection."""

    room_code: str
    terms: PartTerms
    connection_id: str = ""


@dataclass(frozen=True, slots=True)
class HostSeat:
    """What a host got: its new connection id and its session.

    `ready`: the engine hears already; `fresh`: the session is new, its audio log is empty.
    """

    room_id: int
    session_id: int
    opening: int
    connection_id: str
    ready: bool
    fresh: bool


@transaction.atomic
def join_as_host(request: HostRequest) -> HostSeat:
    """Open the room, rejoin it, or take over from one's own older socket.

    Raises NotFound, Forbidden (do not record), NoCapacity, Conflict (`multiple_hosts`); a refusal changes
    nothing. Locks in this order: room, session, the room's end, capacity (ARCHITECTURE.md, "Locks").
    """
    room = recordable_room(request.room_code, lock=True)
    session = before = lock_open_session(room.pk)
    if session is None:
        session = _open(room, request.terms)
    elif _host_is_connected(session) and not _is_its_successor(request, session):
        raise Conflict("multiple_hosts", "Multiple hosts not allowed")
    elif (
        _terms(part_of(session)) != request.terms
    ):  # another language, preference or login: a part of its own
        session = _replace(session, terms=request.terms)
    session.host_connection_id = str(uuid.uuid4())
    session.host_seen_at = timezone.now()
    session.grace_until = None
    session.save(update_fields=["host_connection_id", "host_seen_at", "grace_until"])
    if room.source_lang != session.source_lang:
        room.source_lang = session.source_lang
        room.save(update_fields=["source_lang"])
    part = part_of(session)
    tell(room.pk, HostReplaced(session.host_connection_id))
    tell(room.pk, StateChanged("live", part.opening, part.number, session.source_lang))
    return HostSeat(
        room.pk, session.pk, part.opening, session.host_connection_id,
        ready=session.state == Session.State.LIVE, fresh=before is None or before.pk != session.pk,
    )  # fmt: skip


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
def leave_as_host(*, room_id: int, connection_id: str) -> bool:
    """The host's socket is gone: the grace period begins (True). A socket that was replaced changes nothing."""
    session = lock_open_session(room_id)
    if session is None or session.host_connection_id != connection_id or session.host_seen_at is None:
        return False
    begin_grace(session)
    return True


def engine_hears(session_id: int) -> bool:
    """Whether the session's process hears."""
    return Session.objects.filter(pk=session_id, state=Session.State.LIVE).exists()


def is_over(session_id: int) -> bool:
    """Whether nobody will read this session's audio any more."""
    return not Session.objects.filter(pk=session_id, state__in=Session.RUNNING).exists()


def begin_grace(session: Session) -> None:
    """Wait for the host to come back. Call with the session's row locked."""
    session.host_seen_at = None
    session.grace_until = timezone.now() + timedelta(seconds=settings.ENV.grace_s)
    session.save(update_fields=["host_seen_at", "grace_until"])
    part = part_of(session)
    tell(
        part.room_id,
        StateChanged("grace", part.opening, part.number, session.source_lang, settings.ENV.grace_s),
    )


@transaction.atomic
def restart_session(*, room_id: int, connection_id: str) -> int:
    """A new engine process and a new part; host, viewers, terms stay. Returns the new session's id.

    Raises Conflict where this socket is not the host of an open room.
    """
    locked(Room.objects.filter(pk=room_id)).get()
    session = lock_open_session(room_id)
    if session is None or session.host_connection_id != connection_id:
        raise Conflict("not_host", "Not the host of this room")
    return _replace(session).pk


def recordable_room(code: str, *, lock: bool = False) -> Room:
    """The room of this code if it may be captioned; one that is active stays so though it is unpublished.

    Raises NotFound (`room_not_found`) and Forbidden (`do_not_record`).
    """
    rows = Room.objects.filter(code=code)
    room = (locked(rows) if lock else rows).first() if passes(ROOM_CODE, code) else None
    if room is None or not (room.published or open_session(room.pk)):
        raise NotFound("room_not_found", f"Room <{code}> not found")
    if room.do_not_record:
        raise Forbidden("do_not_record", f"Audio recording not allowed in room <{code}>")
    return room


def _open(room: Room, terms: PartTerms) -> Session:
    lock_end(room.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CAPACITY_LOCK])
    slots = max_active_rooms()
    if Session.objects.filter(state__in=Session.OPEN).count() >= slots:
        raise NoCapacity(
            "capacity",
            f"Unable to activate room <{room.code}>: Maximum capacity of {slots} instances reached",
        )
    before = newest_session(room.pk)
    # Viewers of a room that is not over yet stay, and its lines are counted on.
    goes_on = before is not None and not room_end(room.pk).over
    return _new_session(
        open_part(room=room, terms=terms, opening=part_of(before).opening if before and goes_on else None)
    )


def _replace(session: Session, *, terms: PartTerms | None = None) -> Session:
    """End this session's part and go on in a new one of the same opening; the old process finishes its audio."""
    part = part_of(session)
    session.replaced = True
    begin_closing(session)
    successor = _new_session(open_part(room=part.room, terms=terms or _terms(part), opening=part.opening))
    successor.host_connection_id = session.host_connection_id
    successor.host_seen_at = timezone.now()
    successor.save(update_fields=["host_connection_id", "host_seen_at"])
    tell(part.room_id, SessionReplaced(session.pk, successor.pk))
    return successor


def _new_session(part: Part) -> Session:
    session = Session.objects.create(room=part.room, part=part, source_lang=part.source_lang)
    transaction.on_commit(partial(request_process, session.pk, session.generation), robust=True)
    return session


def _is_its_successor(request: HostRequest, session: Session) -> bool:
    """The same browser's next socket. Connection ids are public (the room list), so the login must be the same."""
    same_socket = session.host_connection_id == (request.connection_id or None)
    return same_socket and part_of(session).owner == request.terms.owner


def _terms(part: Part) -> PartTerms:
    return PartTerms(part.source_lang, part.store, part.public, part.owner)


def _host_is_connected(session: Session) -> bool:
    return session.host_seen_at is not None and session.host_seen_at > timezone.now() - HOST_GONE_AFTER
