"""Who did what, for those who must answer for it: rows that are added and never changed (the database sees to it).

Beside it the admin's own log, so that a room's history there tells what was done to it by hand (`note_act`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.contrib.admin.models import CHANGE, LogEntry
from django.core.cache import cache
from redis.exceptions import RedisError

from rooms.access import Identity
from rooms.models import AuditEntry, Room

DOWNLOAD_NOTED_EVERY_S = 60  # of a file by the same user; of all who are not signed in together
Action = AuditEntry.Action


@dataclass(frozen=True, slots=True)
class Actor:
    """A user's key, or None where only a role is known: host, admin, retention, end of grace."""

    user_id: int | None = None
    role: str = ""


_NOBODY = Actor()
_acting: ContextVar[Actor] = ContextVar("acting", default=_NOBODY)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """What is recorded inside, by whatever it calls, this actor did."""
    token = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(token)


def record(action: AuditEntry.Action, room_code: str, *, by: Actor | None = None, **details: object) -> None:
    """Add an entry; call in the transaction of what was done. `details`: numbers and terms, never text or names."""
    by = by or _acting.get()
    AuditEntry.objects.create(
        action=action, room_code=room_code, user_id=by.user_id, role=by.role[:40], details=details
    )


def record_download(room: Room, identity: Identity | None, *, form: str, lang: str = "") -> None:
    """Somebody takes a transcript; not each time, where one asks again and again."""
    by = Actor(identity.user_id, identity.power) if identity else Actor(role="anybody")
    known = f"rooms:downloaded:{room.pk}:{form}:{lang}:{by.user_id or by.role}"
    try:
        if not cache.add(known, value=True, timeout=DOWNLOAD_NOTED_EVERY_S):
            return
    except (RedisError, OSError):
        pass  # once too often
    record(Action.DOWNLOADED, room.code, by=by, form=form, lang=lang)


def note_act(user_id: int, room: Room, act: str) -> None:
    """Write down that this person did this; call in the transaction of what was done. `act`: what, without text of people."""
    LogEntry.objects.log_actions(user_id, Room.objects.filter(pk=room.pk), CHANGE, act, single_object=True)
