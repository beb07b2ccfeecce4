"""A host's seat while its socket lives: renewed, given up, lost; and what that means for its audio."""

from dataclasses import dataclass
from typing import Literal

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from asr.models import Session
from asr.rooms.ending import lock_open_session
from asr.rooms.services import HostSeat, begin_grace, is_same_host
from asr.rooms.state import tell_state

SeatState = Literal["held", "taken_over", "lost", "over"]
LogState = Literal["own", "shared", "over"]


@dataclass(frozen=True, slots=True)
class Presence:
    """How a host's socket stands. `session_id`: the room's open session.

    held: it is the host; taken_over: another socket of the same host is; lost: somebody else is; over: nobody,
    the room is closing or closed.
    """

    state: SeatState
    session_id: int | None = None


def keep_seat(seat: HostSeat) -> Presence:
    """Renew a host's presence, unless the seat was given up or is another's."""
    session = Session.objects.filter(room_id=seat.room_id, state__in=Session.OPEN).first()
    if session is None:
        return Presence("over")
    if session.host_connection_id != seat.connection_id:
        is_ours = is_same_host(seat.key, seat.owner, session)
        return Presence("taken_over" if is_ours else "lost", session.pk)
    # The row may have changed since: a renewal that comes late must not bring back a host that has left.
    mine = Session.objects.filter(pk=session.pk, host_connection_id=seat.connection_id, host_left=False)
    mine = mine.filter(state__in=Session.OPEN)
    if not mine.filter(grace_until=None).update(host_seen_at=timezone.now()):
        _end_grace(mine.filter(grace_until__isnull=False), seat.room_id)
    return Presence("held", session.pk)


@transaction.atomic
def _end_grace(session: QuerySet[Session], room_id: int) -> None:
    if session.update(host_seen_at=timezone.now(), grace_until=None):
        tell_state(room_id)


@transaction.atomic
def leave_as_host(*, room_id: int, connection_id: str) -> bool:
    """The host's socket is gone: the grace period begins (True). A socket that was replaced changes nothing."""
    session = lock_open_session(room_id)
    if session is None or session.host_connection_id != connection_id or session.host_left:
        return False
    session.host_left = True
    session.save(update_fields=["host_left"])
    if session.host_seen_at is not None:  # else the sweep was quicker
        begin_grace(session)
    return True


def engine_hears(session_id: int) -> bool:
    """Whether the session's process hears."""
    return Session.objects.filter(pk=session_id, state=Session.State.LIVE).exists()


def log_state(session_id: int, *, connection_id: str) -> LogState:
    """Whose the session's audio log is, asked by a socket that wrote there.

    own: nobody else will write; shared: another socket goes on in it; over: nobody will read it any more.
    """
    session = Session.objects.filter(pk=session_id, state__in=Session.RUNNING).first()
    if session is None:
        return "over"
    goes_on = session.state in Session.OPEN and session.host_connection_id != connection_id
    return "shared" if goes_on else "own"
