"""What is taken back: sentences leave tombstones; parts and rooms go with all that hangs on them, under locks."""

from collections import defaultdict
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from rooms.audit import Action, Actor, acting, record
from rooms.errors import Conflict
from rooms.locks import locked
from rooms.models import Consent, Room
from transcripts import live
from transcripts.encryption import destroy_keys
from transcripts.events import PartDeleted, SentenceRemoved
from transcripts.models import Part, PartDeletion, RoomState, Sentence, SentenceRevision, Track
from transcripts.pieces import whole_sentence
from transcripts.revisions import Editor, forget_earlier_texts, note_revision, refuse_outdated
from transcripts.signals import about_to_delete


@transaction.atomic
def remove_sentence(sentence: Sentence, *, seen_version: int | None = None, by: Editor | None = None) -> None:
    """Take a sentence back with all of its pieces, one that was spoken with all of its translations.

    Its text is gone at once, also from its history. Idempotent. `seen_version`, `by`: see `correct_sentence`.
    """
    list(locked(Track.objects.filter(room_id=sentence.part.room_id)))  # nothing changes from here on
    row = Sentence.with_removed.get(pk=sentence.pk)
    if row.removed_at is None:
        refuse_outdated(row, seen_version)
    rows = Sentence.objects.filter(part=row.part_id, index__in=[piece.index for piece in whole_sentence(row)])
    if row.of_version is not None:
        rows = rows.filter(track=row.track_id)
    _remove(rows, room_id=sentence.part.room_id, by=by)


@transaction.atomic
def remove_unstored(*, room: Room, broadcast: int | None = None) -> None:
    """Remove, in every language, what the hosts of `room` did not want stored, in all its broadcasts or in one.

    For what is closed: what PostgreSQL still has of it in its log is unreadable from then on. Idempotent.
    """
    parts = Part.objects.filter(room=room, store=False)
    if broadcast is not None:
        parts = parts.filter(broadcast=broadcast)
    rows = Sentence.objects.filter(part__in=parts)
    if numbers := sorted(rows.order_by().values_list("part__number", flat=True).distinct()):
        record(Action.ERASED, room.code, by=Actor(role="not to be stored"), parts=numbers)
    _remove(rows, room_id=room.pk)
    destroy_keys(list(parts.filter(encrypted=True).values_list("pk", flat=True)))


@transaction.atomic
def take_back_parts(consent_id: int) -> None:
    """Remove all that was said in the parts that rest on this consent, in every language, with its history; nobody may read them.

    Viewers are told of each sentence. Idempotent; once more where somebody wrote meanwhile.
    """
    parts = Part.objects.filter(consent=consent_id)
    for room_id in parts.order_by("room").values_list("room", flat=True).distinct():
        _remove(Sentence.objects.filter(part__in=parts), room_id=room_id)
    SentenceRevision.objects.filter(sentence__part__in=parts).delete()
    parts.update(store=False, public=False)
    over = parts.filter(encrypted=True).exclude(ended_at=None)
    destroy_keys(list(over.values_list("pk", flat=True)))


def unneeded_tombstones(before: datetime) -> QuerySet[Sentence]:
    """Of sentences that were removed before then, in parts that had ended by then.

    What a person removed from a stored part stays as long as the part: its history says who, when and why.
    """
    by_person = Exists(SentenceRevision.objects.filter(sentence=OuterRef("pk")))
    gone = Sentence.with_removed.filter(removed_at__lt=before, part__ended_at__lt=before).order_by()
    return gone.exclude(by_person, part__store=True)


@transaction.atomic
def purge_tombstones(*, room_id: int, ended_before: datetime) -> int:
    """Delete what is left of removed sentences, of parts that ended before then. Returns how many."""
    tracks = {track.pk: track for track in locked(Track.objects.filter(room_id=room_id))}
    gone = unneeded_tombstones(ended_before).filter(track__in=tracks)
    rows = list(locked(gone).only("track_id", "version"))
    for row in rows:
        track = tracks[row.track_id]
        track.removals_known_from = max(track.removals_known_from, row.version)
    Track.objects.bulk_update(tracks.values(), ["removals_known_from"])
    Sentence.with_removed.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)


