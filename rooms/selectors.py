"""Reads of rooms."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When
from django.utils import timezone

from rooms import known_rooms
from rooms.errors import NotFound
from rooms.models import ROOM_CODE, SLUG, Hall, Room, passes

PROGRAMME_MOST = 500  # rooms on the first page
HALLS_MOST = 50  # that somebody may choose from
SOMEWHERE_TODAY = timedelta(hours=25)  # a day that the clocks change may have


@dataclass(frozen=True, slots=True)
class ComingTalk:
    """A talk that is to come, by its room's code."""

    room: str
    title: str
    starts_at: datetime


def room_by_code(code: str) -> Room:
    """The room, listed or not. Raises NotFound."""
    room = find_room(Room.objects.select_related("event"), code)
    if room is None:
        raise NotFound("room_not_found", room=code)
    return room


def find_room(rooms: QuerySet[Room], code: str) -> Room | None:
    """The one of these with that code. One query, and none for a code that no room had a moment ago."""
    if not passes(ROOM_CODE, code) or known_rooms.is_unknown(code):
        return None
    room = rooms.filter(code=code).first()
    if room is None:
        known_rooms.note_unknown()
    return room


def listed_rooms(active: Collection[int], *, now: datetime | None = None) -> QuerySet[Room]:
    """What the room list shows, by start: talks running or about to, rooms made by hand, the active ones.

    `active`: primary keys of active rooms. Talks marked do-not-record are in no list.
    """
    now = now or timezone.now()
    soon = Q(starts_at__lte=now + _ahead(), ends_at__gt=now)
    wanted = Q(pk__in=active) | Q(published=True) & (Q(origin=Room.Origin.MANUAL) | soon)
    return Room.objects.filter(wanted, do_not_record=False).order_by(
        F("starts_at").asc(nulls_last=True), "code"
    )


def hall_by_slug(slug: str) -> Hall:
    """The hall that a screen shows. Raises NotFound."""
    hall = Hall.objects.select_related("event").filter(slug=slug).first() if passes(SLUG, slug) else None
    if hall is None:
        raise NotFound("hall_not_found")
    return hall


def halls_with_a_screen() -> list[Hall]:
    """The halls that have talks, at most HALLS_MOST."""
    return list(Hall.objects.filter(rooms__published=True).distinct().order_by("name", "pk")[:HALLS_MOST])


def room_on_now(hall: Hall, active: Collection[int], *, now: datetime | None = None) -> Room | None:
    """What a screen in this hall shows: the room in which somebody speaks, else the talk that is due, else a room
    that was made by hand for no time; of several the one that began last. None: nothing is on, see `next_in`.

    `active`: primary keys of active rooms. One that is opened long before its time (a sound check) is not on yet.
    Talks marked do-not-record are on no screen.
    """
    now = now or timezone.now()
    timeless = Q(starts_at=None)
    open_now = Q(pk__in=active) & (timeless | Q(starts_at__lte=now + _ahead()))
    due = Q(published=True, starts_at__lte=now, ends_at__gt=now)
    by_hand = timeless & Q(published=True, origin=Room.Origin.MANUAL)
    rank = Case(When(open_now, Value(0)), When(due, Value(1)), default=Value(2), output_field=IntegerField())
    rooms = Room.objects.filter(open_now | due | by_hand, hall=hall, do_not_record=False)
    newest_first = (F("starts_at").desc(nulls_last=True), "-pk")
    return rooms.select_related("event").annotate(rank=rank).order_by("rank", *newest_first).first()


def next_in(hall: Hall, *, now: datetime | None = None) -> Room | None:
    """The next talk in this hall that may be captioned."""
    later = Room.objects.filter(
        hall=hall, published=True, do_not_record=False, starts_at__gt=now or timezone.now()
    )
    return later.select_related("event").order_by("starts_at", "pk").first()


def programme_rooms(active: Collection[int], *, now: datetime | None = None) -> list[Room]:
    """What `programme.programme_of` arranges: active rooms, those made by hand for no time, talks that have not ended.

    One query; votes come with it. Talks marked do-not-record are in no list.
    """
    now = now or timezone.now()
    by_hand = Q(origin=Room.Origin.MANUAL, starts_at=None)
    wanted = Q(pk__in=active) | Q(published=True) & (by_hand | Q(ends_at__gt=now))
    rooms = Room.objects.filter(wanted, do_not_record=False).select_related("event", "hall", "vote")
    rooms = rooms.defer("abstract", "schedule_event", "glossary")
    return list(rooms.order_by(F("starts_at").asc(nulls_first=True), "code")[:PROGRAMME_MOST])


def comes_next(room_id: int, *, now: datetime | None = None) -> ComingTalk | None:
    """What readers of a closed room wait for: its own beginning, or else the next talk in its hall."""
    now = now or timezone.now()
    room: Room | None = Room.objects.select_related("hall").filter(pk=room_id).first()
    if room is not None and (room.starts_at is None or room.starts_at <= now or room.do_not_record):
        room = next_in(room.hall, now=now) if room.hall else None
    return coming(room)


def code_of(room_id: int) -> str:
    """The room's code; empty where there is no such room any more."""
    return Room.objects.filter(pk=room_id).values_list("code", flat=True).first() or ""


def title_of(room_id: int) -> str:
    """The talk's title; empty where there is no such room any more."""
    return Room.objects.filter(pk=room_id).values_list("title", flat=True).first() or ""


def coming(room: Room | None) -> ComingTalk | None:
    """What readers are told of a talk that is to come; None: nobody knows when."""
    if room is None or room.starts_at is None:
        return None
    return ComingTalk(room.code, room.title, room.starts_at)


def spoken_lang(room: Room) -> str:
    """The language last spoken here, else the talk's in the schedule, else the default: one that can be transcribed."""
    offered = settings.ENV.source_langs
    return next(
        (lang for lang in (room.source_lang, room.language) if lang in offered),
        settings.ENV.default_source_lang,
    )


def votable_rooms(*, now: datetime | None = None) -> list[Room]:
    """The schedules' talks of today, in each event's time zone, that may be voted on, with their votes, by start."""
    now = now or timezone.now()
    about = _votable().filter(starts_at__gt=now - SOMEWHERE_TODAY, starts_at__lt=now + SOMEWHERE_TODAY)
    return [room for room in about.order_by("starts_at", "code") if _is_today(room, now)]


def votable_room(code: str) -> Room:
    """The talk that this vote is for. Raises NotFound."""
    room = _votable().filter(code=code).first() if passes(ROOM_CODE, code) else None
    if room is None:
        raise NotFound("talk_not_found", room=code)
    return room


def votes_for(room: Room) -> int:
    """How many wish captions for this talk; no query when the room came from votable_rooms."""
    return room.vote.count if hasattr(room, "vote") else 0


def _ahead() -> timedelta:
    """So long before its start a talk is listed and may be opened."""
    return timedelta(minutes=settings.ENV.room_list_ahead_min)


def _votable() -> QuerySet[Room]:
    return Room.objects.filter(
        origin=Room.Origin.SCHEDULE, published=True, do_not_record=False
    ).select_related("vote", "event")


def _is_today(room: Room, now: datetime) -> bool:
    zone = room.event.zone
    return (
        room.starts_at is not None and room.starts_at.astimezone(zone).date() == now.astimezone(zone).date()
    )
