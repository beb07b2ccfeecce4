"""Writes of rooms: the schedule, votes, the language last spoken, and what may not be recorded."""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from functools import partial
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from redis.exceptions import RedisError

from rooms.errors import BadInput, Conflict
from rooms.models import Room, Vote
from rooms.schedule import ScheduledTalk, parse_schedule, recording_of
from rooms.schedule_source import Validators, fetch
from rooms.selectors import votable_room
from rooms.signals import recording_forbidden

logger = logging.getLogger(__name__)

SCHEDULE_LOCK = 0x5C4ED  # one import at a time, whoever started it
_COPIED = ("title", "abstract", "track", "colour", "location", "starts_at", "ends_at", "language")
_WRITTEN = (*_COPIED, "presenters", "do_not_record", "published", "schedule_event", "in_schedule")


@dataclass(slots=True)
class ScheduleChanges:
    """What an import did. `not_changed`: the source is as it was; nothing was looked at."""

    created: int = 0
    updated: int = 0
    unpublished: int = 0
    forbidden: int = 0
    taken_by_hand: int = 0
    recording_unknown: int = 0
    not_changed: bool = False

    def summary(self) -> str:
        """One sentence for people."""
        if self.not_changed:
            return "The schedule has not changed."
        text = f"Talks: {self.created} new, {self.updated} changed, {self.unpublished} unpublished."
        if self.forbidden:
            text += f" No longer to be recorded: {self.forbidden}."
        if self.recording_unknown:
            text += f" The schedule does not say whether these may be recorded, so they are not: {self.recording_unknown}."
        if self.taken_by_hand:
            text += f" Left out, a room made by hand has their code: {self.taken_by_hand}."
        return text


def import_schedule(source: str = "", *, force: bool = False) -> ScheduleChanges:
    """Read the schedule (the configured one by default) and apply it; `force`: also when it is as it was.

    Raises BadInput and DomainError "schedule_unreachable"; nothing has changed then.
    """
    source = source or settings.ENV.schedule_url
    if not source:
        raise BadInput("no_schedule", "No schedule: set SCHEDULE_URL")
    cache_key = _validators_key(source)
    known = Validators() if force or not Room.objects.filter(in_schedule=True).exists() else _known(cache_key)
    fetched = fetch(source, known)
    if fetched.data is None:
        return ScheduleChanges(not_changed=True)
    talks = parse_schedule(fetched.data, zone=ZoneInfo(settings.ENV.event_time_zone))
    changes = apply_schedule(talks)
    _know(cache_key, fetched.validators)
    logger.info(
        "schedule imported", extra={f"talks_{name}": count for name, count in asdict(changes).items()}
    )
    return changes


@transaction.atomic
def apply_schedule(talks: Iterable[ScheduledTalk]) -> ScheduleChanges:
    """Make the schedule's rooms what these talks say; rooms made by hand stay as they are.

    A talk that vanished, or whose track is hidden, is unpublished, never deleted. What an admin set by hand
    (published, do not record) stays until the schedule itself says something new; do-not-record in the
    schedule always counts.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEDULE_LOCK])
    ours = Room.objects.select_for_update().filter(origin=Room.Origin.SCHEDULE).order_by("pk")
    rooms = {room.code: room for room in ours}
    taken = set(Room.objects.filter(origin=Room.Origin.MANUAL).values_list("code", flat=True))
    hidden = {name.strip().casefold() for name in settings.ENV.schedule_hidden_tracks}
    changes = ScheduleChanges()
    created, updated = [], []
    for talk in talks:
        if talk.code in taken:
            changes.taken_by_hand += 1
            continue
        changes.recording_unknown += talk.recording == "unknown"
        in_schedule = talk.track.casefold() not in hidden
        room = rooms.pop(talk.code, None)
        if room is None:
            room = Room(code=talk.code, origin=Room.Origin.SCHEDULE, published=False)
            created.append(room)
            _apply_talk(room, talk, in_schedule=in_schedule)
        elif _update_room(room, talk, in_schedule=in_schedule, changes=changes):
            updated.append(room)
    vanished = [room for room in rooms.values() if room.in_schedule]
    for room in vanished:
        changes.unpublished += room.published
        room.published = room.in_schedule = False
    changes.created, changes.updated = len(created), len(updated)
    Room.objects.bulk_create(created, batch_size=500)
    Room.objects.bulk_update([*updated, *vanished], _WRITTEN, batch_size=200)
    return changes


def tell_recording_forbidden(room: Room) -> None:
    """After the commit, tell whoever records in this room to stop."""
    transaction.on_commit(partial(recording_forbidden.send_robust, sender=Room, room=room))


@transaction.atomic
def cast_vote(code: str, *, vote: bool) -> int:
    """Count one more (or one fewer) wish for captions of this talk; the new count.

    Raises NotFound for what cannot be voted on, Conflict for a removal at 0.
    """
    room = votable_room(code)
    Vote.objects.get_or_create(room=room)
    stored = Vote.objects.select_for_update().get(room=room)
    if not vote and stored.count == 0:
        raise Conflict("no_votes", "There is no vote to remove")
    stored.count += 1 if vote else -1
    stored.save(update_fields=["count"])
    return stored.count


def _apply_talk(room: Room, talk: ScheduledTalk, *, in_schedule: bool) -> None:
    said_before = recording_of(room.schedule_event) if room.pk else None
    if talk.recording == "forbidden" or talk.recording != said_before:
        room.do_not_record = talk.recording != "allowed"
    if in_schedule != room.in_schedule:
        room.published = in_schedule
    room.in_schedule = in_schedule
    for name in _COPIED:
        setattr(room, name, getattr(talk, name))
    room.presenters = list(talk.presenters)
    room.schedule_event = talk.event


def _update_room(room: Room, talk: ScheduledTalk, *, in_schedule: bool, changes: ScheduleChanges) -> bool:
    """Apply the talk to its room; whether that changed anything."""
    before = _values(room)
    _apply_talk(room, talk, in_schedule=in_schedule)
    changes.unpublished += bool(before["published"]) and not room.published
    if room.do_not_record and not before["do_not_record"]:
        changes.forbidden += 1
        tell_recording_forbidden(room)
    return before != _values(room)


def _values(room: Room) -> dict[str, object]:
    return {name: getattr(room, name) for name in _WRITTEN}


def _validators_key(source: str) -> str:
    """Another source, other hidden tracks: another question."""
    asked = "\n".join([source, *settings.ENV.schedule_hidden_tracks, settings.ENV.event_time_zone])
    return f"rooms:schedule:{hashlib.sha256(asked.encode()).hexdigest()}"


def _known(cache_key: str) -> Validators:
    try:
        stored = cache.get(cache_key) or {}
    except (RedisError, OSError):
        return Validators()
    return Validators(**{field.name: str(stored.get(field.name, "")) for field in fields(Validators)})


def _know(cache_key: str, validators: Validators) -> None:
    try:
        cache.set(cache_key, asdict(validators), timeout=7 * 24 * 3600)
    except (RedisError, OSError):
        logger.warning("schedule's version not remembered: no cache")