def lock_for_deletion(*, room_id: int, part_id: int | None = None) -> None:
    """Lock a room, or a part of it, with all that goes with it. Call in the transaction that deletes it.

    A part's tracks stay unlocked, whoever speaks does not wait for the deletion; they say it right after it.
    """
    list(locked(Room.objects.filter(pk=room_id).only("pk")))
    about_to_delete.send(Part, room_id=room_id, part_id=part_id)
    if part_id is None:
        list(locked(RoomState.objects.filter(pk=room_id).only("pk")))
        list(locked(Track.objects.filter(room_id=room_id).only("pk")))
    else:
        _note_deletion(room_id, part_id)
    sentences = Sentence.with_removed.filter(track__room_id=room_id)
    if part_id is not None:
        sentences = sentences.filter(part_id=part_id)
    list(locked(sentences.only("pk")))
    # Django collected what goes along before it asked for these locks: a translation that was stored meanwhile goes here.
    if part_id is not None:
        sentences.delete()
    else:
        list(locked(Consent.objects.filter(room=room_id).only("pk")))  # they lose the room
        Track.objects.filter(room_id=room_id).delete()


def delete_parts_of(user_id: int) -> int:
    """Delete what a person hosted, part after part: several rooms are never locked at once. Returns how many.

    Raises Conflict (`still_hosting`) where one of the parts is being written.
    """
    parts = Part.objects.filter(owner=user_id)
    if parts.filter(ended_at=None).exists():
        raise Conflict("still_hosting")
    deleted = 0
    with acting(Actor(role="a person is erased")):
        for part in parts:
            part.delete()
            deleted += 1
    return deleted


def settle_deletion(deletion_id: int) -> None:
    """Whoever followed a track of a deleted part begins anew: no single removals are left of what went at once.

    Behind the deletion and not in it, where the tracks would be locked as long as it takes; each by a statement of its
    own, so that whoever speaks waits for none of ours. Twice does no harm: once more everybody begins anew.
    """
    deletion = PartDeletion.objects.filter(pk=deletion_id).first()
    if deletion is None:
        return
    for pk in sorted(deletion.tracks):
        rows = Track.objects.filter(pk=pk, room_id=deletion.room_id)
        rows.update(version=F("version") + 1, removals_known_from=F("version") + 1)
    PartDeletion.objects.filter(pk=deletion_id).delete()
    transaction.on_commit(partial(live.publish_room, deletion.room_id, PartDeleted(deletion.part)))


def settle_deletions(*, noted_before: datetime) -> None:
    """Those whose process died between the two."""
    for pk in PartDeletion.objects.filter(at__lt=noted_before).order_by("pk").values_list("pk", flat=True):
        settle_deletion(pk)


def _note_deletion(room_id: int, part_id: int) -> None:
    said = Sentence.with_removed.filter(part=part_id).order_by().values("track")
    tracks = list(
        Track.objects.filter(room_id=room_id, pk__in=said).order_by("pk").values_list("pk", flat=True)
    )
    if tracks:
        noted = PartDeletion.objects.create(room_id=room_id, part=part_id, tracks=tracks)
        transaction.on_commit(partial(settle_deletion, noted.pk))


@transaction.atomic
def _remove(rows: QuerySet[Sentence], *, room_id: int, by: Editor | None = None) -> None:
    """Leave tombstones of these sentences of a room, and publish the removals.

    What is said of a removed sentence afterwards does not belong to its tombstones: they end.
    """
    while True:
        before = transaction.savepoint()
        tracks = {track.pk: track for track in locked(Track.objects.filter(room_id=room_id))}
        found = list(locked(rows.select_related("part")))
        # What was translated while these locks were waited for is not among what they found; nothing more can come.
        now_here = set(rows.values_list("pk", flat=True))
        if now_here == {row.pk for row in found} and all(row.track_id in tracks for row in found):
            break
        transaction.savepoint_rollback(
            before
        )  # a language came meanwhile: once more, with its track locked first
    forget_earlier_texts(found)
    note_revision(found, SentenceRevision.Action.REMOVED, by)
    now, removed = timezone.now(), defaultdict[int, list[SentenceRemoved]](list)
    for row in found:
        track = tracks[row.track_id]
        track.version += 1
        row.text, row.removed_at, row.version, row.ends = "", now, track.version, True
        removed[track.pk].append(SentenceRemoved(track.lang, row.version, row.part.number, row.index))
    Sentence.with_removed.bulk_update(found, ["text", "removed_at", "version", "ends"], batch_size=500)
    Track.objects.bulk_update([tracks[pk] for pk in removed], ["version"])
    for pk, events in removed.items():
        transaction.on_commit(partial(live.publish_track, room_id, tracks[pk].lang, events))
