"""Writes of how a room stands."""

from functools import partial

from django.db import transaction
from django.utils import timezone

from rooms.locks import locked
from transcripts import live
from transcripts.events import StateChanged
from transcripts.models import RoomState


@transaction.atomic
def put_room_state(new: RoomState) -> None:
    """Write the state of a room where it differs, and publish it. Two writers of one room must exclude each other."""
    old = locked(RoomState.objects.filter(pk=new.room_id)).first()
    if old is not None and _same_state(old, new):
        return
    if old is not None and old.state == new.state:
        new.since = old.since
    if old is not None and old.session == new.session:
        new.delay_s, new.delay_at = old.delay_s, old.delay_at
    new.save(force_insert=old is None, force_update=old is not None)
    until = new.grace_until
    left = None if until is None else max(0.0, (until - timezone.now()).total_seconds())
    event = StateChanged(new.state, new.broadcast, new.part, new.source_lang, left)
    transaction.on_commit(partial(live.publish_room, new.room_id, event))


def note_delay(*, room_id: int, session: int, delay_s: float) -> None:
    """The process of this session says how late its text is."""
    rows = RoomState.objects.filter(pk=room_id, session=session)
    rows.update(delay_s=delay_s, delay_at=timezone.now())


def _same_state(old: RoomState, new: RoomState) -> bool:
    published = (
        "state", "broadcast", "first_part", "part", "source_lang", "session", "ready", "grace_until", "leave_at",
    )  # fmt: skip
    return all(getattr(old, name) == getattr(new, name) for name in published)
