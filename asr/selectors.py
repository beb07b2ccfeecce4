"""Reads of sessions and workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import FloatField, QuerySet, Sum, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.utils import timezone

from asr.models import PastCounters, Session, Worker

VIEWERS_STAY = timedelta(seconds=3)  # in a room that closes: for its last sentences
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


def is_running(room_id: int, *, opening: int | None = None) -> bool:
    """Whether any session of the room (of one of its openings) still works, be it on its last sentences."""
    running = Session.objects.filter(room_id=room_id, state__in=Session.RUNNING)
    return (running if opening is None else running.filter(part__opening=opening)).exists()


@dataclass(frozen=True, slots=True)
class RoomEnd:
    """Whether a room is over for its viewers, and if it is about to be, in how many seconds (0: now)."""

    over: bool
    due_in_s: float | None = None


def newest_session(room_id: int) -> Session | None:
    """The open one, or the one that was open last."""
    return Session.objects.filter(room_id=room_id).select_related("part").order_by("-pk").first()


def room_end(room_id: int) -> RoomEnd:
    """A room is over when nothing runs there, or when its viewers have stayed for its last sentences long enough."""
    session = newest_session(room_id)
    if session is None or session.closed_to_viewers_at is not None:
        return RoomEnd(over=True)
    if session.state in Session.OPEN:
        return RoomEnd(over=False)
    if not is_running(room_id):
        return RoomEnd(over=True)
    if session.closing_at is None:
        return RoomEnd(over=False)
    left = session.closing_at + VIEWERS_STAY - timezone.now()
    return RoomEnd(over=False, due_in_s=max(0.0, left.total_seconds()))


def counter_totals(names: Sequence[str]) -> dict[str, float]:
    """What all sessions counted, those included whose rows are deleted. One query: one moment."""

    def sums(model: type[Session] | type[PastCounters]) -> QuerySet[Any, Any]:
        each = {f"sum_{name}": Sum(Cast(KeyTextTransform(name, "counters"), FloatField())) for name in names}
        rows = model._default_manager.order_by().values(everything=Value(1)).annotate(**each)
        return rows.values_list(*each)

    rows = list(sums(Session).union(sums(PastCounters), all=True))
    return {name: sum(row[column] or 0.0 for row in rows) for column, name in enumerate(names)}


def max_active_rooms() -> int:
    """Slots of the workers that live."""
    return _alive().aggregate(slots=Sum("slots"))["slots"] or 0


def live_workers() -> set[str]:
    """Names of the workers that live."""
    return set(_alive().values_list("name", flat=True))


def _alive() -> QuerySet[Worker]:
    return Worker.objects.filter(beat_at__gt=timezone.now() - WORKER_LIVES_FOR)
