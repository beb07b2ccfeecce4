"""Reads of rooms."""

from collections.abc import Collection
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from rooms.errors import NotFound
from rooms.models import ROOM_CODE, Room, passes


def room_by_code(code: str) -> Room:
    """The room, listed or not. Raises NotFound."""
    room = Room.objects.filter(code=code).first() if passes(ROOM_CODE, code) else None
    if room is None:
        raise NotFound("room_not_found", room=code)
    return room


def listed_rooms(active: Collection[int], *, now: datetime | None = None) -> QuerySet[Room]:
    """What the room list shows, by start: talks running or about to, rooms made by hand, the active ones.

    `active`: primary keys of active rooms. Talks marked do-not-record are in no list.
    """
    now = now or timezone.now()
    ahead = timedelta(minutes=settings.ENV.room_list_ahead_min)
    soon = Q(starts_at__lte=now + ahead, ends_at__gt=now)
    wanted = Q(pk__in=active) | Q(published=True) & (Q(origin=Room.Origin.MANUAL) | soon)
    return Room.objects.filter(wanted, do_not_record=False).order_by(
        F("starts_at").asc(nulls_last=True), "code"
    )


def spoken_lang(room: Room) -> str:
    """The language last spoken here, else the talk's in the schedule, else the default: one that can be transcribed."""
    offered = settings.ENV.source_langs
    return next(
        (lang for lang in (room.source_lang, room.language) if lang in offered),
        settings.ENV.default_source_lang,
    )


def votable_rooms(*, now: datetime | None = None) -> QuerySet[Room]:
    """The schedule's talks of today, in the event's time zone, that may be voted on, with their votes."""
    zone = ZoneInfo(settings.ENV.event_time_zone)
    today = (now or timezone.now()).astimezone(zone).date()
    first = datetime.combine(today, time(), zone)
    last = datetime.combine(today + timedelta(days=1), time(), zone)
    return _votable().filter(starts_at__gte=first, starts_at__lt=last).order_by("starts_at", "code")


def votable_room(code: str) -> Room:
    """The talk that this vote is for. Raises NotFound."""
    room = _votable().filter(code=code).first() if passes(ROOM_CODE, code) else None
    if room is None:
        raise NotFound("talk_not_found", room=code)
    return room


def votes_for(room: Room) -> int:
    """How many wish captions for this talk; no query when the room came from votable_rooms."""
    return room.vote.count if hasattr(room, "vote") else 0


def _votable() -> QuerySet[Room]:
    return Room.objects.filter(
        origin=Room.Origin.SCHEDULE, published=True, do_not_record=False
    ).select_related("vote")
