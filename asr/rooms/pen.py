"""The pen: one writer of a room's spoken track at a time. A person takes it from the recogniser, by a lease.

A lease that is not renewed for PEN_S is over, however that came about: nobody types any more, the connection broke, a
process died. Its holder's finished sentences are stored like the recogniser's; what is unfinished is published alone.
Locks: the session, then the pen, then the track. A renewal is one UPDATE that says itself what must still hold.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from asr.models import Session
from asr.rooms.ending import lock_open_session, lock_room_session
from asr.rooms.journal import note
from asr.rooms.models import Pen, RoomSession
from asr.rooms.typed_times import typed_span
from rooms.errors import BadInput, Conflict, NotFound
from rooms.locks import locked
from transcripts import live
from transcripts.editing import SentencePlace
from transcripts.events import Partial, PenChanged
from transcripts.models import Part, Sentence
from transcripts.removal import remove_sentence
from transcripts.revisions import Editor
from transcripts.selectors import next_index
from transcripts.services import NewSentence, add_sentences, correct_sentence
from transcripts.text import clean_text, one_line

PEN_S = 4.0  # the recogniser goes on within five seconds; its process looks several times a second
YIELDS_WITHIN_S = 2.0  # a process that hangs or is busy keeps nobody from writing for longer
TYPED_MOST_CHARS = 400  # who types more without an end has two sentences
KEY_PREFIX = "typed."


@dataclass(frozen=True, slots=True)
class PenLease:
    """What a captioner got. `token` is shown with every write, and by the same page to come back."""

    room_id: int
    pen_id: int
    token: str


@dataclass(frozen=True, slots=True)
class TypedSentence:
    """A sentence that a person finished. `sentence_id`: its page's name for it, the same with every try.

    `began_at`, `ended_at`: when its first and its last key was pressed.
    """

    sentence_id: str
    text: str
    began_at: datetime
    ended_at: datetime


@transaction.atomic
def take_pen(room_id: int, *, token: str = "") -> PenLease:
    """Take the pen, or go on with the one that `token` belongs to.

    Raises Conflict: `not_active` (nobody speaks in the room now), `pen_taken` (somebody else has it).
    """
    opened = lock_open_session(room_id)
    if opened is None:
        raise Conflict("not_active")
    now = timezone.now()
    pen = locked(Pen.objects.filter(room=room_id, released_at=None)).first()
    if pen is not None and pen.expires_at > now:
        if not token or pen.token != token:
            raise Conflict("pen_taken")
        pen.token = str(uuid.uuid4())  # an older tab has it no more
        pen.expires_at = now + timedelta(seconds=PEN_S)
        pen.save(update_fields=["token", "expires_at"])
        return PenLease(room_id, pen.pk, pen.token)
    if pen is not None:
        pen.released_at = pen.expires_at
        pen.save(update_fields=["released_at"])
    pen = Pen.objects.create(
        room_id=room_id, part=opened.part, token=str(uuid.uuid4()), taken_at=now,
        expires_at=now + timedelta(seconds=PEN_S),
    )  # fmt: skip
    note("pen taken", opened)
    _publish_held(room_id, held=True)
    return PenLease(room_id, pen.pk, pen.token)


def renew_pen(lease: PenLease, *, keeps: bool = False) -> None:
    """Hold it for another PEN_S. `keeps`: nothing the recogniser hears up to now is wanted, written or not.

    Raises Conflict (`pen_lost`).
    """
    now = timezone.now()
    written = {"written_at": now} if keeps else {}
    if not _mine(lease).update(expires_at=now + timedelta(seconds=PEN_S), **written):
        raise Conflict("pen_lost")


def show_typed(lease: PenLease, text: str, *, began_at: datetime) -> None:
    """Renew, and publish what is being typed: it is stored nowhere.

    Raises Conflict: `pen_lost`; `not_active`; `pen_not_ready` (`retry`: the recogniser still ends its sentence).
    """
    renew_pen(lease)
    opened = _running(lease.room_id)
    if opened is None:
        raise Conflict("not_active")
    _check_yielded(Pen.objects.get(pk=lease.pen_id), opened.session)
    part = opened.part
    start_ms, _ = typed_span(opened.session, part, began_at, timezone.now())
    shown = Partial(
        part.source_lang,
        part.number,
        start_ms,
        one_line(text[:TYPED_MOST_CHARS]),
        next_index(part),
        broadcast=part.broadcast,
    )
    live.publish_room(lease.room_id, shown)


@transaction.atomic
def write_typed(lease: PenLease, typed: TypedSentence) -> Sentence:
    """Store a finished sentence and renew. The same one again is the one that is stored, whoever has the pen now.

    Raises BadInput; Conflict as `show_typed`. Locks: the session, the pen, the track.
    """
    if len(typed.text) > TYPED_MOST_CHARS:
        raise BadInput("text_too_long", most=TYPED_MOST_CHARS)
    text = clean_text(typed.text)
    opened = _lock_running(lease.room_id)
    stored = _typed(lease.room_id, typed.sentence_id)
    if stored is not None:
        return stored
    pen = locked(_mine(lease)).first()
    if pen is None:
        raise Conflict("pen_lost")
    if opened is None:
        raise Conflict("not_active")
    _check_yielded(pen, opened.session)
    start_ms, end_ms = typed_span(opened.session, opened.part, typed.began_at, typed.ended_at)
    (row,) = add_sentences(
        part=opened.part,
        sentences=[NewSentence(start_ms, end_ms, text, key=_key(typed.sentence_id), continues=False)],
    )
    pen.written_at = now = timezone.now()
    pen.expires_at = now + timedelta(seconds=PEN_S)
    pen.save(update_fields=["written_at", "expires_at"])
    return row


def undo_typed(room_id: int, sentence_id: str, *, by: Editor) -> str:
    """Take a typed sentence back, for its page to be mended there; its text. Raises NotFound, Conflict (`not_active`)."""
    row = _typed(room_id, sentence_id)
    if row is None:
        raise NotFound("sentence_not_found")
    _check_running(row)
    remove_sentence(row, by=by)
    return row.text


def correct_spoken(place: SentencePlace, *, text: str, seen_version: int, by: Editor) -> Sentence:
    """Mend a sentence of the broadcast that runs, whoever wrote it; for a captioner, who may write there anyway.

    Raises NotFound, BadInput, Conflict: `not_active`, `sentence_changed`.
    """
    part = Part.objects.filter(room_id=place.room_id, number=place.part).first()
    rows = Sentence.objects.filter(part=part, track__lang=part.source_lang if part else "", index=place.index)
    row = rows.select_related("part").first()
    if row is None:
        raise NotFound("sentence_not_found")
    _check_running(row)
    return correct_sentence(
        sentence=row, text=clean_text(text), seen_version=seen_version, by=by, upto=place.upto
    )


def release_pen(lease: PenLease) -> None:
    """Give it up: the recogniser goes on at once. Without effect where it is lost already."""
    _release(_mine(lease), lease.room_id)


def end_expired_pen(room_id: int) -> None:
    """Note that the pen's lease is over, if it is; whoever notices first publishes it."""
    expired = Pen.objects.filter(room=room_id, released_at=None, expires_at__lte=timezone.now())
    _release(expired, room_id)


