"""How long transcripts are kept: so many days after their talks, by the event's own number or RETENTION_DAYS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone

from rooms.audit import Actor, acting
from rooms.models import Event
from transcripts.models import Part


@dataclass(frozen=True, slots=True)
class Overdue:
    """A part that is kept no longer. `sentences`: in all languages."""

    part_id: int
    room: str
    number: int
    ended_at: datetime
    days: int
    sentences: int


def days_of(event: Event) -> int:
    """0: for ever."""
    days: int | None = event.retention_days
    return int(settings.ENV.retention_days) if days is None else days


def overdue(*, now: datetime | None = None) -> Iterator[Overdue]:
    """Parts that ended longer ago than their event allows, event by event, oldest first."""
    now = now or timezone.now()
    said = Count("sentences", filter=Q(sentences__removed_at=None))
    for event in Event.objects.order_by("pk"):
        if not (days := days_of(event)):
            continue
        old = Part.objects.filter(room__event=event, ended_at__lt=now - timedelta(days=days))
        for part in old.annotate(said=said).select_related("room").order_by("ended_at", "pk"):
            if part.ended_at is not None:
                yield Overdue(part.pk, part.room.code, part.number, part.ended_at, days, part.said)


def delete_overdue(*, now: datetime | None = None) -> int:
    """Each in a transaction of its own: nobody waits for all of them. Returns how many."""
    count = 0
    with acting(Actor(role="retention")):
        for item in list(overdue(now=now)):
            part = Part.objects.filter(pk=item.part_id).first()
            if part is not None:
                part.delete()
                count += 1
    return count
