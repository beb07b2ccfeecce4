"""A host lease while its socket lives: renewed, given up, lost; and what that means for its audio."""

from dataclasses import dataclass
from typing import Literal

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from asr.models import Session
from asr.rooms.ending import lock_open_session
from asr.rooms.models import RoomSession
from asr.rooms.selectors import open_session
from asr.rooms.services import HostLease, begin_grace, is_same_host
from asr.rooms.state import publish_state
from asr.sessions import begin_closing
from rooms.errors import Conflict

HostLeaseState = Literal["held", "taken_over", "lost", "over", "signed_out"]
LogState = Literal["own", "shared", "over"]


@dataclass(frozen=True, slots=True)
class Presence:
    """How a host's socket stands. `session_id`: the room's open session.

    held: it is the host; taken_over: another socket with the same key is; lost: somebody else is; over: nobody,
    the room is closing or closed; signed_out: its login was revoked or is over (who asks finds that out).
    """

    state: HostLeaseState
    session_id: int | None = None


def renew_host_lease(host_lease: HostLease) -> Presence:
    """Renew a host's presence, unless the host lease was given up or is another's."""
    opened = open_session(host_lease.room_id)
    if opened is None:
        return Presence("over")
    if opened.host_connection_id != host_lease.connection_id:
        is_ours = is_same_host(host_lease.key, host_lease.owner_id, opened)
        return Presence("taken_over" if is_ours else "lost", opened.pk)
    # The row may have changed since: a renewal that comes late must not bring back a host that has left.
    mine = RoomSession.objects.filter(
        pk=opened.pk, host_connection_id=host_lease.connection_id, host_left=False, is_open=True
    )
    if not mine.filter(grace_until=None).update(host_seen_at=timezone.now()):
        _end_grace(mine.filter(grace_until__isnull=False), host_lease.room_id)
    return Presence("held", opened.pk)


def renew_captioner(room_id: int) -> bool:
    """A captioner is there: a room that a captioner opened stays open. Whether it is one, where nothing is heard."""
    typed = RoomSession.objects.filter(
        room=room_id, is_open=True, session__kind=Session.Kind.TYPED, session__state__in=Session.OPEN
    )
    key = typed.values_list("pk", flat=True).first()
    if key is None:
        return False
    mine = RoomSession.objects.filter(pk=key, is_open=True)
    if not mine.filter(grace_until=None).update(host_seen_at=timezone.now()):
        _end_grace(mine.filter(grace_until__isnull=False), room_id)
    return True


@transaction.atomic
def close_by_hand(room_id: int) -> None:
    """Close a room that a captioner opened. Raises Conflict (`not_active`) where it is closed, or has a host."""
    opened = lock_open_session(room_id)
    if opened is None or opened.session.kind != Session.Kind.TYPED:
        raise Conflict("not_active")
    begin_closing(opened.session, by="captioner")


@transaction.atomic
def _end_grace(mine: QuerySet[RoomSession], room_id: int) -> None:
    if mine.update(host_seen_at=timezone.now(), grace_until=None):
        publish_state(room_id)


@transaction.atomic
def leave_as_host(*, room_id: int, connection_id: str) -> bool:
    """The host's socket is gone: the grace period begins (True). A socket that was replaced changes nothing."""
    opened = lock_open_session(room_id)
    if opened is None or opened.host_connection_id != connection_id or opened.host_left:
        return False
    opened.host_left = True
    opened.save(update_fields=["host_left"])
    if opened.host_seen_at is not None:  # else the sweep was quicker
        begin_grace(opened)
    return True


def engine_ready(session_id: int) -> bool:
    """Whether the session's process is ready for audio."""
    return Session.objects.filter(pk=session_id, state=Session.State.LIVE).exists()


def log_state(session_id: int, *, connection_id: str) -> LogState:
    """Whose the session's audio log is, asked by a socket that wrote there.

    own: nobody else will write; shared: another socket goes on in it; over: nobody will read it any more.
    """
    running = RoomSession.objects.filter(pk=session_id, session__state__in=Session.RUNNING).first()
    if running is None:
        return "over"
    return "shared" if running.is_open and running.host_connection_id != connection_id else "own"
