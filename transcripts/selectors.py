"""Reads of parts, tracks and sentences."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Exists, F, Max, Min, OuterRef, Prefetch, Q, QuerySet, Subquery

from rooms.access import Identity
from rooms.errors import Forbidden, NotFound
from rooms.models import Room
from rooms.selectors import ComingTalk, comes_next
from transcripts.events import Durable, SentenceChanged, SentenceRemoved
from transcripts.exports.text import TextLine, TextPart, render_text
from transcripts.models import Part, RoomState, Sentence, Track
from transcripts.pieces import behind, newest_of, spoken_in
from transcripts.sentences import in_sentences
from transcripts.services import sentence_changed
from transcripts.text import joined

REPLAY_MOST = 500  # sentences read at once
PUBLIC = Q(store=True, public=True, room__do_not_record=False)  # of a part: everybody may read it


@dataclass(frozen=True, slots=True)
class ReadableRoom:
    """A room with a stored transcript that the caller may read."""

    room: Room
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class RoomNow:
    """A room's state and its tracks' versions at one moment.

    `removals_known_from`: of each track; who is behind that may have missed removals that nobody knows any more.
    `next`: what comes in a closed room, or next in its hall.
    """

    state: RoomState
    versions: dict[str, int]
    removals_known_from: dict[str, int] = field(default_factory=dict)
    next: ComingTalk | None = None


def current_part(room_id: int) -> Part | None:
    """The newest part of the room."""
    return Part.objects.filter(room_id=room_id).order_by("-number").first()


def room_states(room_ids: Collection[int]) -> dict[int, str]:
    """Primary key of each of these rooms → what viewers see of its life (RoomState.Name), where it had one. One query."""
    return dict(RoomState.objects.filter(pk__in=room_ids).values_list("room_id", "state"))


def first_part(room_id: int, broadcast: int) -> int:
    """The number of the broadcast's first part; 1 where there is none yet."""
    parts = Part.objects.filter(room_id=room_id, broadcast=broadcast)
    first: int | None = parts.aggregate(number=Min("number"))["number"]
    return 1 if first is None else first


def next_index(part: Part) -> int:
    """The index of the next sentence that is spoken in `part`; those that were removed keep theirs."""
    last = spoken_in(part).order_by("-index").values_list("index", flat=True).first()
    return 0 if last is None else last + 1


def last_spoken(part: Part) -> str:
    """The text of the last sentence that was spoken in `part`; empty if there is none, or none any more."""
    spoken = Sentence.with_removed.filter(part=part, track__lang=part.source_lang)
    return spoken.order_by("-index").values_list("text", flat=True).first() or ""


def room_now(room_id: int) -> RoomNow:
    """How the room stands. One query, up to three of a closed one; a room that nobody has opened yet is closed."""
    columns = [field.attname for field in RoomState._meta.concrete_fields]
    tracks = Track.objects.filter(room_id=room_id).order_by()
    rows = list(
        tracks.values_list(
            "lang", "version", "removals_known_from", *(f"room__transcript_state__{name}" for name in columns)
        )
    )
    state = RoomState(room_id=room_id, state=RoomState.Name.CLOSED)
    if rows and rows[0][3] is not None:
        state = RoomState(**dict(zip(columns, rows[0][3:], strict=True)))
    return RoomNow(
        state,
        {lang: version for lang, version, *_ in rows},
        {lang: known for lang, _, known, *_ in rows},
        comes_next(room_id) if state.state == RoomState.Name.CLOSED else None,
    )


def readable_broadcasts(room_id: int) -> set[int]:
    """Broadcasts whose text everybody may read at present: the one that is open, and those that are public."""
    public = Part.objects.filter(room_id=room_id, store=True, public=True, room__do_not_record=False)
    open_now = RoomState.objects.filter(room_id=room_id).exclude(state=RoomState.Name.CLOSED)
    return {
        *public.order_by().values_list("broadcast", flat=True),
        *open_now.values_list("broadcast", flat=True),
    }


