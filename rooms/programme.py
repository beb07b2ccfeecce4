"""What is on now and next, by hall, from the rooms of selectors.programme_rooms. No I/O, no clock."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from rooms.models import Room

_NUMBER = re.compile(r"(\d+)")


@dataclass(slots=True)
class HallProgramme:
    """A place: what is on there (several where several speak), and what comes next there today."""

    name: str
    slug: str = ""
    on: list[Room] = field(default_factory=list)
    next: Room | None = None

    @property
    def key(self) -> str:
        """Names this place among the others, as long as it is shown."""
        return self.slug or (self.name and f"at-{self.name}") or f"room-{self.on[0].code}"


@dataclass(frozen=True, slots=True)
class Programme:
    """Places where something is on or comes today; `later`: what has not begun, by start, all of one `day`.

    Where nothing is left today it is the next day with talks. `day` None: there is no talk to come.
    """

    halls: list[HallProgramme]
    later: list[Room]
    day: date | None
    is_today: bool


def programme_of(
    rooms: Iterable[Room], active: Collection[int], *, now: datetime, ahead: timedelta
) -> Programme:
    """Arrange. `active`: primary keys of active rooms; one that is opened longer than `ahead` before its start is a
    sound check, and not on yet.
    """
    rooms = sorted(rooms, key=lambda room: (room.starts_at is None, room.starts_at or now, room.code))
    upcoming = [room for room in rooms if room.starts_at and room.starts_at > now]
    places: dict[Hashable, HallProgramme] = {}
    for room in rooms:
        if not _may_be_on(room, active, now, ahead):
            continue
        hall = places.setdefault(_place(room), _hall(room))
        hall.on.append(room)
    for hall in places.values():
        hall.on = _shown(hall.on, active)
    on = {room.pk for hall in places.values() for room in hall.on}
    later = [room for room in upcoming if room.pk not in on]
    is_today = bool(on) or any(_day(room) == _today(room, now) for room in later)
    later = [room for room in later if _day(room) == _today(room, now)] if is_today else _first_day(later)
    if is_today:
        for room in reversed([room for room in later if room.hall or room.location]):
            places.setdefault(_place(room), _hall(room)).next = room
    halls = sorted(places.values(), key=lambda hall: (not hall.name, natural(hall.name or hall.key)))
    return Programme(halls, later, _day(later[0]) if later else None, is_today)


def natural(name: str) -> list[str]:
    """For sorting: Hall 2 before Hall 10."""
    return [part.zfill(8) if part.isdigit() else part.casefold() for part in _NUMBER.split(name)]


def _may_be_on(room: Room, active: Collection[int], now: datetime, ahead: timedelta) -> bool:
    if room.starts_at is None:
        return room.pk in active or (room.published and room.origin == Room.Origin.MANUAL)
    if room.pk in active:
        return room.starts_at <= now + ahead
    return room.published and room.starts_at <= now and room.ends_at is not None and room.ends_at > now


def _shown(rooms: list[Room], active: Collection[int]) -> list[Room]:
    """Where somebody speaks nobody waits for what is due; where a talk is due, rooms for no time do not count."""
    speaking = [room for room in rooms if room.pk in active]
    due = [room for room in rooms if room.starts_at is not None]
    return speaking or due or rooms


def _place(room: Room) -> Hashable:
    return room.hall_id or (room.event_id, room.location or f"\0{room.pk}")


def _hall(room: Room) -> HallProgramme:
    return HallProgramme(room.hall.name, room.hall.slug) if room.hall else HallProgramme(room.location)


def _day(room: Room) -> date | None:
    return room.starts_at.astimezone(room.event.zone).date() if room.starts_at else None


def _today(room: Room, now: datetime) -> date:
    return now.astimezone(room.event.zone).date()


def _first_day(later: list[Room]) -> list[Room]:
    return [room for room in later if _day(room) == _day(later[0])]
