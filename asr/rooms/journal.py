"""What an operator reads in the log of a room: opened, joined, left, closed. Facts, never names, keys or text."""

import logging
from functools import partial

from django.db import transaction

from asr.models import Session

logger = logging.getLogger("asr.rooms")


def note(message: str, session: Session, **facts: object) -> None:
    """A line about a session's room once the transaction is committed."""
    code = session.room.code if session.room is not None else None
    extra = {"room": code, "session": session.pk, "lang": session.source_lang, **facts}
    transaction.on_commit(partial(logger.info, message, extra=extra))
