"""Reading events' schedules from where they are, and applying what is new."""

import hashlib
import logging
from dataclasses import asdict, fields

from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

from rooms.errors import BadInput, DomainError
from rooms.models import Event, Room
from rooms.schedule import parse_schedule
from rooms.schedule_source import Validators, fetch
from rooms.seed import settings_event
from rooms.services import ScheduleChanges, apply_schedule
from rooms.words import schedule_words

MOST_CHARS: int = Event._meta.get_field("schedule_result").max_length or 0
logger = logging.getLogger(__name__)


def import_schedules(
    *, force: bool = False, confirmed: bool = False
) -> dict[Event, ScheduleChanges | DomainError]:
    """Read the schedule of every event that has one; what is wrong with one does not touch another."""
    settings_event()
    results: dict[Event, ScheduleChanges | DomainError] = {}
    for event in Event.objects.exclude(schedule_url=""):
        try:
            results[event] = import_schedule(event=event, force=force, confirmed=confirmed)
        except DomainError as error:
            results[event] = error
    return results


def import_schedule(
    source: str = "", *, event: Event | None = None, force: bool = False, confirmed: bool = False
) -> ScheduleChanges:
    """Read a schedule of an event (its own address by default; the settings' event) and apply it.

    `force`: also when it is as it was; `confirmed`: a person knows that most talks vanish.

    Raises BadInput and DomainError "schedule_unreachable"; nothing has changed then.
    """
    event = event or settings_event()
    source = source or event.schedule_url
    if not source:
        raise BadInput("no_schedule")
    try:
        changes = _read(source, event, force=force, confirmed=confirmed)
    except DomainError as error:
        _note_result(event, schedule_words(error))
        raise
    _note_result(event, changes.summary())
    return changes


def _note_result(event: Event, words: str) -> None:
    event.schedule_read_at, event.schedule_result = timezone.now(), words[:MOST_CHARS]
    event.save(update_fields=["schedule_read_at", "schedule_result"])


def _read(source: str, event: Event, *, force: bool, confirmed: bool) -> ScheduleChanges:
    cache_key = _validators_key(event, source)
    read_before = Room.objects.filter(event=event, in_schedule=True).exists()
    known = _known(cache_key) if read_before and not force else Validators()
    fetched = fetch(source, known)
    if fetched.data is None:
        return ScheduleChanges(not_changed=True)
    schedule = parse_schedule(fetched.data, zone=event.zone)
    changes = apply_schedule(schedule, event=event, confirmed=confirmed)
    if not changes.waiting:
        _know(cache_key, fetched.validators)
    logger.log(
        logging.WARNING if changes.waiting or changes.unreadable else logging.INFO,
        "schedule waits for a person" if changes.waiting else "schedule read",
        extra={"of_event": event.slug} | {f"talks_{name}": count for name, count in asdict(changes).items()},
    )
    return changes


def _validators_key(event: Event, source: str) -> str:
    """Another event or source, other hidden tracks: another question."""
    asked = "\n".join([str(event.pk), source, *event.hidden_tracks, event.time_zone])
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
