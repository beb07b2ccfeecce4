"""What no signal reported about rooms: hosts gone, grace over, viewers of a room that has ended, text to delete."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from asr.leases import Lease, LeaseLost, held
from asr.models import Session
from asr.rooms.ending import close_to_viewers, delete_unstored_if_over, lock_room_session
from asr.rooms.models import RoomSession
from asr.rooms.selectors import room_end
from asr.rooms.services import HOST_GONE_AFTER, begin_grace
from asr.sessions import begin_closing
from rooms.models import Room
from transcripts.models import Part, Sentence

UNSTORED_STAYS = timedelta(seconds=5)  # longer than a follower takes to come round to comparing


def sweep_host(session: Session) -> None:
    """A host whose web process died is gone; one that did not come back in time ends the room."""
    now = timezone.now()
    try:
        with held(Lease(session.pk, session.generation)) as running:
            if running.state not in Session.OPEN:
                return
            opened = lock_room_session(running)
            if opened.host_seen_at is not None and opened.host_seen_at < now - HOST_GONE_AFTER:
                begin_grace(opened)
            elif opened.grace_until is not None and opened.grace_until < now:
                begin_closing(running, by="end of grace")
    except LeaseLost:
        return


def sweep_viewers(room_id: int) -> None:
    """A room whose viewers have stayed for its last sentences long enough is closed to them."""
    if room_end(room_id).due_in_s == 0:
        close_to_viewers(room_id)


def sweep_unstored() -> None:
    """Text that was not to be stored, of broadcasts that were over UNSTORED_STAYS ago.

    Viewers have read it by then: a web process that missed a hint reads PostgreSQL again every three seconds.
    """
    unstored = Part.objects.filter(Exists(Sentence.objects.filter(part=OuterRef("pk"))), store=False)
    of_broadcast = RoomSession.objects.filter(room=OuterRef("room"), part__broadcast=OuterRef("broadcast"))
    waits = Q(session__state__in=Session.RUNNING) | Q(session__closed_at__gt=timezone.now() - UNSTORED_STAYS)
    over = unstored.exclude(Exists(of_broadcast.filter(waits))).order_by()
    for room_id, broadcast in over.values_list("room", "broadcast").distinct():
        delete_unstored_if_over(Room.objects.get(pk=room_id), broadcast)
