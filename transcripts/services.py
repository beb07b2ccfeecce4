"""Writes of parts, tracks and sentences. Commit, then publish: each publishes in `on_commit`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from rooms.locks import locked, update_in_order
from rooms.models import Room
from transcripts import live, metrics
from transcripts.encryption import create_key, to_be_encrypted
from transcripts.events import LanguageAdded, SentenceChanged
from transcripts.models import SPEAKER_UNKNOWN, Part, Sentence, SentenceRevision, Track
from transcripts.pieces import spoken_in, whole_sentence
from transcripts.revisions import Editor, note_revision, refuse_outdated
from transcripts.signals import part_ended, sentences_committed
from transcripts.text import shared_out


@dataclass(frozen=True, slots=True)
class NewSentence:
    """A finished sentence; times in ms since the part's first sample.

    `key`: what its recogniser calls it. A sentence whose key is stored already, or was, is the same one again.
    `ends` False: it goes on in the next one. `continues` False: it begins a sentence, and ends one before that was to go on.
    `spoken_at`: when its last sound came, if that is known.
    """

    start_ms: int
    end_ms: int
    text: str
    speaker: int = SPEAKER_UNKNOWN
    new_line: bool = False
    key: str = ""
    ends: bool = True
    continues: bool = True
    spoken_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Translation:
    """A translation of the sentence `index` as it read at version `of_version` of the spoken track.

    Of a long sentence the first piece has all of it, the others an empty text.
    """

    index: int
    text: str
    of_version: int


@dataclass(frozen=True, slots=True)
class PartTerms:
    """What the host decided for one part, and by which consent: the same terms by another one are the same."""

    source_lang: str
    store: bool
    public: bool
    owner_id: int | None
    consent_id: int | None = field(default=None, compare=False)


@transaction.atomic
def open_part(*, room: Room, terms: PartTerms, broadcast: int | None = None) -> Part:
    """Begin the next part of `room`; `broadcast` None begins a new broadcast."""
    locked(Room.objects.all()).get(pk=room.pk)
    last = Part.objects.filter(room=room).aggregate(number=Max("number"), broadcast=Max("broadcast"))
    Track.objects.get_or_create(room=room, lang=terms.source_lang)
    part = Part.objects.create(
        room=room,
        number=(last["number"] or 0) + 1,
        broadcast=broadcast if broadcast is not None else (last["broadcast"] or 0) + 1,
        source_lang=terms.source_lang,
        store=terms.store,
        public=terms.public,
        owner_id=terms.owner_id,
        consent_id=terms.consent_id,
        encrypted=to_be_encrypted(store=terms.store),
    )
    if part.encrypted:
        create_key(part)
    return part


@transaction.atomic
def add_sentences(*, part: Part, sentences: Sequence[NewSentence]) -> list[Sentence]:
    """Append finished sentences to the spoken track of `part` and publish them. Repeats are left out.

    One that was to go on ends where what comes next does not continue it.
    """
    if not sentences:
        return []
    track = locked(Track.objects.filter(room_id=part.room_id, lang=part.source_lang)).get()
    here = Sentence.with_removed.filter(track=track, part=part)
    known = set(here.filter(key__in=[new.key for new in sentences if new.key]).values_list("key", flat=True))
    fresh = [new for new in sentences if new.key not in known]
    if not fresh:
        return []
    last = here.order_by("-index").first()
    ended = _ended(track, last) if last and not fresh[0].continues else []
    line, position = (last.line, last.position + 1) if last else (-1, 0)
    index = last.index + 1 if last else 0
    rows = []
    for offset, (new, then) in enumerate(zip(fresh, [*fresh[1:], None], strict=True)):
        if new.new_line or line < 0:
            line, position = _next_line(part, line), 0
        ends = new.ends or (then is not None and not then.continues)
        rows.append(
            Sentence(
                track=track, part=part, index=index + offset, line=line, position=position,
                start_ms=new.start_ms, end_ms=new.end_ms, speaker=new.speaker, text=new.text,
                version=track.version + 1 + offset, key=new.key, ends=ends, search_lang=_search_lang(part, track),
                spoken_at=new.spoken_at,
            )
        )  # fmt: skip
        position += 1
    Sentence.objects.bulk_create(rows)
    track.version += len(rows)
    track.save(update_fields=["version"])
    _publish(part, track, [*ended, *rows], new={row.index for row in rows})
    _wake_translation(part, corrected=False)
    return rows


@transaction.atomic
def end_last_sentence(*, part: Part) -> Sentence | None:
    """Where the last sentence of `part` was to go on, and nothing comes of it: it ends there. The row that says so."""
    track = locked(Track.objects.filter(room_id=part.room_id, lang=part.source_lang)).first()
    last = spoken_in(part).order_by("-index").first()
    if track is None or last is None or not _ended(track, last):
        return None
    track.save(update_fields=["version"])
    _publish(part, track, [last])
    _wake_translation(part, corrected=False)
    return last


def add_translations(*, part: Part, lang: str, translations: Sequence[Translation]) -> list[Sentence]:
    """`add_translations_by_lang` of one language."""
    return add_translations_by_lang(part=part, translations={lang: translations})[lang]


@transaction.atomic
def add_translations_by_lang(
    *, part: Part, translations: Mapping[str, Sequence[Translation]]
) -> dict[str, list[Sentence]]:
    """Store translations; those of an outdated or vanished source text, and those that are here already (perhaps
    corrected by hand since), are discarded. Returns the stored of each language.
    """
    tracks = _locked_tracks(part.room_id, translations)
    indexes = {item.index for items in translations.values() for item in items}
    spoken = Sentence.objects.filter(part=part, track__lang=part.source_lang, index__in=indexes)
    sources = {row.index: row for row in locked(spoken)}
    here = set(
        Sentence.with_removed.filter(track__in=tracks.values(), part=part, index__in=indexes)
        .order_by()
        .values_list("track", "index", "of_version")
    )
    stored = {}
    for lang, items in translations.items():
        track = tracks[lang]
        fresh = [
            item
            for item in items
            if _is_current(sources.get(item.index), item)
            and (track.pk, item.index, item.of_version) not in here
        ]
        stored[lang] = _translated(track, part, sources, fresh)
        track.version += len(fresh)
    if rows := [row for rows in stored.values() for row in rows]:
        Sentence.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["track", "part", "index"],
            update_fields=[
                "line",
                "position",
                "start_ms",
                "end_ms",
                "speaker",
                "text",
                "ends",
                "version",
                "of_version",
                "removed_at",
            ],
        )
        Track.objects.bulk_update([tracks[lang] for lang, rows in stored.items() if rows], ["version"])
    for lang, rows in stored.items():
        if rows:
            known = {index for track, index, _ in here if track == tracks[lang].pk}
            # an empty text is that of a piece, whose translation stands before it
            _publish(part, tracks[lang], rows, new={row.index for row in rows if row.text} - known)
    return stored


@transaction.atomic
def correct_sentence(
    *,
    sentence: Sentence,
    text: str,
    seen_version: int | None = None,
    by: Editor | None = None,
    upto: int | None = None,
) -> Sentence:
    """Give a sentence a new text; its index stays, its translations are outdated from now on.

    `upto`: the text is of all pieces from this one to that index, and `seen_version` the newest of theirs.

    A translation stays one of the same source text. What was removed meanwhile stays so. The pieces of a long sentence
    take a new version together: their translation is one. `seen_version`: of the text that `by` has before their
    eyes; raises Conflict (`sentence_changed`) where it is another one by now. transcripts/editing.py asks who may.
    """
    track = locked(Track.objects.filter(pk=sentence.track_id)).get()
    pieces = whole_sentence(sentence) if sentence.of_version is None else [sentence]
    rows = list(locked(Sentence.with_removed.filter(pk__in=[piece.pk for piece in pieces])))
    row = next((row for row in rows if row.pk == sentence.pk), None)
    if row is None:
        raise Sentence.DoesNotExist  # its part was deleted meanwhile
    there = sorted((piece for piece in rows if piece.removed_at is None), key=_index)
    meant = [piece for piece in there if row.index <= piece.index <= (upto or row.index)] or [row]
    refuse_outdated(max(meant, key=lambda each: each.version), seen_version)
    new = _texts_of(meant, text, track.lang)
    changed = [piece for piece in meant if new[piece.pk] != piece.text]
    if not changed or row.removed_at is not None:
        return row
    note_revision(changed, SentenceRevision.Action.CORRECTED, by)
    for piece in there:
        track.version += 1
        piece.version = track.version
    track.save(update_fields=["version"])
    Sentence.with_removed.bulk_update(there, ["version"])
    for piece in changed:
        piece.text = new[piece.pk]
        piece.save(update_fields=["text"])  # encrypts it where the part is
    _publish(row.part, track, there)
    if row.of_version is None:
        _wake_translation(row.part, corrected=True)
    return row


def end_part(*, part: Part) -> None:
    """Date the end of a part. Idempotent."""
    if Part.objects.filter(pk=part.pk, ended_at=None).update(ended_at=timezone.now()):
        send = partial(part_ended.send_robust, Part, room_id=part.room_id, part_id=part.pk)
        transaction.on_commit(send, robust=True)


def sentence_changed(
    sentence: Sentence, *, part: Part, lang: str, spoken_s: float | None = None
) -> SentenceChanged:
    """The event that publishes `sentence` as it is; `spoken_s`: for the first time."""
    return SentenceChanged(
        lang=lang, version=sentence.version, part=part.number, broadcast=part.broadcast, index=sentence.index,
        line=sentence.line, position=sentence.position, start_ms=sentence.start_ms, end_ms=sentence.end_ms,
        speaker=sentence.speaker, text=sentence.text, of_version=sentence.of_version,
        ends=sentence.ends, spoken_s=spoken_s,
    )  # fmt: skip


def _locked_tracks(room_id: int, langs: Collection[str]) -> dict[str, Track]:
    """The tracks by language, made where they are missing; their rows are locked."""
    wanted = Track.objects.filter(room_id=room_id, lang__in=langs)
    tracks = {track.lang: track for track in locked(wanted)}
    if len(tracks) < len(langs):
        missing = [Track(room_id=room_id, lang=lang) for lang in sorted(langs) if lang not in tracks]
        Track.objects.bulk_create(missing, ignore_conflicts=True)
        for track in missing:
            transaction.on_commit(partial(live.publish_room, room_id, LanguageAdded(track.lang)))
        tracks = {track.lang: track for track in locked(wanted)}
    return tracks


def _translated(
    track: Track, part: Part, sources: Mapping[int, Sentence], items: Sequence[Translation]
) -> list[Sentence]:
    """Unsaved rows beside their sources, behind the track's version."""
    return [
        Sentence(
            track=track, part=part, index=item.index, line=sources[item.index].line,
            position=sources[item.index].position, start_ms=sources[item.index].start_ms,
            end_ms=sources[item.index].end_ms, speaker=sources[item.index].speaker, text=item.text,
            ends=sources[item.index].ends, version=track.version + 1 + offset, of_version=item.of_version,
            search_lang=_search_lang(part, track), spoken_at=_spoken_at(item, items, sources),
        )
        for offset, item in enumerate(items)
    ]  # fmt: skip


