"""The list of stored transcripts: what a caller may read, by event, day, hall and language."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.contrib.postgres.aggregates import ArrayAgg, BoolOr
from django.db.models import Exists, Max, Min, OuterRef, Subquery

from rooms.access import Identity
from rooms.models import Room
from transcripts.models import RoomState, Sentence, Track
from transcripts.selectors import PUBLIC, readable_parts, room_states

PAGE_ENTRIES = 24


@dataclass(frozen=True, slots=True)
class Entry:
    """A room with a transcript. Times in the event's zone, where an hour may come twice: compared by `timestamp()`; `spoken`
    and `translated` are language codes.

    `is_private`: some of it is not for everybody. `is_open`: the room is.
    """

    room: Room
    first_at: datetime
    last_at: datetime
    spoken: tuple[str, ...]
    is_private: bool
    is_open: bool = False
    translated: tuple[str, ...] = ()

    @property
    def day(self) -> date:
        """Of its beginning, where it took place."""
        return self.first_at.date()

    def contains(self, words: Collection[str]) -> bool:
        """Whether each of the words, in lower case, stands in its title, speakers, track or place."""
        said = [self.room.title, *self.room.presenters, self.room.track, self.room.location]
        text = " ".join(map(str, said)).casefold()
        return all(word in text for word in words)


@dataclass(frozen=True, slots=True)
class Filters:
    """What is shown; empty: everything. `event` and `hall` are slugs, `day` as in ISO 8601."""

    event: str = ""
    day: str = ""
    hall: str = ""
    lang: str = ""

    def pass_(self, entry: Entry) -> bool:
        """Whether an entry is shown."""
        hall = entry.room.hall.slug if entry.room.hall else ""
        return (
            (not self.event or entry.room.event.slug == self.event)
            and (not self.day or entry.day.isoformat() == self.day)
            and (not self.hall or hall == self.hall)
            and (not self.lang or self.lang in entry.spoken)
        )


def readable_entries(identity: Identity | None) -> list[Entry]:
    """All that this caller may read, newest first. Two queries, however many there are."""
    newest = Sentence.objects.filter(part=OuterRef("pk")).order_by("-created_at").values("created_at")[:1]
    spans = (
        readable_parts(identity)
        .annotate(last_at=Subquery(newest))
        .filter(last_at__isnull=False)
        .order_by()
        .values("room_id")
        .annotate(
            first_at=Min("started_at"), newest_at=Max("last_at"), spoken=ArrayAgg("source_lang", distinct=True),
            private=BoolOr(~PUBLIC),
        )
    )  # fmt: skip
    rows = list(spans.values_list("room_id", "first_at", "newest_at", "spoken", "private"))
    rooms = Room.objects.select_related("event", "hall").defer("schedule_event", "abstract", "glossary")
    found = rooms.in_bulk([pk for pk, *_ in rows])
    entries = []
    for pk, first_at, last_at, spoken, private in rows:
        if room := found.get(pk):
            zone = room.event.zone
            times = first_at.astimezone(zone), last_at.astimezone(zone)
            entries.append(Entry(room, *times, tuple(spoken), private))
    return sorted(entries, key=lambda entry: (entry.first_at.timestamp(), entry.room.code), reverse=True)


def with_details(entries: Sequence[Entry]) -> list[Entry]:
    """The same entries with the languages that they are translated into, and whether they are open. Two queries."""
    states = room_states([entry.room.pk for entry in entries])
    there = Exists(Sentence.objects.filter(track=OuterRef("pk")))
    tracks = Track.objects.filter(there, room__in=[entry.room.pk for entry in entries]).order_by("lang")
    langs: dict[int, list[str]] = {}
    for room_id, lang in tracks.values_list("room_id", "lang"):
        langs.setdefault(room_id, []).append(lang)
    return [
        replace(
            entry,
            is_open=states.get(entry.room.pk) in RoomState.OPEN,
            translated=tuple(lang for lang in langs.get(entry.room.pk, []) if lang not in entry.spoken),
        )
        for entry in entries
    ]


def by_day(entries: Iterable[Entry]) -> list[tuple[date, list[Entry]]]:
    """Newest day first; within a day as it was on, by time and place."""
    days: dict[date, list[Entry]] = {}
    for entry in entries:
        days.setdefault(entry.day, []).append(entry)
    return [
        (day, sorted(found, key=lambda entry: (entry.first_at.timestamp(), entry.room.location)))
        for day, found in days.items()
    ]
