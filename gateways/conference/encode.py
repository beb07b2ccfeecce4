"""Rooms, votes and transcripts in the shapes of the conference wire (docs/wires/conference.md)."""

from django.conf import settings

from asr.rooms.selectors import ActiveRoom, active_rooms
from asr.selectors import max_active_rooms
from gateways.conference.wire import PersonView, RoomListView, RoomView, TrackView, TranscriptView, VoteView
from rooms.models import Room
from rooms.schedule import DEFAULT_COLOUR
from rooms.selectors import listed_rooms, spoken_lang, votes_for
from transcripts.selectors import ReadableRoom
from translation.selectors import target_langs

UNKNOWN_PRESENTER = "Unknown"


def room_list() -> RoomListView:
    """GET /room_list"""
    active = active_rooms()
    return RoomListView(
        available_source_langs=sorted(settings.ENV.source_langs),
        available_target_langs=sorted(target_langs()),
        max_active_rooms=max_active_rooms(),
        rooms=[_room(room, active.get(room.pk)) for room in listed_rooms(list(active))],
    )


def vote(room: Room) -> VoteView:
    """The talk with every field that the schedule gives it, and its votes."""
    starts_at = room.starts_at.astimezone(room.event.zone) if room.starts_at else None
    minutes = (
        int((room.ends_at - room.starts_at).total_seconds() // 60) if room.ends_at and room.starts_at else 0
    )
    event = room.schedule_event
    return {
        **event,
        "code": room.code,
        "title": room.title,
        "track": _track(room).model_dump(),
        "room": room.location,
        "url": _string(event.get("url")),
        "abstract": _string(event.get("abstract")),
        "description": _string(event.get("description")),
        "persons": ", ".join(room.presenters),
        "date": starts_at.isoformat() if starts_at else "",
        "start": f"{starts_at:%H:%M}" if starts_at else "",
        "duration": f"{minutes // 60:02}:{minutes % 60:02}",
        "language": room.language,
        "votes": votes_for(room),
    }


def transcript(readable: ReadableRoom) -> TranscriptView:
    """One entry of /transcript_list."""
    room = readable.room
    return TranscriptView(
        id=room.code,
        code=room.code,
        title=room.title,
        persons=[PersonView(name=name) for name in room.presenters],
        room=room.location,
        firstChunkTimestamp=int(readable.first_at.timestamp()),
        lastChunkTimestamp=int(readable.last_at.timestamp()),
    )


def _room(room: Room, active: ActiveRoom | None) -> RoomView:
    return RoomView(
        id=room.code,
        title=room.title,
        description=room.abstract,
        track=_track(room),
        location=room.location,
        presenter=room.presenters[0] if room.presenters else UNKNOWN_PRESENTER,
        host_connection_id=active.host_connection_id if active else "",
        source_lang=active.source_lang if active else spoken_lang(room),
    )


def _track(room: Room) -> TrackView:
    return TrackView(name=room.track, color=room.colour or DEFAULT_COLOUR)


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