def _spoken_at(
    item: Translation, items: Sequence[Translation], sources: Mapping[int, Sentence]
) -> datetime | None:
    """A translation of several pieces is of what was spoken last."""
    index, empty = item.index, {other.index for other in items if not other.text}
    while item.text and index + 1 in empty:
        index += 1
    return sources[index].spoken_at


def _ended(track: Track, last: Sentence) -> list[Sentence]:
    """The row, saved with the next version of its locked track, if its sentence was to go on; else nothing."""
    if last.ends:
        return []
    track.version += 1
    last.version, last.ends = track.version, True
    update_in_order(Sentence.with_removed.filter(pk=last.pk), version=last.version, ends=True)
    return [last]


def _search_lang(part: Part, track: Track) -> str:
    """Encrypted text is in no index of words."""
    return "" if part.encrypted else track.lang


def _texts_of(pieces: Sequence[Sentence], text: str, lang: str) -> dict[int, str]:
    texts = shared_out(text, [piece.text for piece in pieces], lang) if len(pieces) > 1 else [text]
    return {piece.pk: said for piece, said in zip(pieces, texts, strict=True)}


def _index(row: Sentence) -> int:
    return row.index


def _next_line(part: Part, current: int) -> int:
    """Lines count within the broadcast; two parts of it may be written at once for a moment."""
    highest = Sentence.with_removed.filter(
        part__room_id=part.room_id, part__broadcast=part.broadcast, track__lang=F("part__source_lang")
    ).aggregate(line=Max("line"))["line"]
    return max(current, -1 if highest is None else highest) + 1


def _is_current(source: Sentence | None, item: Translation) -> bool:
    return source is not None and source.version == item.of_version


def _publish(part: Part, track: Track, rows: Sequence[Sentence], *, new: Collection[int] = ()) -> None:
    """`new`: indexes of those that nobody has read before."""
    events = [
        sentence_changed(
            row, part=part, lang=track.lang,
            spoken_s=row.spoken_at.timestamp() if row.spoken_at and row.index in new else None,
        )
        for row in rows
    ]  # fmt: skip
    transaction.on_commit(partial(_committed, part.room_id, track.lang, events))


def _committed(room_id: int, lang: str, events: Sequence[SentenceChanged]) -> None:
    live.publish_track(room_id, lang, events)
    for event in events:
        metrics.passed("committed" if event.of_version is None else "translated", lang, event.spoken_s)


def _wake_translation(part: Part, *, corrected: bool) -> None:
    send = partial(
        sentences_committed.send_robust, Part, room_id=part.room_id, part_id=part.pk, corrected=corrected
    )
    transaction.on_commit(send, robust=True)
