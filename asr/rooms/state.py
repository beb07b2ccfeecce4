"""A room's life as viewers see it: the row of transcripts that says so is written from here."""

from django.db import connection, transaction

from asr.models import Session
from asr.selectors import VIEWERS_STAY, newest_session, room_end
from transcripts.models import RoomState
from transcripts.selectors import first_part
from transcripts.services import put_room_state

ENDING_LOCK = 0x50FF1F  # with a room: opening it and ending its last session must not interleave


def lock_end(room_id: int) -> None:
    """Hold the right to open the room, to end it or to say how it is, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [ENDING_LOCK, room_id % 2**31])


@transaction.atomic
def tell_state(room_id: int) -> None:
    """Write the room's state as its sessions are now. Call behind every change of them, in the same transaction."""
    lock_end(
        room_id
    )  # another session of the room may change at the same time; the last one to tell knows of both
    session = newest_session(room_id)
    if session is None or session.part is None:
        return
    name = _name(session)
    is_open = name in RoomState.OPEN
    put_room_state(
        RoomState(
            room_id=room_id,
            state=name,
            opening=session.part.opening,
            first_part=first_part(room_id, session.part.opening),
            part=session.part.number,
            source_lang=session.source_lang,
            session=session.pk if is_open else None,
            hears=session.state == Session.State.LIVE,
            grace_until=session.grace_until if is_open else None,
            leave_at=session.closing_at + VIEWERS_STAY
            if name == RoomState.Name.CLOSING and session.closing_at
            else None,
        )
    )


def _name(newest: Session) -> RoomState.Name:
    if newest.state in Session.OPEN:
        if newest.grace_until is not None:
            return RoomState.Name.GRACE
        return RoomState.Name.LIVE if newest.state == Session.State.LIVE else RoomState.Name.WAITING
    over = newest.room_id is None or room_end(newest.room_id).over
    return RoomState.Name.CLOSED if over else RoomState.Name.CLOSING