def sentences_before(
    room_id: int, *, before: tuple[int, int], count: int, lang: str
) -> tuple[int, list[SentenceChanged]]:
    """The `count` whole sentences before (part, index) that everybody may read, piece by piece in reading order.

    Each as it was spoken, in whichever language, and in `lang`. How many sentences, and their pieces.
    """
    number, index = before
    readable = Sentence.objects.filter(
        part__room_id=room_id, part__broadcast__in=readable_broadcasts(room_id)
    )
    spoken = readable.filter(track__lang=F("part__source_lang")).filter(
        Q(part__number__lt=number) | Q(part__number=number, index__lt=index)
    )
    ends = spoken.filter(ends=True).order_by("-part__number", "-index")
    places = list(ends.values_list("part__number", "index")[: count + 1])
    rows = readable.filter(Q(track__lang=lang) | Q(track__lang=F("part__source_lang"))).filter(
        Q(part__number__lt=number) | Q(part__number=number, index__lt=index)
    )
    if len(places) > count:
        rows = rows.filter(behind(*places[count]))
    found = rows.select_related("part", "track").order_by(
        "part__number", "index", F("of_version").asc(nulls_first=True)
    )
    changes = [sentence_changed(row, part=row.part, lang=row.track.lang) for row in found]
    return min(len(places), count), changes


def newest_sentences(
    room_id: int, *, broadcast: int, newest: int, upto: Mapping[str, int]
) -> list[SentenceChanged]:
    """The last `newest` spoken sentences of the broadcast, whole and with all their translations, in reading order.

    Without what has changed since the tracks' versions `upto`: those changes are published one by one.
    """
    spoken = Sentence.objects.filter(
        part__room_id=room_id, part__broadcast=broadcast, track__lang=F("part__source_lang")
    )
    known = Q()
    for lang, version in upto.items():
        known |= Q(track__lang=lang, version__lte=version)
    if not known:
        return []
    rows = Sentence.objects.filter(known, part__room_id=room_id, part__broadcast=broadcast)
    rows = rows.filter(newest_of(spoken, newest)).select_related("part", "track")
    rows = rows.order_by("part__number", "index", "version", "track_id")
    return [sentence_changed(row, part=row.part, lang=row.track.lang) for row in rows]


def newest_readable(room_id: int, *, newest: int) -> tuple[RoomNow, list[SentenceChanged]]:
    """How the room stands, and its broadcast's newest sentences with their translations where everybody may read them."""
    room = room_now(room_id)
    if room.state.broadcast not in readable_broadcasts(room_id):
        return room, []
    broadcast = room.state.broadcast
    return room, newest_sentences(room_id, broadcast=broadcast, newest=newest, upto=room.versions)


def changes_between(room_id: int, after: Mapping[str, int], upto: Mapping[str, int]) -> list[Durable]:
    """The first REPLAY_MOST changes of these tracks behind `after` and up to `upto`, by language and version.

    Each sentence comes as it is now, so numbers may be left out; one that has changed since `upto` is published again.
    """
    wanted = Q()
    for lang, version in after.items():
        wanted |= Q(track__lang=lang, version__gt=version, version__lte=upto[lang])
    rows = Sentence.with_removed.filter(wanted, track__room_id=room_id).select_related("part", "track")
    return [_change(row) for row in rows.order_by("track__lang", "version")[:REPLAY_MOST]]


def _change(row: Sentence) -> Durable:
    if row.removed_at is not None:
        return SentenceRemoved(row.track.lang, row.version, row.part.number, row.index)
    return sentence_changed(row, part=row.part, lang=row.track.lang)


def readable_parts(identity: Identity | None) -> QuerySet[Part]:
    """Parts whose text this caller may read: the stored public ones, one's own, an admin's all.

    What is not to be stored exists while its room is open; until then its owner and admins may read it. What a
    speaker did not want recorded (or does not any more) is nobody else's.
    """
    if identity is None:
        return Part.objects.filter(PUBLIC)
    goes_on = Part.objects.filter(room=OuterRef("room"), broadcast=OuterRef("broadcast"), ended_at=None)
    there = Part.objects.filter(Q(store=True) | Exists(goes_on))
    return there if identity.power == "admin" else there.filter(PUBLIC | Q(owner=identity.user_id))


def editable_parts(identity: Identity | None) -> QuerySet[Part]:
    """Parts whose sentences this caller may correct and remove: one's own, an admin's all.

    Whoever hosts a broadcast now may also mend what was said in it before, whoever hosted that.
    """
    if identity is not None and identity.is_admin:
        return Part.objects.all()
    if identity is None or identity.user_id is None:
        return Part.objects.none()
    hosting = Part.objects.filter(
        owner=identity.user_id, ended_at=None, room=OuterRef("room"), broadcast=OuterRef("broadcast")
    )
    return Part.objects.filter(Q(owner=identity.user_id) | Exists(hosting))


