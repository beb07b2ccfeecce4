"""What a restored database needs before anybody uses it: keys of what is there, and an end to what was live when it was written."""

from __future__ import annotations

from django.db import transaction

from asr.models import Session
from asr.sessions import finish_session
from rooms.locks import locked
from rooms.models import DataKey, Room
from transcripts.encryption import key_name
from transcripts.models import Part, Sentence
from transcripts.removal import remove_unstored


def bring_keys(wrapped: dict[str, bytes]) -> int:
    """Of parts that this backup has; one that is younger must not lie there when its part's number is given again. Returns how many."""
    parts = Part.objects.filter(encrypted=True, store=True).values_list("pk", flat=True)
    names = [name for name in map(key_name, parts) if name in wrapped]
    DataKey.objects.bulk_create(DataKey(name=name, wrapped=wrapped[name]) for name in names)
    return len(names)


def end_what_was_live() -> int:
    """Nobody speaks there any more, and what waited in Redis is not here. Returns how many sessions."""
    running = list(
        Session.objects.filter(state__in=Session.RUNNING).order_by("pk").values_list("pk", flat=True)
    )
    for pk in running:
        with transaction.atomic():
            session = locked(Session.objects.filter(pk=pk)).get()
            session.generation += 1
            session.worker, session.pid = "", None
            session.save(update_fields=["generation", "worker", "pid"])
            finish_session(session)
    unstored = Sentence.objects.filter(part__store=False).order_by().values("part__room")
    for room in Room.objects.filter(pk__in=unstored):
        remove_unstored(room=room)
    return len(running)
