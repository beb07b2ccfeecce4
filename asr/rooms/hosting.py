"""What a host's own page asks: may this room be opened now, how does it go; and the end, by its host."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from asr.metrics import NO_SLOT
from asr.models import Session
from asr.rooms.ending import lock_open_session
from asr.rooms.models import Pen, RoomSession
from asr.rooms.selectors import newest_session, open_session, room_end
from asr.rooms.services import host_is_connected, is_own_room, reserved_s
from asr.selectors import max_active_rooms
from asr.sessions import begin_closing, slots_taken
from rooms.access import Identity
from rooms.errors import Conflict, Forbidden
from rooms.models import Room

Blocker = Literal["", "do_not_record", "not_published", "elsewhere", "no_slot"]
Notice = Literal["", "early", "late"]
HostIs = Literal["nobody", "you", "you_elsewhere", "other", "away"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a room stands for somebody who would host it, or does.

    `blocker`: why it cannot be opened now; `notice`: by the schedule it is not its time. `connection_id`: of one's own
    connection elsewhere, which may be taken over. `ready`: a process takes the audio. `stored`, `public`: of the part
    that is being written. `is_typed`: a captioner has the pen. `reserved_s`: so long the host before may come back, and the
    room is nobody else's.
    """

    state: str
    blocker: Blocker
    notice: Notice
    host: HostIs
    connection_id: str = ""
    ready: bool = False
    source_lang: str = ""
    stored: bool | None = None
    public: bool | None = None
    grace_left_s: float | None = None
    delay_s: float | None = None
    is_typed: bool = False
    reserved_s: int = 0


def outlook(
    room: Room, identity: Identity, *, connection_id: str = "", now: datetime | None = None
) -> Outlook:
    """`connection_id`: what the asking page was given by its own socket."""
    now = now or timezone.now()
    opened = open_session(room.pk)
    if opened is None:
        return Outlook(_state_of_closed(room), _blocker_of_closed(room), _notice(room, now), "nobody")
    host = _host(opened, identity, connection_id)
    session, part = opened.session, opened.part
    ready = session.state == Session.State.LIVE
    blocker: Blocker = "do_not_record" if room.do_not_record else "elsewhere" if host == "other" else ""
    if not blocker and session.kind == Session.Kind.TYPED:  # its host needs a slot
        blocker = _blocker_of_closed(room)
    return Outlook(
        state="grace" if opened.grace_until else "live" if ready else "waiting",
        blocker=blocker, notice=_notice(room, now), host=host,
        connection_id=opened.host_connection_id if host == "you_elsewhere" else "",
        ready=ready, source_lang=part.source_lang, stored=part.store, public=part.public,
        grace_left_s=_left_s(opened.grace_until, now), delay_s=session.delay_s if ready else None,
        reserved_s=_reserved_s(opened, identity) if host == "away" else 0,
        is_typed=Pen.objects.filter(room=room, released_at=None, expires_at__gt=now).exists(),
    )  # fmt: skip


@transaction.atomic
def end_as_host(room: Room, identity: Identity) -> None:
    """Close the room that one hosts, or has hosted last: last sentences are delivered, then everybody is sent away.

    Nobody else who knows the password that hosts share. Raises Conflict (`not_active`), Forbidden (`not_host`).
    """
    opened = lock_open_session(room.pk)
    if opened is None:
        raise Conflict("not_active")
    if not identity.is_admin and not is_own_room(identity.key, identity.user_id, opened):
        raise Forbidden("not_host", room=room.code)
    begin_closing(opened.session, by="host")


def _state_of_closed(room: Room) -> str:
    newest = newest_session(room.pk)
    return "closed" if newest is None or room_end(room.pk).over else "closing"


def _blocker_of_closed(room: Room) -> Blocker:
    if room.do_not_record:
        return "do_not_record"
    if not room.published:
        return "not_published"
    if slots_taken() < max_active_rooms():
        return ""
    NO_SLOT.labels("page").inc()
    return "no_slot"


def _host(opened: RoomSession, identity: Identity, connection_id: str) -> HostIs:
    if opened.session.kind == Session.Kind.TYPED or not host_is_connected(opened):
        return "away"
    if not is_own_room(identity.key, identity.user_id, opened):
        return "other"  # whatever id it names: those are public
    return "you" if connection_id and opened.host_connection_id == connection_id else "you_elsewhere"


def _notice(room: Room, now: datetime) -> Notice:
    ahead = timedelta(minutes=settings.ENV.room_list_ahead_min)
    if room.starts_at is not None and now < room.starts_at - ahead:
        return "early"
    return "late" if room.ends_at is not None and now > room.ends_at else ""


def _reserved_s(opened: RoomSession, identity: Identity) -> int:
    is_free = opened.session.kind == Session.Kind.TYPED or identity.is_admin
    return 0 if is_free or is_own_room(identity.key, identity.user_id, opened) else reserved_s(opened)


def _left_s(until: datetime | None, now: datetime) -> float | None:
    return None if until is None else max(0.0, (until - now).total_seconds())
