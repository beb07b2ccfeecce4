"""Reads of what was said."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import F, Max, Min, Prefetch, Q, QuerySet

from rooms.access import Identity
from rooms.errors import Forbidden, NotFound
from rooms.models import Room
from transcripts.events import SentenceChanged
from transcripts.exports.text import TextLine, TextPart, render_text
from transcripts.models import Part, Sentence, Track
from transcripts.services import sentence_changed


@dataclass(frozen=True, slots=True)
class ReadableRoom:
    """A room with a stored transcript that the caller may read."""

    room: Room
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The newest sentences of an opening in every language, as events, and the tracks' versions."""

    versions: dict[str, int]
    sentences: list[SentenceChanged]


def current_part(room_id: int) -> Part | None:
    """The newest part of the room."""
    return Part.objects.filter(room_id=room_id).order_by("-number").first()


def count_sentences(part: Part) -> int:
    """How many sentences were spoken in `part`: the index of the next one."""
    last = Sentence.objects.filter(part=part, track__lang=part.source_lang).aggregate(index=Max("index"))[
        "index"
    ]
    return 0 if last is None else last + 1


def snapshot(room_id: int, *, opening: int, newest: int) -> Snapshot:
    """The last `newest` spoken sentences of the opening with all their translations, in reading order."""
    versions = dict(Track.objects.filter(room_id=room_id).values_list("lang", "version"))
    spoken = Sentence.objects.filter(
        part__room_id=room_id, part__opening=opening, track__lang=F("part__source_lang")
    )
    keys = list(spoken.order_by("-part__number", "-index").values_list("part_id", "index")[:newest])
    if not keys:
        return Snapshot(versions, [])
    wanted = Q()
    for part_id in {part_id for part_id, _ in keys}:
        lowest = min(index for key_part, index in keys if key_part == part_id)
        wanted |= Q(part_id=part_id, index__gte=lowest)
    rows = Sentence.objects.filter(wanted).select_related("part", "track").order_by("part__number", "index")
    return Snapshot(versions, [sentence_changed(row, part=row.part, lang=row.track.lang) for row in rows])


def readable_parts(identity: Identity | None) -> QuerySet[Part]:
    """Parts whose text this caller may read: the stored public ones, one's own, an admin's all.

    What is not to be stored exists while its room is open; until then its owner and admins may read it. What a
    speaker did not want recorded (or does not any more) is nobody else's.
    """
    if identity is not None and identity.power == "admin":
        return Part.objects.all()
    public = Q(store=True, public=True, room__do_not_record=False)
    return Part.objects.filter(public if identity is None else public | Q(owner=identity.owner))


def readable_rooms(identity: Identity | None) -> list[ReadableRoom]:
    """Every room with stored sentences that this caller may read, oldest first. One query."""
    rooms = (
        Room.objects.filter(parts__in=readable_parts(identity), parts__sentences__isnull=False)
        .annotate(first_at=Min("parts__started_at"), last_at=Max("parts__sentences__created_at"))
        .order_by("first_at")
    )
    return [ReadableRoom(room, room.first_at, room.last_at) for room in rooms]


def readable_sentences(room: Room, lang: str, identity: Identity | None) -> list[Part]:
    """Parts of `room` with `lang` that this caller may read, `sentences` prefetched.

    Raises NotFound where nothing is stored in that language, Forbidden where something is, for others.
    """
    in_lang = Sentence.objects.filter(track__lang=lang)
    having = Part.objects.filter(room=room, pk__in=in_lang.values("part_id"))
    if not having.exists():
        raise NotFound("no_transcript", "Nothing stored in this language")
    parts = list(
        having.filter(pk__in=readable_parts(identity).values("pk"))
        .order_by("number")
        .prefetch_related(Prefetch("sentences", queryset=in_lang.order_by("index")))
    )
    if not parts:
        raise Forbidden("no_access", "No access to this transcript")
    return parts


def transcript_text(room: Room, lang: str, identity: Identity | None) -> str:
    """The stored transcript as text (protocols.md 1.6). Raises NotFound, Forbidden."""
    parts = readable_sentences(room, lang, identity)
    zone = ZoneInfo(settings.ENV.event_time_zone)
    return render_text(
        [
            TextPart(
                started_at=part.started_at.astimezone(zone),
                sentences=[
                    TextLine(row.line, row.start_ms, row.end_ms, row.speaker, row.text)
                    for row in part.sentences.all()
                ],
            )
            for part in parts
        ]
    )
