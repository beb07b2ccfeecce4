"""Reads of sessions and workers."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet, Sum
from django.utils import timezone

from asr.models import Session, Worker

WORKER_LIVES_FOR = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class ActiveRoom:
    """A room that a host has opened."""

    session_id: int
    host_connection_id: str
    source_lang: str


def active_rooms() -> dict[int, ActiveRoom]:
    """Primary key of each active room → its open session. One query."""
    rows = Session.objects.filter(state__in=Session.OPEN, room__isnull=False)
    return {
        row.room_id: ActiveRoom(row.pk, row.host_connection_id, row.source_lang)
        for row in rows
        if row.room_id is not None
    }


def open_session(room_id: int) -> Session | None:
    """The room's open session, if it is active."""
    return Session.objects.filter(room_id=room_id, state__in=Session.OPEN).select_related("part").first()


def is_running(room_id: int) -> bool:
    """Whether any session of the room still works, be it on its last sentences."""
    return Session.objects.filter(room_id=room_id, state__in=Session.RUNNING).exists()


def max_active_rooms() -> int:
    """Slots of the workers that live."""
    return _alive().aggregate(slots=Sum("slots"))["slots"] or 0


def live_workers() -> set[str]:
    """Names of the workers that live."""
    return set(_alive().values_list("name", flat=True))


def _alive() -> QuerySet[Worker]:
    return Worker.objects.filter(beat_at__gt=timezone.now() - WORKER_LIVES_FOR)