@transaction.atomic
def _release(pens: QuerySet[Pen], room_id: int) -> None:
    if not pens.update(released_at=timezone.now()):
        return
    opened = _running(room_id)
    if opened is not None:  # what was shown unfinished is nobody's any more
        part = opened.part
        gone = Partial(part.source_lang, part.number, 0, "", next_index(part), broadcast=part.broadcast)
        transaction.on_commit(partial(live.publish_room, room_id, gone))
    _publish_held(room_id, held=False)


def _key(sentence_id: str) -> str:
    return f"{KEY_PREFIX}{sentence_id}"


def _typed(room_id: int, sentence_id: str) -> Sentence | None:
    rows = Sentence.with_removed.filter(part__room_id=room_id, key=_key(sentence_id))
    return rows.select_related("part").first()


def _check_running(row: Sentence) -> None:
    """What is over belongs to its host."""
    running = _running(row.part.room_id)
    if running is None or running.part.broadcast != row.part.broadcast:
        raise Conflict("not_active")


def _mine(lease: PenLease) -> QuerySet[Pen]:
    return Pen.objects.filter(
        pk=lease.pen_id, token=lease.token, released_at=None, expires_at__gt=timezone.now()
    )


def _running(room_id: int) -> RoomSession | None:
    """The newest session if it runs, be it on its last sentences."""
    rows = RoomSession.objects.filter(room_id=room_id, session__state__in=Session.RUNNING)
    return rows.select_related("session", "part").first()


def _lock_running(room_id: int) -> RoomSession | None:
    """The same, its rows locked; None too where it ended while they were waited for."""
    running = _running(room_id)
    if running is None:
        return None
    session = locked(Session.objects.filter(pk=running.pk, state__in=Session.RUNNING)).first()
    return lock_room_session(session) if session else None


def _check_yielded(pen: Pen, session: Session) -> None:
    """Two never write at once: the recogniser first ends its sentence, if there is one who could."""
    waits_until = pen.taken_at + timedelta(seconds=YIELDS_WITHIN_S)
    if pen.yielded_at is None and session.pid is not None and timezone.now() < waits_until:
        raise Conflict("pen_not_ready", retry=True)


def _publish_held(room_id: int, *, held: bool) -> None:
    transaction.on_commit(partial(live.publish_room, room_id, PenChanged(held)))
