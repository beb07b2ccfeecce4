"""Opening, joining, leaving and restarting rooms: the host's side of a session (its end: ending.py)."""

import math
import uuid
from dataclasses import dataclass, replace
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from asr.metrics import NO_SLOT
from asr.models import Session
from asr.rooms.ending import lock_open_session, publish
from asr.rooms.journal import note
from asr.rooms.models import RoomSession
from asr.rooms.selectors import newest_session, open_session, room_end
from asr.rooms.state import lock_end, publish_state
from asr.sessions import begin_closing, create_session, lock_capacity
from rooms.audit import Action, Actor, record
from rooms.consent import Answers, record_consent
from rooms.errors import Conflict, Forbidden, NoCapacity, NotFound
from rooms.locks import locked
from rooms.models import Room
from rooms.people import is_personal
from rooms.selectors import find_room
from rooms.wordings import CLIENT, newest_wording
from transcripts.events import HostReplaced, SessionReplaced
from transcripts.models import Part
from transcripts.services import PartTerms, open_part

HOST_GONE_AFTER = timedelta(seconds=10)  # its web process renews every 2 s
EARLIER_KEYS = 20  # of one session are remembered


@dataclass(frozen=True, slots=True)
class HostRequest:
    """A host that wants to speak. `connection_id`: what its browser was given by its last connection.

    `key`: the hash of its login key; empty where it showed the password itself. Terms that name no consent are what
    its client sent, whose page asked in words of its own.
    """

    room_code: str
    terms: PartTerms
    connection_id: str = ""
    key: str = ""
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class HostLease:
    """What a host got: its new connection id and its session.

    `ready`: the engine is ready already; `fresh`: the session is new, its audio log is empty; `fence`: with what it
    writes there (asr/audio_log.py).
    """

    room_id: int
    session_id: int
    broadcast: int
    connection_id: str
    key: str
    owner_id: int | None
    fence: int
    ready: bool
    fresh: bool


@transaction.atomic
def join_as_host(request: HostRequest) -> HostLease:
    """Open the room, rejoin it, or take over from one's own older socket.

    Raises NotFound, Forbidden (do not record), NoCapacity, Conflict (`multiple_hosts`, `host_may_return`); a refusal
    changes nothing. Locks in this order: room, session, the room's end, capacity (ARCHITECTURE.md, "Locks").
    """
    request = replace(request, terms=_allowed(request.terms))
    room = recordable_room(request.room_code, lock=True)
    if settings.ENV.consent_required and request.terms.consent_id is None:
        raise Forbidden("consent_required", room=room.code)
    opened = before = lock_open_session(room.pk)
    if opened is None:
        opened = _open(room, request)
    elif opened.session.kind == Session.Kind.TYPED:
        opened = _listen(opened, request)
    elif host_is_connected(opened) and not _takes_over(request, opened):
        raise Conflict("multiple_hosts")
    else:
        opened = _rejoin(opened, request)
    _grant_host_lease(opened, request, before)
    if before is None:
        note("room opened", opened)
        _record_opened(room, opened, "host")
    note("host joined", opened, part=opened.part.number, stored=opened.part.store)
    if room.source_lang != opened.part.source_lang:
        room.source_lang = opened.part.source_lang
        room.save(update_fields=["source_lang"])
    publish(room.pk, HostReplaced(opened.host_connection_id))
    publish_state(room.pk)
    return HostLease(
        room.pk, opened.pk, opened.part.broadcast, opened.host_connection_id, opened.host_key, opened.part.owner_id, opened.host_fence,
        ready=opened.session.state == Session.State.LIVE, fresh=before is None or before.pk != opened.pk,
    )  # fmt: skip


@transaction.atomic
def open_by_hand(code: str, terms: PartTerms) -> int:
    """Open a room in which a captioner types and nothing is heard: no process, no slot. Returns the session's id.

    A room that is open stays as it is. A host who comes later is heard. Raises as `join_as_host`, but for capacity.
    """
    terms = _allowed(terms)
    room = recordable_room(code, lock=True)
    opened = lock_open_session(room.pk)
    if opened is not None:
        return opened.session_id
    lock_end(room.pk)
    before = newest_session(room.pk)
    is_over = before is None or room_end(room.pk).over
    broadcast = None if before is None or is_over else before.part.broadcast
    part = open_part(room=room, terms=_with_consent(room, terms), broadcast=broadcast)
    opened = _new_session(part, kind=Session.Kind.TYPED)
    opened.host_seen_at = timezone.now()
    opened.save(update_fields=["host_seen_at"])
    if room.source_lang != part.source_lang:
        room.source_lang = part.source_lang
        room.save(update_fields=["source_lang"])
    note("room opened by a captioner", opened, part=part.number, stored=part.store)
    _record_opened(room, opened, "captioner")
    publish_state(room.pk)
    return opened.session_id


