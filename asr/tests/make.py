"""Sessions for tests: rooms with hosts, workers that live, leases that are held."""

from datetime import timedelta

from django.utils import timezone

from asr.leases import Lease, announce_ready, claim
from asr.models import Session, Worker
from asr.rooms.services import HostRequest, HostSeat, join_as_host
from rooms.models import Room
from rooms.tests.make import room as make_room
from transcripts.services import PartTerms

TERMS = PartTerms("en", store=True, public=True, owner="host")
KEY = "a" * 64


def slots(count: int) -> None:
    """So many rooms may be open."""
    Worker.objects.update_or_create(
        name="asr@test",
        defaults={"slots": count, "model": "base", "device": "cpu", "beat_at": timezone.now()},
    )


def join(room: Room | str, *, terms: PartTerms = TERMS, connection_id: str = "", key: str = KEY) -> HostSeat:
    """A host takes its seat; a code that is no room yet becomes one."""
    if isinstance(room, str):
        room = Room.objects.filter(code=room).first() or make_room(room)
    if not Worker.objects.exists():
        slots(9)
    return join_as_host(HostRequest(room.code, terms, connection_id, key))


def served(seat: HostSeat, *, pid: int = 4711) -> Lease:
    """The seat's session is served by a process and hears."""
    session = Session.objects.get(pk=seat.session_id)
    lease = Lease(session.pk, session.generation)
    claim(lease, worker="asr@test", pid=pid)
    announce_ready(lease)
    return lease


def session_of(seat: HostSeat) -> Session:
    return Session.objects.get(pk=seat.session_id)


def aged(seat: HostSeat, **ages_s: float) -> None:
    """Set times of the session's row this many seconds into the past."""
    now = timezone.now()
    changes = {name: now - timedelta(seconds=age) for name, age in ages_s.items()}
    Session.objects.filter(pk=seat.session_id).update(**changes)
