"""Opening, joining, leaving and restarting rooms: the host's side of a session (its end: ending.py)."""

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from asr.models import Session
from asr.placement import request_process
from asr.rooms.ending import begin_closing, lock_open_session, part_of, tell
from asr.rooms.journal import note
from asr.rooms.state import lock_end, tell_state
from asr.selectors import max_active_rooms, newest_session, open_session, room_end
from rooms.access import is_personal
from rooms.errors import Conflict, Forbidden, NoCapacity, NotFound
from rooms.locks import locked
from rooms.models import ROOM_CODE, Room, passes
from transcripts.events import HostReplaced, SessionReplaced
from transcripts.models import Part
from transcripts.services import PartTerms, open_part

# One lock for every decision on capacity: counting rooms and adding one must not interleave.
CAPACITY_LOCK = 0x50FF1E
HOST_GONE_AFTER = timedelta(seconds=10)  # its web process renews every 2 s


@dataclass(frozen=True, slots=True)
class HostRequest:
    """A host that wants to speak. `connection_id`: what its browser was given by its last connection.

    `key`: the hash of its login key; empty where it showed the password itself.
    """

    room_code: str
    terms: PartTerms
    connection_id: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class HostSeat:
    """What a host got: its new connection id and its session.

    `ready`: the engine hears already; `fresh`: the session is new, its audio log is empty; `fence`: with what it
    writes there (asr/audio_log.py).
    """

    room_id: int
    session_id: int
    opening: int
    connection_id: str
    key: str
    owner: str
    fence: int
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
    elif _host_is_connected(session) and not _takes_over(request, session):
        raise Conflict("multiple_hosts")
    elif _terms(part_of(session)) != (terms := _terms_of_rejoin(request, session)):
        session = _replace(session, terms=terms)  # another language, preference or login: a part of its own
    _seat_host(session, request, before)
    if before is None:
        note("room opened", session)
    note("host joined", session, part=part_of(session).number, stored=part_of(session).store)
    if room.source_lang != session.source_lang:
        room.source_lang = session.source_lang
        room.save(update_fields=["source_lang"])
    part = part_of(session)
    tell(room.pk, HostReplaced(session.host_connection_id))
    tell_state(room.pk)
    return HostSeat(
        room.pk, session.pk, part.opening, session.host_connection_id, session.host_key, part.owner, session.host_fence,
        ready=session.state == Session.State.LIVE, fresh=before is None or before.pk != session.pk,
    )  # fmt: skip


def begin_grace(session: Session) -> None:
    """Wait for the host to come back. Call with the session's row locked."""
    note("host left", session, grace_s=settings.ENV.grace_s)
    session.host_seen_at = None
    session.grace_until = timezone.now() + timedelta(seconds=settings.ENV.grace_s)
    session.save(update_fields=["host_seen_at", "grace_until"])
    tell_state(part_of(session).room_id)


@transaction.atomic
def restart_session(*, room_id: int, connection_id: str) -> int:
    """A new engine process and a new part; host, viewers, terms stay. Returns the new session's id.

    Raises Conflict where this socket is not the host of an open room.
    """
    locked(Room.objects.filter(pk=room_id)).get()
    session = lock_open_session(room_id)
    if session is None or session.host_connection_id != connection_id:
        raise Conflict("not_host")
    successor = _replace(session)
    tell_state(room_id)
    return successor.pk


def recordable_room(code: str, *, lock: bool = False) -> Room:
    """The room of this code if it may be captioned; one that is active stays so though it is unpublished.

    Raises NotFound (`room_not_found`) and Forbidden (`do_not_record`).
    """
    rows = Room.objects.filter(code=code)
    room = (locked(rows) if lock else rows).first() if passes(ROOM_CODE, code) else None
    if room is None or not (room.published or open_session(room.pk)):
        raise NotFound("room_not_found", room=code)
    if room.do_not_record:
        raise Forbidden("do_not_record", room=code)
    return room


def _open(room: Room, terms: PartTerms) -> Session:
    lock_end(room.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CAPACITY_LOCK])
    slots = max_active_rooms()
    if Session.objects.filter(state__in=Session.OPEN).count() >= slots:
        raise NoCapacity("capacity", room=room.code, slots=slots)
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
    begin_closing(session, by="successor")
    successor = _new_session(open_part(room=part.room, terms=terms or _terms(part), opening=part.opening))
    successor.host_connection_id = session.host_connection_id
    successor.host_key, successor.host_fence = session.host_key, session.host_fence
    successor.host_seen_at = timezone.now()
    successor.save(update_fields=["host_connection_id", "host_key", "host_fence", "host_seen_at"])
    tell(part.room_id, SessionReplaced(session.pk, successor.pk))
    return successor


def _new_session(part: Part) -> Session:
    session = Session.objects.create(room=part.room, part=part, source_lang=part.source_lang)
    transaction.on_commit(partial(request_process, session.pk, session.generation), robust=True)
    return session


def _seat_host(session: Session, request: HostRequest, before: Session | None) -> None:
    """Give the seat of `session` to this request; `before`: the open session that it found."""
    if before is not None and not is_same_host(request.key, request.terms.owner, before):
        session.host_fence = before.host_fence + 1
    session.host_connection_id = str(uuid.uuid4())
    session.host_key = request.key
    session.host_left = False
    session.host_seen_at = timezone.now()
    session.grace_until = None
    session.save(
        update_fields=[
            "host_fence", "host_connection_id", "host_key", "host_left", "host_seen_at", "grace_until",
        ]
    )  # fmt: skip


def is_same_host(key: str, owner: str, session: Session) -> bool:
    """Whether who shows this key has the session's seat: with this key, or with another one of a personal login.

    A password is everybody's who knows it, and so is the login of all hosts.
    """
    if not key:
        return False
    return session.host_key == key or (is_personal(owner) and part_of(session).owner == owner)


def _takes_over(request: HostRequest, session: Session) -> bool:
    """The same browser's next socket. Connection ids are public (the room list): they alone prove nothing."""
    names_it = session.host_connection_id == (request.connection_id or None)
    return names_it and is_same_host(request.key, request.terms.owner, session)


def _terms_of_rejoin(request: HostRequest, session: Session) -> PartTerms:
    """What a key said first about `public` in this opening holds.

    The web client's second tab and its reload say `false` of their own accord.
    """
    if not request.key:
        return request.terms
    opening = Session.objects.filter(room=session.room_id, part__opening=part_of(session).opening)
    mine = opening.filter(host_key=request.key).select_related("part").order_by("-pk").first()
    return replace(request.terms, public=part_of(mine).public) if mine else request.terms


def _terms(part: Part) -> PartTerms:
    return PartTerms(part.source_lang, part.store, part.public, part.owner)


def _host_is_connected(session: Session) -> bool:
    return session.host_seen_at is not None and session.host_seen_at > timezone.now() - HOST_GONE_AFTER