def _record_opened(room: Room, opened: RoomSession, role: str) -> None:
    part = opened.part
    by = Actor(part.owner_id, role)
    record(Action.OPENED, room.code, by=by, part=part.number, stored=part.store, public=part.public)


def begin_grace(opened: RoomSession) -> None:
    """Wait for the host to come back. Call with the session's rows locked."""
    note("host left", opened, grace_s=settings.ENV.grace_s)
    opened.host_seen_at = None
    opened.grace_until = timezone.now() + timedelta(seconds=settings.ENV.grace_s)
    opened.save(update_fields=["host_seen_at", "grace_until"])
    publish_state(opened.room_id)


@transaction.atomic
def restart_room(room_id: int, *, by: str) -> int:
    """What `restart_session` does, for somebody who is not the host. Returns the new session's id.

    `by`: who, for the log. Raises Conflict where the room is not active.
    """
    locked(Room.objects.filter(pk=room_id)).get()
    opened = lock_open_session(room_id)
    if opened is None:
        raise Conflict("not_active")
    note("restart requested", opened, by=by)
    successor = _replace(opened)
    publish_state(room_id)
    return successor.session_id


@transaction.atomic
def restart_session(*, room_id: int, connection_id: str) -> int:
    """A new engine process and a new part; host, viewers, terms stay. Returns the new session's id.

    Raises Conflict where this socket is not the host of an open room.
    """
    locked(Room.objects.filter(pk=room_id)).get()
    opened = lock_open_session(room_id)
    if opened is None or opened.host_connection_id != connection_id:
        raise Conflict("not_host")
    successor = _replace(opened)
    publish_state(room_id)
    return successor.session_id


def recordable_room(code: str, *, lock: bool = False) -> Room:
    """The room of this code if it may be captioned; one that is active stays so though it is unpublished.

    Raises NotFound (`room_not_found`) and Forbidden (`do_not_record`).
    """
    rows = Room.objects.all()
    room = find_room(locked(rows) if lock else rows, code)
    if room is None or not (room.published or open_session(room.pk)):
        raise NotFound("room_not_found", room=code)
    if room.do_not_record:
        raise Forbidden("do_not_record", room=code)
    return room


def _open(room: Room, request: HostRequest) -> RoomSession:
    lock_end(room.pk)
    capacity = lock_capacity()
    if not capacity.left:
        NO_SLOT.labels("host").inc()
        raise NoCapacity("capacity", room=room.code, slots=capacity.slots)
    before = newest_session(room.pk)
    if before is None or room_end(room.pk).over:
        return _new_session(open_part(room=room, terms=_with_consent(room, request.terms)))
    # Viewers of a room that is not over yet stay, and its lines are counted on.
    terms = _with_consent(room, _terms_of_rejoin(request, before))
    return _new_session(open_part(room=room, terms=terms, broadcast=before.part.broadcast))


def _listen(opened: RoomSession, request: HostRequest) -> RoomSession:
    """A room that a captioner opened has a host from now on: what is said there is heard, if a slot is free."""
    lock_end(opened.room_id)
    capacity = lock_capacity()
    if not capacity.left:
        NO_SLOT.labels("host").inc()
        raise NoCapacity("capacity", room=opened.room.code, slots=capacity.slots)
    return _replace(opened, terms=_with_consent(opened.room, request.terms), kind=Session.Kind.ROOM)


def _rejoin(opened: RoomSession, request: HostRequest) -> RoomSession:
    """Go on in the part, or in one of its own: nobody speaks in a part whose terms are another's.

    Raises Conflict (`host_may_return`): a host that has just gone has the room to itself for a while.
    """
    terms = _terms_of_rejoin(request, opened)
    is_same = is_own_room(request.key, request.terms.owner_id, opened)
    if not is_same and not request.is_admin:
        if wait_s := reserved_s(opened):
            raise Conflict("host_may_return", room=opened.room.code, seconds=wait_s)
    elif _terms(opened.part) == (terms if is_same else replace(terms, owner_id=opened.part.owner_id)):
        if not is_same:
            _with_consent(
                opened.room, terms
            )  # the part stays what it is; an admin's own is on record beside it
        return opened
    # Another language, preference or host.
    return _replace(opened, terms=_with_consent(opened.room, terms))


