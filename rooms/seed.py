"""What the settings seed: the first event.

A value that changes in the settings is applied; between changes whatever an admin made of it stays.
"""

from typing import Any

from django.conf import settings
from django.db import transaction

from rooms.locks import locked
from rooms.models import Event

SETTINGS_SLUG = "main"


def settings_event() -> Event:
    """The event that the settings describe, made if there is none. One query where they have not changed."""
    values = {
        "time_zone": settings.ENV.event_time_zone,
        "schedule_url": settings.ENV.schedule_url,
        "hidden_tracks": list(settings.ENV.schedule_hidden_tracks),
    }
    event = Event.objects.filter(from_settings=True).first()
    if event is None:
        new = {"slug": _free_slug(), "title": "Event", **values, "seeded_with": values}
        event, _ = Event.objects.get_or_create(from_settings=True, defaults=new)
    return event if event.seeded_with == values else _follow(event.pk, values)


@transaction.atomic
def _follow(event_id: int, values: dict[str, Any]) -> Event:
    event = locked(Event.objects.filter(pk=event_id)).get()
    for name, value in values.items():
        if event.seeded_with.get(name) != value:
            setattr(event, name, value)
    event.seeded_with = values
    event.save(update_fields=[*values, "seeded_with"])
    return event


def _free_slug() -> str:
    """An event that was made by hand may have the name already."""
    taken = set(Event.objects.values_list("slug", flat=True))
    numbered = (f"{SETTINGS_SLUG}-{number}" for number in range(2, len(taken) + 3))
    return next(slug for slug in (SETTINGS_SLUG, *numbered) if slug not in taken)
