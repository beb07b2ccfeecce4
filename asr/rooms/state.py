"""A room's life as viewers see it: the row of transcripts that says so is written from here."""

from django.db import connection, transaction

from asr.models import Session
from asr.rooms.models import RoomSession
from asr.rooms.selectors import VIEWERS_STAY, newest_session, room_end
from transcripts.models import RoomState
from transcripts.room_state import put_room_state
from transcripts.selectors import first_part

ENDING_LOCK = 0x50FF1F  # with a room: opening it and ending its last session must not interleave


def lock_end(room_id: int) -> None:
    """Hold the right to open the room, to end it or to publish its state, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [ENDING_LOCK, room_id % 2**31])


@transaction.atomic
def publish_state(room_id: int) -> None:
    """Write the room's state as its sessions are now. Call behind every change of them, in the same transaction."""
    lock_end(
        room_id
    )  # another session of the room may change meanwhile; the last one to publish knows of both
    newest = newest_session(room_id)
    if newest is None:
        return
    session = newest.session
    name = _name(newest)
    is_open = name in RoomState.OPEN
    put_room_state(
        RoomState(
            room_id=room_id,
            state=name,
            broadcast=newest.part.broadcast,
            first_part=first_part(room_id, newest.part.broadcast),
            part=newest.part.number,
            source_lang=newest.part.source_lang,
            session=session.pk if is_open else None,
            ready=session.state == Session.State.LIVE,
            grace_until=newest.grace_until if is_open else None,
            leave_at=session.closing_at + VIEWERS_STAY
            if name == RoomState.Name.CLOSING and session.closing_at
            else None,
        )
    )


def _name(newest: RoomSession) -> RoomState.Name:
    if newest.session.state in Session.OPEN:
        if newest.grace_until is not None:
            return RoomState.Name.GRACE
        ready = newest.session.state == Session.State.LIVE
        return RoomState.Name.LIVE if ready else RoomState.Name.WAITING
    return RoomState.Name.CLOSED if room_end(newest.room_id).over else RoomState.Name.CLOSING
