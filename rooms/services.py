"""Writes of rooms: what a schedule says, votes, and what may not be recorded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from rooms.errors import Conflict
from rooms.halls import halls_named
from rooms.locks import locked
from rooms.models import Event, Hall, Room, Vote
from rooms.schedule import Schedule, ScheduledTalk, recording_of
from rooms.seed import settings_event
from rooms.selectors import votable_room
from rooms.signals import stop_recording_requested

FEW_TALKS = 2  # so many may vanish unasked, however small the schedule is
DELETION_TRIES = 3
SCHEDULE_LOCK = 0x5C4ED  # one import at a time, whoever started it
_COPIED = ("title", "abstract", "track", "colour", "location", "starts_at", "ends_at", "language")
_WRITTEN = (*_COPIED, "hall", "presenters", "do_not_record", "published", "schedule_event", "in_schedule")


@dataclass(slots=True)
class ScheduleChanges:
    """What an import did, in talks.

    `not_changed`: the source is as it was; nothing was looked at. `waiting`: most talks would have been unpublished,
    so many; nothing was changed but what is no longer to be recorded, until a person says that it is right.
    `unreadable`: events that were skipped.
    """

    created: int = 0
    updated: int = 0
    unpublished: int = 0
    forbidden: int = 0
    taken_by_hand: int = 0
    taken_by_event: int = 0
    recording_unknown: int = 0
    unreadable: int = 0
    waiting: int = 0
    not_changed: bool = False

    def summary(self) -> str:
        """One sentence for people."""
        if self.not_changed:
            return "The schedule has not changed."
        text = f"Talks: {self.created} new, {self.updated} changed, {self.unpublished} unpublished."
        if self.waiting:
            text = (
                f"Not applied: it would unpublish most talks ({self.waiting}). If that is right, confirm it."
            )
        if self.forbidden:
            text += f" No longer to be recorded: {self.forbidden}."
        if self.recording_unknown:
            text += f" The schedule does not say whether these may be recorded, so they are not: {self.recording_unknown}."
        if self.unreadable:
            text += f" Skipped, they cannot be read: {self.unreadable}."
        if self.taken_by_hand:
            text += f" Left out, a room made by hand has their code: {self.taken_by_hand}."
        if self.taken_by_event:
            text += f" Left out, a talk of another event has their code: {self.taken_by_event}."
        return text


@transaction.atomic
def apply_schedule(
    schedule: Schedule, *, event: Event | None = None, confirmed: bool = False
) -> ScheduleChanges:
    """Make the event's rooms what the talks of its schedule say; those of others and those made by hand stay.

    `event` None: the one of the settings.

    A talk that vanished, or whose track is hidden, is unpublished, never deleted. What an admin set by hand
    (published, do not record) stays until the schedule itself says something new; do-not-record in the
    schedule always counts, and an event that cannot be read allows nothing. Where most published talks would vanish
    nothing but do-not-record is applied, unless a person has `confirmed` it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEDULE_LOCK])
    event = event or settings_event()
    ours = Room.objects.filter(origin=Room.Origin.SCHEDULE, event=event)
    forbidden = [talk.code for talk in schedule.talks if talk.recording == "forbidden"]
    by_hand = Q(origin=Room.Origin.MANUAL, code__in=forbidden)
    concerned = Room.objects.filter(by_hand | Q(origin=Room.Origin.SCHEDULE, event=event))
    found = list(locked(concerned.select_related("hall")))
    rooms = {room.code: room for room in found if room.origin == Room.Origin.SCHEDULE}
    taken = dict(Room.objects.exclude(pk__in=ours).values_list("code", "origin"))
    changes = ScheduleChanges(unreadable=len(schedule.unreadable))
    for room in found:
        if room.origin == Room.Origin.MANUAL:
            _forbid_by_hand(room, changes)
    named = {talk.code for talk in schedule.talks} | set(schedule.unreadable)
    vanished = [room for room in rooms.values() if room.in_schedule and room.code not in named]
    unreadable = [rooms[code] for code in set(schedule.unreadable) if code in rooms]
    for room in unreadable:
        _stop_recording(room, {}, changes)
    if not confirmed and _are_most(vanished, rooms.values()):
        changes.waiting = sum(room.published for room in vanished)
        spoken_of = [(rooms[talk.code], talk) for talk in schedule.talks if talk.code in rooms]
        for room, talk in spoken_of:
            if not _is_allowed(room, talk):
                _stop_recording(room, talk.event, changes)
        changed = [*unreadable, *(room for room, _ in spoken_of)]
        Room.objects.bulk_update(changed, ["do_not_record", "schedule_event"], batch_size=200)
        return changes
    imported = _Import(event, rooms, taken, halls_named(event, (talk.location for talk in schedule.talks)))
    created, updated = _apply_talks(schedule.talks, imported, changes)
    for room in vanished:
        changes.unpublished += room.published
        room.published = room.in_schedule = False
    changes.created, changes.updated = len(created), len(updated)
    _note_import(
        event, {Room.Imported.NEW: created, Room.Imported.CHANGED: updated, Room.Imported.GONE: vanished}
    )
    Room.objects.bulk_create(created, batch_size=500)
    written = (*_WRITTEN, "imported", "imported_at")
    Room.objects.bulk_update([*updated, *vanished, *unreadable], written, batch_size=200)
    return changes