def readable_rooms(identity: Identity | None) -> list[ReadableRoom]:
    """Every room with stored sentences that this caller may read, oldest first. Two queries.

    A part's last sentence is looked up in an index, not searched for; rooms come without what no list shows.
    """
    newest = Sentence.objects.filter(part=OuterRef("pk")).order_by("-created_at").values("created_at")[:1]
    spans = (
        readable_parts(identity)
        .annotate(last_at=Subquery(newest))
        .filter(last_at__isnull=False)
        .order_by()
        .values("room_id")
        .annotate(first_at=Min("started_at"), newest_at=Max("last_at"))
        .order_by("first_at", "room_id")
    )
    found = list(spans.values_list("room_id", "first_at", "newest_at"))
    rooms = Room.objects.only("code", "title", "presenters", "location").in_bulk([pk for pk, _, _ in found])
    return [ReadableRoom(rooms[pk], first_at, last_at) for pk, first_at, last_at in found if pk in rooms]


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A sentence as it is read in one language: its present translation, or the original where that is missing.

    `pieces`: all of it, as it was spoken. `original_lang` names the language of an original that fills such a gap; ""
    where there is none.
    """

    pieces: list[Sentence]
    text: str
    original_lang: str = ""

    @property
    def marked(self) -> str:
        """The text, an original marked as such: "[en] …"."""
        return f"[{self.original_lang}] {self.text}" if self.original_lang else self.text


def readable_sentences(
    room: Room, lang: str, identity: Identity | None, *, part: int | None = None
) -> list[Part]:
    """Parts of `room` with `lang` that this caller may read, for `read_lines`: `sentences` are prefetched.

    Raises NotFound where nothing is stored in that language, Forbidden where something is, for others.
    """
    having = Part.objects.filter(
        room=room, pk__in=Sentence.objects.filter(track__lang=lang).values("part_id")
    )
    if not having.exists():
        raise NotFound("no_transcript")
    if part is not None:
        having = having.filter(number=part)
    wanted = Sentence.objects.filter(Q(track__lang=lang) | Q(track__lang=F("part__source_lang")))
    parts = list(
        having.filter(pk__in=readable_parts(identity).values("pk"))
        .order_by("number")
        .prefetch_related(Prefetch("sentences", queryset=wanted.select_related("track").order_by("index")))
    )
    if not parts:
        raise Forbidden("no_access")
    return parts


def read_lines(part: Part, lang: str) -> list[ReadLine]:
    """The part's sentences in reading order in `lang`; gaps and outdated translations are filled by the original."""
    spoken = [row for row in part.sentences.all() if row.track.lang == part.source_lang]
    sentences = in_sentences(spoken, lambda row: (row.part_id, row.index))
    if lang == part.source_lang:
        return [ReadLine(pieces, _text(pieces, lang)) for pieces in sentences]
    translated = {(row.index, row.of_version): row for row in part.sentences.all() if row.track.lang == lang}
    lines = []
    for pieces in sentences:
        own = [translated[key] for piece in pieces if (key := (piece.index, piece.version)) in translated]
        if len(own) == len(pieces):
            lines.append(ReadLine(pieces, _text(own, lang)))
        else:
            lines.append(ReadLine(pieces, _text(pieces, part.source_lang), part.source_lang))
    return lines


def _text(pieces: list[Sentence], lang: str) -> str:
    return joined((piece.text for piece in pieces), lang)


def transcript_text(room: Room, lang: str, identity: Identity | None, *, part: int | None = None) -> str:
    """The stored transcript as text (docs/wires/conference.md), or one part. Raises NotFound, Forbidden."""
    parts = readable_sentences(room, lang, identity, part=part)
    zone = room.event.zone
    return render_text(
        [
            TextPart(
                started_at=part.started_at.astimezone(zone),
                sentences=[
                    TextLine(
                        line.pieces[0].line, line.pieces[0].start_ms, line.pieces[-1].end_ms,
                        line.pieces[0].speaker, line.marked,
                    )
                    for line in read_lines(part, lang)
                ],
            )
            for part in parts
        ]
    )  # fmt: skip
