"""Writes the showcase into the database that is configured. python -m ops.showcase keeps the live talk unfinished."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from asr.leases import Lease, announce_ready, claim, finish
from asr.models import Session, Worker
from asr.rooms.ending import close_room
from asr.rooms.models import RoomSession
from asr.rooms.presence import leave_as_host
from asr.rooms.services import HostRequest, join_as_host
from ops.showcase import talks
from ops.showcase.operation import tick
from ops.showcase.talks import ShownTalk
from rooms.models import Hall, Room, Vote
from rooms.seed import settings_event
from transcripts import live
from transcripts.events import Partial
from transcripts.models import Part, Sentence
from transcripts.room_state import note_delay
from transcripts.selectors import current_part, next_index
from transcripts.services import NewSentence, PartTerms, Translation, add_sentences, add_translations_by_lang

WORKER = "asr@showcase"
SENTENCE_MS = 3400


def prepare() -> None:
    """A conference at the moment of the call. For an empty database."""

    event = settings_event()
    event.title, event.time_zone = talks.EVENT, zone_of_afternoon(timezone.now())
    event.save(update_fields=["title", "time_zone"])
    for name, slug in talks.HALLS.items():
        Hall.objects.create(event=event, name=name, slug=slug)
    lives = timezone.now() + timedelta(hours=1)  # until tick, however long the talks take
    Worker.objects.create(name=WORKER, slots=9, model="base", device="cpu", beat_at=lives)
    for talk in talks.TALKS:
        _write(talk)
    tick()


def zone_of_afternoon(now: datetime) -> str:
    """Where it is between two and three o'clock and the clocks never change: today has a past and a future there."""
    behind = (now.astimezone(UTC).hour - 14 + 12) % 24 - 12  # hours; POSIX counts them west of Greenwich
    return f"Etc/GMT{behind:+d}" if behind else "Etc/GMT"


def unfinished() -> None:
    """Publish the words that the live talk has not finished, once: whoever watches sees them."""
    room = Room.objects.get(code="LIVE")
    part = current_part(room.pk)
    assert part is not None  # noqa: S101
    text = talks.UNFINISHED + talks.TENTATIVE
    partial = Partial(
        lang="en", part=part.number, start_ms=SENTENCE_MS * len(talks.SPOKEN), text=text, index=next_index(part),
        broadcast=part.broadcast, confirmed_chars=len(talks.UNFINISHED),
    )  # fmt: skip
    live.publish_room(room.pk, partial)


def _write(talk: ShownTalk) -> None:

    starts_at = timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=talk.in_min)
    room = Room.objects.create(
        code=talk.code, title=talk.title, presenters=[talk.speaker], track=talk.track, colour=talk.colour,
        hall=Hall.objects.get(name=talk.hall), location=talk.hall, starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=talks.TALK_MIN), language=talk.lang, origin=Room.Origin.SCHEDULE,
        do_not_record=talk.do_not_record, in_schedule=True,
        schedule_event={"code": talk.code, "do_not_record": talk.do_not_record},
    )  # fmt: skip
    if talk.votes:
        Vote.objects.create(room=room, count=talk.votes)
    if talk.state:
        _speak(room, talk)


def _speak(room: Room, talk: ShownTalk) -> None:
    """Captioned up to now, by the services that do it when somebody speaks."""
    owner = User.objects.filter(username="host").first()
    terms = PartTerms(talk.lang, store=True, public=True, owner_id=owner.pk if owner else None)
    host_lease = join_as_host(HostRequest(room.code, terms))
    session = Session.objects.get(pk=host_lease.session_id)
    lease = Lease(session.pk, session.generation)
    claim(lease, worker=WORKER, pid=os.getpid())
    announce_ready(lease)
    _say(RoomSession.objects.select_related("part").get(pk=session.pk).part, talk)
    note_delay(room_id=room.pk, session=session.pk, delay_s=1.4)
    if talk.state == "grace":
        leave_as_host(room_id=room.pk, connection_id=host_lease.connection_id)
    if talk.state == "ended":
        close_room(room.pk)
        finish(lease)


def _say(part: Part, talk: ShownTalk) -> None:
    """Sentences with their times, and what they are in other languages."""
    began = timezone.now() - timedelta(milliseconds=SENTENCE_MS * len(talks.SPOKEN) + 1500)
    if talk.state == "ended" and part.room.starts_at:
        began = part.room.starts_at
    Part.objects.filter(pk=part.pk).update(started_at=began)
    spoken, read, other = (0, 1, "de") if talk.lang == "en" else (1, 0, "en")
    sentences = [
        NewSentence(SENTENCE_MS * n, SENTENCE_MS * (n + 1) - 400, pair[spoken], new_line=n % 4 == 0)
        for n, pair in enumerate(talks.SPOKEN)
    ]
    rows = add_sentences(part=part, sentences=sentences)
    for row in rows:
        Sentence.objects.filter(pk=row.pk).update(
            created_at=began + timedelta(milliseconds=row.end_ms + 1400)
        )
    texts = {other: [pair[read] for pair in talks.SPOKEN], "fr": [talks.FRENCH], "ar": [talks.ARABIC]}
    translations = {
        lang: [Translation(row.index, text, row.version) for row, text in zip(rows, lines, strict=False)]
        for lang, lines in texts.items()
    }
    add_translations_by_lang(part=part, translations=translations)
