"""The key of a session's audio and text in Redis: created with the session, destroyed at its end.

It lies wrapped in PostgreSQL, so any process may die and another one goes on; Redis and its files have what is encrypted alone.
"""

from __future__ import annotations

from django.db import transaction

from asr.models import Session
from rooms import data_keys
from rooms.encryption import Cipher
from rooms.locks import locked


class SessionOver(Exception):
    """The session has ended: its key is gone, and nothing more is written for it."""


def create_key(session: Session) -> None:
    """Call in the transaction that creates the session."""
    data_keys.create(_name(session.pk))


def destroy_key(session: Session) -> None:
    """What is left of the session in Redis, and in copies of its files, is unreadable from the commit on."""
    data_keys.destroy([_name(session.pk)])


def session_cipher(session_id: int) -> Cipher:
    """Raises SessionOver."""
    name = _name(session_id)
    return data_keys.cipher_of(name) or _first_cipher(session_id)


@transaction.atomic
def _first_cipher(session_id: int) -> Cipher:
    """Of a running session that an older version opened, which knew no keys."""
    running = Session.objects.filter(pk=session_id, state__in=Session.RUNNING)
    if not locked(running.only("pk")):
        raise SessionOver
    return data_keys.get_or_create(_name(session_id))


def _name(session_id: int) -> str:
    return f"session:{session_id}"