def request_stop_recording(room: Room) -> None:
    """After the commit, signal that recording in this room must stop."""
    transaction.on_commit(partial(stop_recording_requested.send_robust, sender=Room, room=room))


@transaction.atomic
def cast_vote(code: str, *, vote: bool) -> int:
    """Count one more (or one fewer) wish for captions of this talk; the new count.

    Raises NotFound for what cannot be voted on, Conflict for a removal at 0.
    """
    room = votable_room(code)
    Vote.objects.get_or_create(room=room)
    stored = locked(Vote.objects.filter(room=room)).get()
    if not vote and stored.count == 0:
        raise Conflict("no_votes")
    stored.count += 1 if vote else -1
    stored.save(update_fields=["count"])
    return stored.count


@dataclass(frozen=True, slots=True)
class _Import:
    """What an import finds: the event, its rooms by code, the origin of others' by code, its halls by name."""

    event: Event
    rooms: dict[str, Room]
    taken: dict[str, str]
    halls: dict[str, Hall]


def _note_import(event: Event, done: Mapping[Room.Imported, list[Room]]) -> None:
    """So that the admin can list what an import did."""
    event.imported_at = timezone.now()
    event.save(update_fields=["imported_at"])
    for what, rooms in done.items():
        for room in rooms:
            room.imported, room.imported_at = what, event.imported_at


def _apply_talks(
    talks: Iterable[ScheduledTalk], found: _Import, changes: ScheduleChanges
) -> tuple[list[Room], list[Room]]:
    """New rooms, and rooms that are no longer what they were."""
    hidden = {name.strip().casefold() for name in found.event.hidden_tracks}
    created, updated = [], []
    for talk in talks:
        if origin := found.taken.get(talk.code):
            changes.taken_by_hand += origin == Room.Origin.MANUAL
            changes.taken_by_event += origin == Room.Origin.SCHEDULE
            continue
        changes.recording_unknown += talk.recording == "unknown"
        in_schedule = talk.track.casefold() not in hidden
        room = found.rooms.get(talk.code)
        if room is None:
            room = Room(event=found.event, code=talk.code, origin=Room.Origin.SCHEDULE, published=False)
            created.append(room)
            _apply_talk(room, talk, found, in_schedule=in_schedule)
            room.do_not_record = talk.recording != "allowed"
        elif _update_room(room, talk, found, in_schedule=in_schedule, changes=changes):
            updated.append(room)
    return created, updated


def _are_most(vanished: list[Room], rooms: Iterable[Room]) -> bool:
    leaving = sum(room.published for room in vanished)
    return leaving > FEW_TALKS and 2 * leaving > sum(room.published for room in rooms)


def _is_allowed(room: Room, talk: ScheduledTalk) -> bool:
    """Whether the room may be recorded with what its talk says now; what an admin set stays if it says nothing new."""
    if talk.recording == "forbidden" or talk.recording != recording_of(room.schedule_event):
        return talk.recording == "allowed"
    return not room.do_not_record


def _stop_recording(room: Room, event: dict[str, Any], changes: ScheduleChanges) -> None:
    """Not to be recorded, because of this event: a later one may allow it again, but for what an admin had set."""
    if not room.do_not_record:
        changes.forbidden += 1
        request_stop_recording(room)
        room.do_not_record = True
        room.schedule_event = event


def _forbid_by_hand(room: Room, changes: ScheduleChanges) -> None:
    """A room that was made by hand is its maker's, but for its speaker's no."""
    if not room.do_not_record:
        changes.forbidden += 1
        request_stop_recording(room)
        room.do_not_record = True
        room.save(update_fields=["do_not_record"])


def _apply_talk(room: Room, talk: ScheduledTalk, found: _Import, *, in_schedule: bool) -> None:
    if in_schedule != room.in_schedule:
        room.published = in_schedule
    room.in_schedule = in_schedule
    for name in _COPIED:
        setattr(room, name, getattr(talk, name))
    room.hall = found.halls.get(talk.location)
    room.presenters = list(talk.presenters)
    room.schedule_event = talk.event


def _update_room(
    room: Room, talk: ScheduledTalk, found: _Import, *, in_schedule: bool, changes: ScheduleChanges
) -> bool:
    """Apply the talk to its room; whether that changed anything."""
    before = _values(room)
    if _is_allowed(room, talk):
        room.do_not_record = False
    else:
        _stop_recording(room, talk.event, changes)
    _apply_talk(room, talk, found, in_schedule=in_schedule)
    changes.unpublished += bool(before["published"]) and not room.published
    return before != _values(room)


def _values(room: Room) -> dict[str, object]:
    return {name: getattr(room, name) for name in _WRITTEN}


def delete_rooms(rooms: QuerySet[Room]) -> None:
    """With all that belongs to them, also what comes between Django's collecting and its deleting: a reader, a translation.

    Raises IntegrityError: something came each time.
    """
    keys = list(rooms.values_list("pk", flat=True))
    for tries_left in reversed(range(DELETION_TRIES)):
        try:
            with transaction.atomic():
                Room.objects.filter(pk__in=keys).delete()
                connection.check_constraints()  # now: behind this nobody can refer to them any more
                return
        except IntegrityError:
            if not tries_left:
                raise
