"""What is on in every hall, for who looks after all of them. A fixed number of queries."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q
from django.utils import timezone

from rooms.models import Hall, Room

MOST_ROOMS = 200
NEXT_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class HallNow:
    """A hall, or a room that is in none (`hall` None), with what is on there and what comes next.

    Talks that may not be recorded are among them: who runs a hall must know why it has no captions.
    """

    hall: Hall | None
    rooms: tuple[Room, ...]
    next: Room | None = None


def halls_now(active: Collection[int], *, now: datetime | None = None) -> list[HallNow]:
    """Halls by event and name, then rooms without one. Three queries. `active`: primary keys of active rooms.

    On is: the room in which somebody speaks, and the talk that is due; where there is neither, rooms made by hand
    for no time. At most MOST_ROOMS of them.
    """
    now = now or timezone.now()
    on_in: dict[int, list[Room]] = {}
    homeless: list[Room] = []
    for room in _on_now(active, now):
        homeless.append(room) if room.hall_id is None else on_in.setdefault(room.hall_id, []).append(room)
    coming = Room.objects.filter(
        hall__isnull=False, published=True, starts_at__gt=now, starts_at__lt=now + NEXT_WITHIN
    )
    coming = coming.order_by("hall_id", "starts_at", "pk").distinct("hall_id")
    next_in = {room.hall_id: room for room in coming.select_related("event")}
    halls = Hall.objects.select_related("event").order_by("event_id", "name")
    found = [
        HallNow(hall, _shown(on_in.get(hall.pk, []), active, now), next_in.get(hall.pk)) for hall in halls
    ]
    return found + [HallNow(None, (room,)) for room in homeless]


def _on_now(active: Collection[int], now: datetime) -> list[Room]:
    is_active = Q(pk__in=active)
    due = Q(published=True, starts_at__lte=now, ends_at__gt=now)
    by_hand = Q(published=True, starts_at=None, origin=Room.Origin.MANUAL, do_not_record=False)
    rooms = Room.objects.filter(is_active | due | by_hand).select_related("event")
    ordered = rooms.order_by(F("starts_at").asc(nulls_last=True), "code")
    found = list(ordered[:MOST_ROOMS])
    return sorted(found, key=lambda room: room.pk not in active)


def _shown(rooms: list[Room], active: Collection[int], now: datetime) -> tuple[Room, ...]:
    """Rooms for no time only where nothing else is on."""
    on = [room for room in rooms if room.pk in active or room.starts_at is not None]
    return tuple(on or rooms)
