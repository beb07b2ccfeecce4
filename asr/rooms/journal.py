"""What an operator reads in the log of a room: opened, joined, left, closed. Facts, never names, keys or text."""

import logging
from functools import partial

from django.db import transaction

from asr.rooms.models import RoomSession

logger = logging.getLogger("asr.rooms")


def note(message: str, at: RoomSession, **facts: object) -> None:
    """A line about a session's room once the transaction is committed."""
    extra = {"room": at.room.code, "session": at.pk, "lang": at.part.source_lang, **facts}
    transaction.on_commit(partial(logger.info, message, extra=extra))
