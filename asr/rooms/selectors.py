"""Reads of rooms' sessions."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from asr.models import Session
from asr.rooms.models import Pen, RoomSession

VIEWERS_STAY = timedelta(seconds=3)  # in a room that closes: for its last sentences


@dataclass(frozen=True, slots=True)
class ActiveRoom:
    """A room that a host has opened."""

    session_id: int
    host_connection_id: str
    source_lang: str


@dataclass(frozen=True, slots=True)
class RoomEnd:
    """Whether a room is over for its viewers, and if it is about to be, in how many seconds (0: now)."""

    over: bool
    due_in_s: float | None = None


def active_rooms() -> dict[int, ActiveRoom]:
    """Primary key of each active room → its open session. One query."""
    rows = RoomSession.objects.filter(session__state__in=Session.OPEN).select_related("session")
    return {row.room_id: ActiveRoom(row.pk, row.host_connection_id, row.session.source_lang) for row in rows}


def open_session(room_id: int) -> RoomSession | None:
    """The room's open session, if it is active."""
    rows = RoomSession.objects.filter(room_id=room_id, session__state__in=Session.OPEN)
    return rows.select_related("session", "part").first()


def is_running(room_id: int, *, broadcast: int | None = None) -> bool:
    """Whether any session of the room (of one of its broadcasts) still works, be it on its last sentences."""
    running = RoomSession.objects.filter(room_id=room_id, session__state__in=Session.RUNNING)
    return (running if broadcast is None else running.filter(part__broadcast=broadcast)).exists()


def newest_session(room_id: int) -> RoomSession | None:
    """The open one, or the one that was open last."""
    return RoomSession.objects.filter(room_id=room_id).select_related("session", "part").first()


def room_end(room_id: int) -> RoomEnd:
    """A room is over when nothing runs there, or when its viewers have stayed for its last sentences long enough."""
    newest = newest_session(room_id)
    if newest is None or newest.closed_to_viewers_at is not None:
        return RoomEnd(over=True)
    if newest.session.state in Session.OPEN:
        return RoomEnd(over=False)
    if not is_running(room_id):
        return RoomEnd(over=True)
    if newest.session.closing_at is None:
        return RoomEnd(over=False)
    left = newest.session.closing_at + VIEWERS_STAY - timezone.now()
    return RoomEnd(over=False, due_in_s=max(0.0, left.total_seconds()))


def pen_holder(room_id: int) -> tuple[int, str] | None:
    """The pen that somebody holds now, and the token that its holder shows; None: the recogniser writes."""
    held = Pen.objects.filter(room=room_id, released_at=None, expires_at__gt=timezone.now())
    return held.values_list("pk", "token").first()


def pen_is_held(room_id: int) -> bool:
    """Whether a person writes the room's spoken track now."""
    return pen_holder(room_id) is not None