def _replace(opened: RoomSession, *, terms: PartTerms | None = None, kind: str = "") -> RoomSession:
    """End this session's part and go on in a new one of the same broadcast; the old process finishes its audio.

    A host that is away stays away, and its grace goes on.
    """
    part = opened.part
    opened.replaced = True
    opened.save(update_fields=["replaced"])
    begin_closing(opened.session, by="successor")
    new_part = open_part(room=part.room, terms=terms or _terms(part), broadcast=part.broadcast)
    successor = _new_session(new_part, kind=kind or opened.session.kind)
    successor.host_connection_id = opened.host_connection_id
    successor.host_key, successor.host_fence = opened.host_key, opened.host_fence
    successor.host_left, successor.grace_until = opened.host_left, opened.grace_until
    successor.host_seen_at = None if opened.grace_until else timezone.now()
    successor.save(
        update_fields=[
            "host_connection_id", "host_key", "host_fence", "host_left", "host_seen_at", "grace_until",
        ]
    )  # fmt: skip
    publish(part.room_id, SessionReplaced(opened.pk, successor.pk))
    return successor


def _new_session(part: Part, *, kind: str = Session.Kind.ROOM) -> RoomSession:
    session = create_session(kind=kind, source_lang=part.source_lang)
    return RoomSession.objects.create(session=session, room=part.room, part=part)


def _grant_host_lease(opened: RoomSession, request: HostRequest, before: RoomSession | None) -> None:
    """Give the host lease of `opened` to this request; `before`: the open session that it found."""
    if before is not None and not is_same_host(request.key, request.terms.owner_id, before):
        opened.host_fence = before.host_fence + 1
    opened.host_connection_id = str(uuid.uuid4())
    if opened.host_key and opened.host_key != request.key:
        others = [key for key in opened.earlier_host_keys if key != opened.host_key]
        opened.earlier_host_keys = [*others, opened.host_key][-EARLIER_KEYS:]
    opened.host_key = request.key
    opened.host_left = False
    opened.host_seen_at = timezone.now()
    opened.grace_until = None
    opened.save(
        update_fields=[
            "host_fence", "host_connection_id", "host_key", "earlier_host_keys", "host_left", "host_seen_at",
            "grace_until",
        ]
    )  # fmt: skip


def is_same_host(key: str, owner_id: int | None, opened: RoomSession) -> bool:
    """Whether who shows this key has the session's host lease: with this key, or with another one of a personal login.

    A password is everybody's who knows it, and so is the login of all hosts.
    """
    if not key:
        return False
    return opened.host_key == key or (opened.part.owner_id == owner_id and is_personal(owner_id))


def is_own_room(key: str, owner_id: int | None, opened: RoomSession) -> bool:
    """The same where its host may have gone: a personal login counts also where its password itself is shown."""
    personal = opened.part.owner_id == owner_id and is_personal(owner_id)
    return personal or is_same_host(key, owner_id, opened)


def reserved_s(opened: RoomSession) -> int:
    """For how long the room is its host's alone, who has gone."""
    return max(0, math.ceil(settings.ENV.host_return_s - _gone_s(opened)))


def _gone_s(opened: RoomSession) -> float:
    """For how long its host has been gone."""
    now = timezone.now()
    if opened.grace_until is not None:
        return settings.ENV.grace_s - (opened.grace_until - now).total_seconds()
    since = opened.host_seen_at or opened.session.created_at
    return (now - since).total_seconds()


def _takes_over(request: HostRequest, opened: RoomSession) -> bool:
    """The same browser's next socket. Connection ids are public (the room list): they alone prove nothing."""
    names_it = opened.host_connection_id == (request.connection_id or None)
    return names_it and is_same_host(request.key, request.terms.owner_id, opened)


def _terms_of_rejoin(request: HostRequest, opened: RoomSession) -> PartTerms:
    """The first `public` of a key in this broadcast holds, unless it was asked for now.

    The web client's second tab and its reload say `false` of their own accord.
    """
    if not request.key or request.terms.consent_id is not None:
        return request.terms
    broadcast = RoomSession.objects.filter(room=opened.room_id, part__broadcast=opened.part.broadcast)
    with_key = Q(host_key=request.key) | Q(earlier_host_keys__contains=[request.key])
    mine = broadcast.filter(with_key).select_related("part").order_by("-pk").first()
    return replace(request.terms, public=mine.part.public) if mine else request.terms


def _allowed(terms: PartTerms) -> PartTerms:
    """What this deployment makes of a host's wishes."""
    return terms if settings.ENV.store_transcripts else replace(terms, store=False)


def _with_consent(room: Room, terms: PartTerms) -> PartTerms:
    """Terms that came without a consent are written down as one."""
    if terms.consent_id is not None:
        return terms
    answers, asked = Answers(keep_text=terms.store, public=terms.public), newest_wording(CLIENT, "")
    consent = record_consent(room=room, user_id=terms.owner_id, answers=answers, wording=asked)
    return replace(terms, consent_id=consent.pk)


def _terms(part: Part) -> PartTerms:
    return PartTerms(part.source_lang, part.store, part.public, part.owner_id, part.consent_id)


def host_is_connected(opened: RoomSession) -> bool:
    """Whether its socket has renewed its presence lately."""
    return opened.host_seen_at is not None and opened.host_seen_at > timezone.now() - HOST_GONE_AFTER
