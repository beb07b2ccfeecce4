"""The last thing that a room's host was told, kept for who looks after all rooms."""

import logging

from django.db import Error as DatabaseError
from django.utils import timezone

from asr.rooms.models import RoomSession

logger = logging.getLogger(__name__)


def note_error(session_id: int, code: str) -> None:
    """Remember this code (of a HostError) and when. Never fails: whoever has trouble has enough of it."""
    try:
        RoomSession.objects.filter(pk=session_id).update(last_error=code, last_error_at=timezone.now())
    except DatabaseError:
        logger.warning("error of a room not noted", extra={"session": session_id, "code": code})
